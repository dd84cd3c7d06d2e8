package cli

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/charmbracelet/x/term"
)

func isTerminal(f *os.File) bool { return term.IsTerminal(f.Fd()) }

// confirm asks at the terminal. Anything but yes is no, and so is an interrupt.
func (p *program) confirm(ctx context.Context, question string) bool {
	fmt.Fprintf(p.stderr, "%s Only yes is taken for it: ", question)
	answer := make(chan string, 1)
	go func() { // it stays where an interrupt comes first: the program ends then
		line, _ := bufio.NewReader(os.Stdin).ReadString('\n')
		answer <- line
	}()
	select {
	case line := <-answer:
		return strings.TrimSpace(line) == "yes"
	case <-ctx.Done():
		return false
	}
}
