package program

import (
	"strings"
	"testing"
)

func TestSaid(t *testing.T) {
	t.Parallel()
	c := Command{Redact: func(s string) string {
		return strings.NewReplacer("not-a-real secret", "(sensitive)", "not-a-real-token", "(sensitive)").Replace(s)
	}}
	for name, tt := range map[string]struct{ stderr, want string }{
		"nothing":         {"", ""},
		"a frame":         {"\n╷\n│ Error: No value\n│ \n│   on main.tf line 1:\n╵\n", "Error: No value on main.tf line 1:"},
		"after a warning": {"Warning: old\nError: new\n", "Error: new"},
		"a secret":        {"Error: bad not-a-real-token here", "Error: bad (sensitive) here"},
		"a broken secret": {"│ Error: bad not-a-real\n│ secret here", "Error: bad (sensitive) here"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := c.said(tt.stderr); got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
	t.Run("a secret where it is cut", func(t *testing.T) {
		t.Parallel()
		for n := mostSaid - 30; n < mostSaid+10; n++ {
			if got := c.said("Error: " + strings.Repeat("x", n) + "not-a-real-token" + strings.Repeat("y", 99)); strings.Contains(got, "not-a-re") {
				t.Fatalf("at %d a part of the secret stayed: %s", n, got[len(got)-40:])
			}
		}
	})
}
