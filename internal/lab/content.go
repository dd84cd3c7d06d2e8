package lab

import (
	"context"
	"fmt"
)

// Content is all that the emulator holds, of every service, account and region:
// where each value is, and what it is, as Python writes it. Requests wait while it
// is gathered. What several things refer to is told once, nearest to its service.
func (e *Emulator) Content(ctx context.Context) (map[string]string, error) {
	content := map[string]string{}
	if err := e.process.do(ctx, command{Op: "dump", Node: e.path}, &content); err != nil {
		return nil, fmt.Errorf("content of emulator %s: %w", e.URL(), err)
	}
	return content, nil
}
