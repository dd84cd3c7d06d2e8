package detect_test

import (
	"fmt"
	"os"
	"testing"

	"holdfast/internal/lab"
	"holdfast/internal/provider/providertest"
)

func TestMain(m *testing.M) {
	providertest.Main()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	bed, err := lab.NewBed("holdfast-detect-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	theBed = bed
	defer bed.Close()
	return m.Run()
}
