package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"vmrecord/bundle/replay"
	"vmrecord/cmd/internal/exit"
	"vmrecord/configs/spelling"
	"vmrecord/vmm"
)

// interruptible is the context of a verb that ^C ends.
func interruptible() (context.Context, context.CancelFunc) {
	return signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
}

// positionUsage is the help of a flag whose value is a position: what it is for,
// and where that is if none is given.
func positionUsage(what, usual string) string {
	text := what + ", `POS`: an instant, 12.5s, -3s, 50%, @mark, failure, end"
	if usual != "" {
		text += " (default " + usual + ")"
	}
	return text
}

// atFlag defines --at.
func atFlag(c *cobra.Command, at *string, what, usual string) {
	c.Flags().StringVar(at, "at", "", positionUsage(what, usual))
}

// windowFlags defines --from and --to.
func windowFlags(c *cobra.Command, from, to *string, usualFrom, usualTo string) {
	c.Flags().StringVar(from, "from", "", positionUsage("where to begin", usualFrom))
	c.Flags().StringVar(to, "to", "", positionUsage("where to end", usualTo))
}

// window finds the positions of a window: of all there is, where none are given.
func window(l replay.Line, from, to string) (a, b vmm.Position, err error) {
	from, to = cmp.Or(from, "start"), cmp.Or(to, "end")
	if a, err = replay.ParsePosition(from, l); err == nil {
		b, err = replay.ParsePosition(to, l)
	}
	if err == nil && b.Before(a) {
		err = exit.Errorf(exit.Usage, "--from %s is behind --to %s", from, to)
	}
	return a, b, err
}

// symbolsFlag defines --symbols, for files of programs and of what else is named.
func symbolsFlag(c *cobra.Command, dir *string, also string) {
	c.Flags().StringVar(dir, "symbols", "", "a folder with ELF files of programs"+also+", by build id or name (`DIR`)")
}

// withModules is what else symbolsFlag may take.
const withModules = " and of the kernel's modules (.ko)"

// oneOf refuses what is not among a flag's words.
func oneOf(flag, is string, of []string) error {
	if slices.Contains(of, is) {
		return nil
	}
	hint := ""
	if n, ok := spelling.Nearest(is, of); ok {
		hint = fmt.Sprintf("; did you mean %s?", n)
	}
	return exit.Errorf(exit.Usage, "--%s %s: want one of %s%s", flag, is, strings.Join(of, ", "), hint)
}
