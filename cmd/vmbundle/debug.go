package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"vmrecord/bundle"
	"vmrecord/bundle/debug"
	"vmrecord/bundle/replay"
	"vmrecord/cmd/internal/machine"
	"vmrecord/vmm/tape"
	"vmrecord/vmm/timeline"
)

// session opens a recording to look into. done gives all back.
func session(ctx context.Context, c *cobra.Command, name string, e machine.Maker) (s *debug.Session, b *bundle.Bundle, done func(), err error) {
	file, err := find(c, name)
	if err != nil {
		return nil, nil, nil, err
	}
	if b, err = open(file); err != nil {
		return nil, nil, nil, err
	}
	s, err = debug.Open(ctx, debug.Source{Name: file, Manifest: b.Manifest(), Fresh: func() (*timeline.Run, error) { return fresh(file, e) },
		Tape: func() (*tape.Reader, error) { return b.Tape() }})
	if err != nil {
		return nil, nil, nil, errors.Join(status(err), b.Close())
	}
	return s, b, func() { _, _ = s.Close(), b.Close() }, nil
}

// fresh is a machine of its own, with the tape.
func fresh(file string, e machine.Maker) (*timeline.Run, error) {
	b, err := open(file)
	if err != nil {
		return nil, err
	}
	var free func()
	r, err := replay.Open(b, build(e, &free))
	if err != nil {
		return nil, errors.Join(err, b.Close())
	}
	return r.Timeline(func() error { free(); return b.Close() }), nil
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
