package attribution

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// folder is a local folder of log objects. Symbolic links in it are followed to
// files, not to folders, so that it has an end.
type folder string

// NewFolder reads log objects that somebody copied to a folder, laid out as in a
// bucket or not at all.
func NewFolder(dir string) *Objects { return &Objects{tree: folder(dir)} }

func (d folder) String() string { return string(d) }

func (d folder) list(_ context.Context, prefix string) (folders, objects []string, err error) {
	entries, err := os.ReadDir(filepath.Join(string(d), filepath.FromSlash(prefix)))
	if errors.Is(err, fs.ErrNotExist) && prefix != "" {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	for _, e := range entries {
		if e.IsDir() {
			folders = append(folders, e.Name()+"/")
		} else {
			objects = append(objects, e.Name())
		}
	}
	return folders, objects, nil
}

func (d folder) open(_ context.Context, name string) (io.ReadCloser, error) {
	return os.Open(filepath.Join(string(d), filepath.FromSlash(name)))
}
