package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"debug/buildinfo"
	"debug/elf"
	"debug/macho"
	"debug/pe"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// shipped are what each archive must have beside the program.
var shipped = []string{
	"LICENSE", "README.md", "CHANGELOG.md", "completions/holdfast.bash", "completions/_holdfast", "completions/holdfast.fish",
	"completions/holdfast.ps1", "man/holdfast.1", "man/holdfast-check.1", "man/holdfast-serve.1",
}

// verifyAll looks at the archives of the targets as who downloads them would.
func verifyAll(ctx context.Context, c config, v values, targets []target) error {
	name, err := v.fill(c.Checksum.NameTemplate)
	if err != nil {
		return err
	}
	list, err := os.ReadFile(filepath.Join(c.Dist, name))
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s has no release of commit %s (%s is missing): build it, and leave HEAD where it is meanwhile", c.Dist, v["ShortCommit"], name)
	}
	if err != nil {
		return err
	}
	for _, t := range targets {
		name, err := v.with(t).fill(c.Archives[0].NameTemplate)
		if err != nil {
			return err
		}
		format := c.Archives[0].formatOf(t.os)
		name += "." + format
		packed, err := os.ReadFile(filepath.Join(c.Dist, name))
		if err != nil {
			return err
		}
		if !strings.Contains("\n"+string(list), fmt.Sprintf("\n%x  %s\n", sha256.Sum256(packed), name)) {
			return fmt.Errorf("%s: the list of checksums does not have it, or another sum", name)
		}
		members, err := unpack(format, packed)
		if err == nil {
			err = verify(ctx, v, t, members)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		fmt.Fprintf(os.Stdout, "%s: %d files, as they should be\n", name, len(members))
	}
	return nil
}

// verify looks at what is in an archive.
func verify(ctx context.Context, v values, t target, members []member) error {
	program := "holdfast"
	if t.os == "windows" {
		program += ".exe"
	}
	var errs []error
	for _, name := range append(slices.Clone(shipped), program) {
		if !slices.ContainsFunc(members, func(m member) bool { return m.name == name && len(m.content) > 0 }) {
			errs = append(errs, fmt.Errorf("it has no %s", name))
		}
	}
	for _, m := range members {
		mode := os.FileMode(0o644)
		if m.name == program {
			mode = 0o755
			errs = append(errs, verifyProgram(ctx, v, t, m.content))
		}
		if m.mode.Perm() != mode {
			errs = append(errs, fmt.Errorf("%s has mode %o", m.name, m.mode.Perm()))
		}
		if date := m.mtime.UTC().Format("2006-01-02T15:04:05Z"); date != v["CommitDate"] {
			errs = append(errs, fmt.Errorf("%s is of %s, not of the commit's time", m.name, date))
		}
	}
	return errors.Join(errs...)
}

// verifyProgram looks whether it is for that target and built as it should be;
// that of this machine is run.
func verifyProgram(ctx context.Context, v values, t target, content []byte) error {
	if err := verifyFormat(t, content); err != nil {
		return fmt.Errorf("it is no program for %s/%s: %w", t.os, t.arch, err)
	}
	info, err := buildinfo.Read(bytes.NewReader(content))
	if err != nil {
		return err
	}
	set := map[string]string{}
	for _, s := range info.Settings {
		set[s.Key] = s.Value
	}
	if set["GOOS"] != t.os || set["GOARCH"] != t.arch || set["CGO_ENABLED"] != "0" || set["-trimpath"] != "true" {
		return fmt.Errorf("it was built with %v", set)
	}
	if !bytes.Contains(content, []byte(v["FullCommit"])) {
		return errors.New("it does not know its commit")
	}
	if t.os != runtime.GOOS || t.arch != runtime.GOARCH {
		return nil
	}
	return runProgram(ctx, v, content)
}

// verifyFormat asks the system's own format for the processor.
func verifyFormat(t target, content []byte) error {
	var found any
	wanted := map[target]any{
		{"linux", "amd64"}: elf.EM_X86_64, {"linux", "arm64"}: elf.EM_AARCH64,
		{"darwin", "amd64"}: macho.CpuAmd64, {"darwin", "arm64"}: macho.CpuArm64,
		{"windows", "amd64"}: uint16(pe.IMAGE_FILE_MACHINE_AMD64), {"windows", "arm64"}: uint16(pe.IMAGE_FILE_MACHINE_ARM64),
	}[t]
	r := bytes.NewReader(content)
	switch t.os {
	case "linux":
		f, err := elf.NewFile(r)
		if err != nil {
			return err
		}
		found = f.Machine
		if libraries, err := f.ImportedLibraries(); err == nil && len(libraries) > 0 {
			return fmt.Errorf("it needs libraries: %v", libraries)
		}
	case "darwin":
		f, err := macho.NewFile(r)
		if err != nil {
			return err
		}
		found = f.Cpu
	case "windows":
		f, err := pe.NewFile(r)
		if err != nil {
			return err
		}
		found = f.Machine
	}
	if found == nil || found != wanted {
		return fmt.Errorf("its processor is %v, not %v", found, wanted)
	}
	return nil
}

// runProgram asks it for its version.
func runProgram(ctx context.Context, v values, content []byte) error {
	dir, err := os.MkdirTemp("", "release")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	program := filepath.Join(dir, "holdfast")
	if err := os.WriteFile(program, content, 0o700); err != nil {
		return err
	}
	out, err := exec.CommandContext(ctx, program, "version", "--format", "json").Output()
	if err != nil {
		return err
	}
	var said struct{ Version, Commit, Date string }
	if err := json.Unmarshal(out, &said); err != nil {
		return err
	}
	if said.Version != v["Version"] || said.Commit != v["FullCommit"] || said.Date != v["CommitDate"] {
		return fmt.Errorf("it says it is %+v", said)
	}
	return nil
}

func unpackTar(packed []byte) ([]member, error) {
	zipped, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	var all []member
	for r := tar.NewReader(zipped); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		content, err := io.ReadAll(r)
		if err != nil {
			return nil, err
		}
		all = append(all, member{h.Name, content, h.FileInfo().Mode(), h.ModTime, h.Uname, h.Gname})
	}
}

func unpackZip(packed []byte) ([]member, error) {
	r, err := zip.NewReader(bytes.NewReader(packed), int64(len(packed)))
	if err != nil {
		return nil, err
	}
	var all []member
	for _, f := range r.File {
		opened, err := f.Open()
		if err != nil {
			return nil, err
		}
		content, err := io.ReadAll(opened)
		if err := errors.Join(err, opened.Close()); err != nil {
			return nil, err
		}
		all = append(all, member{name: f.Name, content: content, mode: f.Mode(), mtime: f.Modified})
	}
	return all, nil
}
