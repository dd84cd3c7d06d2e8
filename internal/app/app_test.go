package app

import (
	"os"
	"path/filepath"
	"testing"

	"holdfast/internal/stack"
)

// The limits on providers are those of the settings.
func TestProviderOptions(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), stack.SettingsFile)
	if err := os.WriteFile(file, []byte("version: 1\nconcurrency: {providers: 3, memory: 2GiB}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	settings, err := stack.ReadSettings(file)
	if err != nil {
		t.Fatal(err)
	}
	got := providerOptions(CheckOptions{AllowUnlocked: true}, settings, "cache")
	if got.MaxProcesses != 3 || got.MaxMemory != 2<<30 || got.CacheDir != "cache" || !got.AllowUnlocked || got.VerifyAnew {
		t.Errorf("%+v", got)
	}
}
