// Holdfast finds what changed in real infrastructure behind the back of the
// code that declares it.
package main

import (
	"os"
	"runtime/debug"

	"holdfast/internal/cli"
)

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400) // a check lives shortly; the heap is some ten megabytes
	}
	os.Exit(cli.Main(os.Args[1:], os.Environ(), os.Stdout, os.Stderr))
}
