package main

import (
	"context"

	"github.com/spf13/cobra"

	"vmrecord/bundle"
	"vmrecord/bundle/debug"
	"vmrecord/cmd/internal/machine"
	"vmrecord/vmm/tape"
)

// session opens a recording to look into. done gives all back.
func session(ctx context.Context, c *cobra.Command, name string, e machine.Maker) (s *debug.Session, b *bundle.Bundle, done func(), err error) {
	l, err := lookInto(c, name, e)
	if err != nil {
		return nil, nil, nil, err
	}
	t, err := l.line(ctx)
	if err != nil {
		l.close()
		return nil, nil, nil, err
	}
	s = debug.Open(debug.Source{Name: l.file, Manifest: l.b.Manifest(), Line: t, Tape: func() (*tape.Reader, error) { return l.b.Tape() }})
	return s, l.b, l.close, nil
}

// place is where a look into a recording begins: at is what the user asked for,
// "" the failure if there is one, or else the start.
func place(b *bundle.Bundle, at string) string {
	switch {
	case at != "":
		return at
	case b.Manifest().Failure != nil:
		return "failure"
	}
	return "start"
}
