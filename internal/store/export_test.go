package store

// BySeverity is how lists are ordered by severity.
const BySeverity = bySeverity
