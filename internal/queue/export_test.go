package queue

// Offset is offset, for tests.
var Offset = offset
