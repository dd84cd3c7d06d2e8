// Release builds a release as .goreleaser.yaml says, without publishing it, and
// looks at what was built: scripts/release-dry-run.
//
//	release build            all targets, archives and checksums
//	release build linux/amd64 ...
//	release verify           what is in the folder of releases
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"time"
)

const settings = ".goreleaser.yaml"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return errors.New("say build or verify")
	}
	c, err := load(settings)
	if err != nil {
		return err
	}
	v, err := describe(ctx, c)
	if err != nil {
		return err
	}
	wanted, err := choose(c.Builds[0].targets(), args[1:])
	if err != nil {
		return err
	}
	switch args[0] {
	case "build":
		return makeAll(ctx, c, v, wanted)
	case "verify":
		return verifyAll(ctx, c, v, wanted)
	}
	return fmt.Errorf("%q: say build or verify", args[0])
}

// choose takes the targets that are named, or all.
func choose(all []target, names []string) ([]target, error) {
	if len(names) == 0 {
		return all, nil
	}
	var chosen []target
	for _, name := range names {
		system, arch, _ := strings.Cut(name, "/")
		t := target{system, arch}
		if !slices.Contains(all, t) {
			return nil, fmt.Errorf("%s: no target of %s", name, settings)
		}
		chosen = append(chosen, t)
	}
	return chosen, nil
}

// describe says what the templates need, as goreleaser does for a snapshot: the
// last tag, or 0.0.0.
func describe(ctx context.Context, c config) (values, error) {
	commit, err := git(ctx, "rev-parse", "HEAD")
	if err != nil {
		return nil, err
	}
	stamp, err := git(ctx, "show", "-s", "--format=%ct", "HEAD")
	if err != nil {
		return nil, err
	}
	var seconds int64
	if _, err := fmt.Sscan(stamp, &seconds); err != nil {
		return nil, err
	}
	tag, err := git(ctx, "describe", "--tags", "--abbrev=0")
	if err != nil {
		tag = "v0.0.0"
	}
	v := values{
		"ProjectName": c.ProjectName, "Version": strings.TrimPrefix(tag, "v"), "FullCommit": commit, "ShortCommit": commit[:7],
		"CommitTimestamp": stamp, "CommitDate": time.Unix(seconds, 0).UTC().Format(time.RFC3339),
	}
	v["Version"], err = v.fill(c.Snapshot.VersionTemplate)
	return v, err
}

func git(ctx context.Context, args ...string) (string, error) {
	out, err := exec.CommandContext(ctx, "git", args...).Output()
	if err != nil {
		return "", fmt.Errorf("git %s: %w", strings.Join(args, " "), err)
	}
	return strings.TrimSpace(string(out)), nil
}
