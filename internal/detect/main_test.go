package detect_test

import (
	"fmt"
	"os"
	"testing"

	"holdfast/internal/provider/providertest"
)

func TestMain(m *testing.M) {
	providertest.Main()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "holdfast-detect-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	theBed.dir = dir
	defer func() {
		for _, end := range theBed.ends {
			end()
		}
	}()
	return m.Run()
}
