package app_test

import (
	"os"
	"testing"

	"holdfast/internal/provider/providertest"
)

func TestMain(m *testing.M) {
	providertest.Main()
	if n := os.Getenv(tellerEnv); n != "" {
		os.Exit(tellerChild(n))
	}
	os.Exit(m.Run())
}
