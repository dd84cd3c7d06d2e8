package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"time"
)

// member is a file of an archive.
type member struct {
	name    string
	content []byte
	mode    os.FileMode
	mtime   time.Time
	owner   string
	group   string
}

// members are the files and the program, in the order in which they are packed.
func (a archive) members(v values, program string) ([]member, error) {
	var all []member
	for _, f := range a.Files {
		found, err := filepath.Glob(f.Src)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.Src, err)
		}
		if len(found) == 0 {
			return nil, fmt.Errorf("%s: no such file; scripts/release-files makes some", f.Src)
		}
		for _, name := range found {
			inside := filepath.ToSlash(name)
			if f.StripParent {
				inside = path.Base(inside)
			}
			m, err := f.Info.member(v, name, path.Join(f.Dst, inside))
			if err != nil {
				return nil, err
			}
			all = append(all, m)
		}
	}
	m, err := a.BuildsInfo.member(v, program, filepath.Base(program))
	return append(all, m), err
}

func (i info) member(v values, name, inside string) (member, error) {
	content, err := os.ReadFile(name)
	if err != nil {
		return member{}, err
	}
	date, err := v.fill(i.MTime)
	if err != nil {
		return member{}, err
	}
	mtime, err := time.Parse(time.RFC3339, date)
	return member{inside, content, i.Mode, mtime, i.Owner, i.Group}, err
}

// pack makes an archive that is the same for the same members.
func pack(format string, members []member) ([]byte, error) {
	switch format {
	case "tar.gz":
		return packTar(members)
	case "zip":
		return packZip(members)
	}
	return nil, fmt.Errorf("no archive of format %q can be made", format)
}

func packTar(members []member) ([]byte, error) {
	var out bytes.Buffer
	zipped, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	w := tar.NewWriter(zipped)
	for _, m := range members {
		h := &tar.Header{
			Typeflag: tar.TypeReg, Name: m.name, Size: int64(len(m.content)), Mode: int64(m.mode), ModTime: m.mtime, Uname: m.owner, Gname: m.group,
		}
		if err := w.WriteHeader(h); err != nil {
			return nil, err
		}
		if _, err := w.Write(m.content); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	err = zipped.Close()
	return out.Bytes(), err
}

func packZip(members []member) ([]byte, error) {
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for _, m := range members {
		h := &zip.FileHeader{Name: m.name, Method: zip.Deflate, Modified: m.mtime}
		h.SetMode(m.mode)
		f, err := w.CreateHeader(h)
		if err != nil {
			return nil, err
		}
		if _, err := f.Write(m.content); err != nil {
			return nil, err
		}
	}
	err := w.Close()
	return out.Bytes(), err
}

// unpack reads an archive again.
func unpack(format string, packed []byte) ([]member, error) {
	if format == "zip" {
		return unpackZip(packed)
	}
	return unpackTar(packed)
}
