package stack

import "io/fs"

// WithReadDir lets a test fail where a file system of its own would be needed:
// tests may run as root, who may read everything.
func (o DiscoverOptions) WithReadDir(read func(string) ([]fs.DirEntry, error)) DiscoverOptions {
	o.readDir = read
	return o
}

// ParseSettings is parseSettings, for fuzzing.
func ParseSettings(src []byte, file string) (*Settings, error) { return parseSettings(src, file) }
