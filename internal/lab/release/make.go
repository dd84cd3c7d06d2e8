package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// makeAll builds the targets, and packs them.
func makeAll(ctx context.Context, c config, v values, targets []target) error {
	if err := errors.Join(os.RemoveAll(c.Dist), os.MkdirAll(c.Dist, 0o755)); err != nil {
		return err
	}
	hooks, err := v.fillAll(c.Before.Hooks)
	if err != nil {
		return err
	}
	for _, hook := range hooks {
		if err := command(ctx, nil, strings.Fields(hook)...); err != nil {
			return err
		}
	}
	var sums []string
	for _, t := range targets {
		sum, err := makeOne(ctx, c, v.with(t), t)
		if err != nil {
			return fmt.Errorf("%s/%s: %w", t.os, t.arch, err)
		}
		sums = append(sums, sum)
	}
	name, err := v.fill(c.Checksum.NameTemplate)
	if err != nil {
		return err
	}
	slices.SortFunc(sums, func(a, b string) int { return strings.Compare(a[sha256.Size*2:], b[sha256.Size*2:]) })
	return os.WriteFile(filepath.Join(c.Dist, name), []byte(strings.Join(sums, "")), 0o644)
}

// makeOne gives the line of the list of checksums.
func makeOne(ctx context.Context, c config, v values, t target) (string, error) {
	started := time.Now()
	program, err := compile(ctx, c, v, t)
	if err != nil {
		return "", err
	}
	members, err := c.Archives[0].members(v, program)
	if err != nil {
		return "", err
	}
	name, err := v.fill(c.Archives[0].NameTemplate)
	if err != nil {
		return "", err
	}
	format := c.Archives[0].formatOf(t.os)
	packed, err := pack(format, members)
	if err != nil {
		return "", err
	}
	name += "." + format
	if err := os.WriteFile(filepath.Join(c.Dist, name), packed, 0o644); err != nil {
		return "", err
	}
	fmt.Fprintf(os.Stdout, "%s: %.1f MB, in %s\n", name, float64(len(packed))/1e6, time.Since(started).Round(time.Second))
	return fmt.Sprintf("%x  %s\n", sha256.Sum256(packed), name), nil
}

// compile builds the program and says where it is.
func compile(ctx context.Context, c config, v values, t target) (string, error) {
	b := c.Builds[0]
	flags, err := v.fillAll(b.Flags)
	if err != nil {
		return "", err
	}
	ldflags, err := v.fillAll(b.Ldflags)
	if err != nil {
		return "", err
	}
	program := filepath.Join(c.Dist, t.os+"_"+t.arch, b.Binary)
	if t.os == "windows" {
		program += ".exe"
	}
	args := append([]string{"go", "build"}, flags...)
	args = append(args, "-ldflags="+strings.Join(ldflags, " "), "-o", program, b.Main)
	return program, command(ctx, append(slices.Clone(b.Env), "GOOS="+t.os, "GOARCH="+t.arch), args...)
}

func command(ctx context.Context, env []string, args ...string) error {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w", strings.Join(args, " "), err)
	}
	return nil
}
