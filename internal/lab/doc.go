// Package lab is the test bed: an emulated AWS that can be copied in
// milliseconds, Terraform stacks applied to it, changes made behind Terraform's
// back, and a proxy that makes the API fail. Tests, the demo and the benchmark
// use it; nothing that is shipped to users depends on it.
//
// A test usually goes like this: Start an Emulator once, apply a Stack to it,
// then for every case Fork the emulator and Clone the stack onto the fork,
// change something with Call, and look at what Plan or Holdfast makes of it.
//
// The package holds no state of its own: what is shared between tests is the
// caller's business. It leaves no process behind, not even when the Go process
// is killed: see emulator.py for how.
//
// It needs Terraform, a mirror of the AWS provider and Python with moto;
// scripts/setup gets them, FindTools finds them.
package lab
