package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"vmrecord/bundle"
	"vmrecord/bundle/replay"
	"vmrecord/cmd/internal/cli"
	"vmrecord/cmd/internal/machine"
	"vmrecord/vmm"
	"vmrecord/vmm/timeline"
)

// A look is how all verbs that go to positions of a recording open it.
type look struct {
	file   string
	b      *bundle.Bundle // for all but the machines, which have their own
	engine machine.Maker
	bar    *cli.Progress
	t      *timeline.Timeline // nil: not asked for, or given away
}

// lookInto finds and opens a recording: a file, or a report in the inbox.
func lookInto(c *cobra.Command, name string, e machine.Maker) (*look, error) {
	file, err := find(c, name)
	if err != nil {
		return nil, err
	}
	b, err := open(file)
	if err != nil {
		return nil, err
	}
	return &look{file: file, b: b, engine: e, bar: cli.NewProgress(c.ErrOrStderr())}, nil
}

// line is its timeline, at the start. Where going somewhere takes long, it shows
// how far it is.
func (l *look) line(ctx context.Context) (t *timeline.Timeline, err error) {
	l.t, err = timeline.Open(ctx, func() (*timeline.Run, error) { return fresh(l.file, l.engine) },
		timeline.Options{End: l.b.Manifest().Tape.End})
	if err != nil {
		return nil, status(err)
	}
	l.t.OnProgress(l.show)
	return l.t, nil
}

// show draws the way to a position; its end clears the way for what is printed.
func (l *look) show(done, total uint64) {
	if l.bar.Part("replaying", done, total); done == total {
		l.bar.End()
	}
}

// machine is the recorded machine at a position, the caller's from then on, and
// the last of what it had written to its console.
func (l *look) machine(ctx context.Context, at vmm.Position) (r *timeline.Run, console []byte, err error) {
	t, err := l.line(ctx)
	if err != nil {
		return nil, nil, err
	}
	if err := t.Seek(ctx, at); err != nil {
		return nil, nil, status(err)
	}
	l.t, console = nil, t.Text()
	r, err = t.Release()
	return r, console, err
}

// close gives all back. What was only looked at cannot be lost by it.
func (l *look) close() {
	l.bar.End()
	if l.t != nil {
		_ = l.t.Close()
	}
	_ = l.b.Close()
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
		free()
		return nil, errors.Join(err, b.Close())
	}
	return r.Timeline(func() error { free(); return b.Close() }), nil
}
