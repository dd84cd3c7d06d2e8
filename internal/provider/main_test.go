package provider

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"holdfast/internal/provider/providertest"
)

// TestMain ends with the question whether the tests left anything behind:
// goroutines, child processes, files in the folder for temporary ones.
func TestMain(m *testing.M) {
	providertest.Main()
	tmp, err := os.MkdirTemp("", "hf")
	if err == nil {
		err = os.Setenv("TMPDIR", tmp)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	for _, left := range leftovers(tmp) {
		fmt.Fprintln(os.Stderr, "left behind:", left)
		code = max(code, 1)
	}
	os.RemoveAll(tmp)
	os.Exit(code)
}

func leftovers(tmp string) []string {
	var left []string
	err := goleak.Find() // which tries for a second
	for range 60 {
		if err == nil {
			break
		}
		err = goleak.Find() // on a busy machine they take their time to end
	}
	if err != nil {
		left = append(left, err.Error())
	}
	entries, _ := os.ReadDir(tmp)
	for _, entry := range entries {
		left = append(left, filepath.Join(tmp, entry.Name()))
	}
	for _, pid := range children(os.Getpid()) {
		left = append(left, "process "+strconv.Itoa(pid))
	}
	return left
}

// children lists the processes whose parent is pid; none where that can't be
// told.
func children(pid int) []int {
	if runtime.GOOS != "linux" {
		return nil
	}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	var found []int
	for _, path := range stats {
		src, err := os.ReadFile(path)
		_, rest, ok := strings.Cut(string(src), ") ")
		if err != nil || !ok {
			continue
		}
		if fields := strings.Fields(rest); len(fields) > 1 && fields[1] == strconv.Itoa(pid) {
			child, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
			found = append(found, child)
		}
	}
	return found
}
