// Package attribution says who changed what has drifted, when and how: it reads
// AWS CloudTrail's records and holds them against findings. It only reads.
//
// A Source gives raw records: LookupEvents, or log objects in S3 or in a folder.
// An index throws nearly all of them away by looking at bytes. What is left is
// decoded and matched, by the object that it names and the attributes that it
// sets, with general rules; docs/attribution.md lists them. The newest write of
// an attribute wins. Where the evidence contradicts itself, nobody is named: a
// wrong name is worse than none.
package attribution
