package config

import "path/filepath"

// Overlay holds contents that count in place of those of files, by the absolute
// path of the file without any symbolic link in it: source as it would be after
// an edit.
type Overlay map[string][]byte

// Load is Load with the overlay's contents of files.
func (o Overlay) Load(dir, dataDir string) (*Tree, error) { return o.loadTree(dir, dataDir, false) }

// LoadTofu is LoadTofu with the overlay's contents of files.
func (o Overlay) LoadTofu(dir, dataDir string) (*Tree, error) { return o.loadTree(dir, dataDir, true) }

func (o Overlay) read(file string) ([]byte, error) {
	if len(o) == 0 {
		return readSource(file)
	}
	abs, err := filepath.Abs(file)
	if err != nil {
		return nil, err
	}
	physical, err := filepath.EvalSymlinks(abs)
	if err != nil {
		return nil, err
	}
	if src, ok := o[physical]; ok {
		return src, nil
	}
	return readSource(file)
}
