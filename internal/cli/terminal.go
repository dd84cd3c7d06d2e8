package cli

import (
	"io"

	"github.com/charmbracelet/x/term"
)

// terminalWidth is the number of columns of w; 0 where w is no terminal.
func terminalWidth(w io.Writer) int {
	f, ok := w.(interface{ Fd() uintptr })
	if !ok || !term.IsTerminal(f.Fd()) {
		return 0
	}
	width, _, err := term.GetSize(f.Fd())
	if err != nil {
		return 0
	}
	return width
}
