package alert

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"holdfast/internal/lab"
)

// documented is the first block of a page in a language.
func documented(t *testing.T, page, language string) string {
	t.Helper()
	src, err := os.ReadFile(filepath.Join("..", "..", "docs", page))
	if err != nil {
		t.Fatal(err)
	}
	_, block, found := strings.Cut(string(src), "```"+language+"\n")
	if !found {
		t.Fatalf("%s has no %s", page, language)
	}
	block, _, _ = strings.Cut(block, "```")
	return block
}

func TestDocumentedSignature(t *testing.T) {
	t.Parallel()
	if want := sign([]byte("whsec-example"), "1795685460", []byte(`{"id":"m-1"}`)); !strings.Contains(documented(t, "alerts-webhook.md", "sh"), "= "+want+"\n") {
		t.Errorf("the page does not say %s", want)
	}
}

// The documented receiver takes what is signed, once, and nothing else.
func TestDocumentedReceiver(t *testing.T) {
	t.Parallel()
	tools := lab.Need(t)
	file := filepath.Join(t.TempDir(), "receiver.py")
	if err := os.WriteFile(file, []byte(documented(t, "alerts-webhook.md", "python")), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), tools.Python, file)
	cmd.Env = append(os.Environ(), "PORT=0", "PYTHONIOENCODING=utf-8", "HOLDFAST_WEBHOOK_SECRET="+canarySecret)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	lines := bufio.NewScanner(out)
	if !lines.Scan() {
		t.Fatal("it does not start")
	}
	url := "http://127.0.0.1:" + strings.TrimPrefix(lines.Text(), "listening on ") + "/holdfast"
	m, next := someMessage(), testMessage()
	for _, c := range []struct {
		secret string
		m      Message
		taken  bool
	}{{"another", m, false}, {"", m, false}, {canarySecret, m, true}, {canarySecret, m, true}, {canarySecret, next, true}} {
		n, err := NewWebhook(WebhookOptions{URL: url, Secret: c.secret})
		if err != nil {
			t.Fatal(err)
		}
		err = n.Notify(t.Context(), c.m)
		if (err == nil) != c.taken || err != nil && (!isRefused(err) || !strings.Contains(err.Error(), "same secret")) {
			t.Errorf("secret %q: %v", c.secret, err)
		}
	}
	for _, want := range []Message{m, next} {
		if lines.Scan(); lines.Text() != string(want.Severity)+" "+want.Title {
			t.Errorf("it says %q", lines.Text())
		}
	}
}
