package main

import (
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"vmrecord/bundle"
	"vmrecord/cmd/internal/machine"
)

// reportLines is how many lines of the console a report has.
const reportLines = 60

// report tells of a recording what an engineer sees first, at the failure, or at the
// end if there is none.
func report(c *cobra.Command, name string) (string, error) {
	ctx, stop := signal.NotifyContext(c.Context(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	s, b, done, err := session(ctx, c, name, machine.EngineFlags{Engine: machine.Auto})
	if err != nil {
		return "", err
	}
	defer done()
	at := "end"
	if b.Manifest().Failure != nil {
		at = "failure"
	}
	if err := s.Goto(ctx, at); err != nil {
		return "", status(err)
	}
	var w strings.Builder
	if err := s.Monitor(ctx, "when", &w); err != nil {
		return "", status(err)
	}
	for i, caller := range s.Backtrace() {
		fmt.Fprintf(&w, "#%-2d %#x %s\n", i, uint64(caller.Addr), caller.Where)
	}
	if all, err := s.Processes(); len(all) > 0 {
		fmt.Fprintf(&w, "\n  %7s %7s  %-8s %s\n", "PID", "PARENT", "STATE", "COMMAND")
		for _, p := range all {
			fmt.Fprintln(&w, p.Line())
		}
	} else if err != nil {
		fmt.Fprintf(&w, "\n%v\n", err)
	}
	head := w.String()
	tail := "\nlast lines on the console:\n  " + strings.Join(s.Console(reportLines), "\n  ") + "\n"
	head, tail = strings.ToValidUTF8(head, "?"), strings.ToValidUTF8(tail, "?")
	const half = bundle.MaxReport / 2
	return strings.ToValidUTF8(head[:min(len(head), half)]+tail[max(0, len(tail)-half):], ""), nil
}
