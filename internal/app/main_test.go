package app_test

import (
	"os"
	"testing"

	"holdfast/internal/provider/providertest"
)

func TestMain(m *testing.M) {
	providertest.Main()
	os.Exit(m.Run())
}
