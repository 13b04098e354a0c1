package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"

	"github.com/spf13/cobra"

	"vmrecord/bundle"
	"vmrecord/bundle/checkpoints"
	"vmrecord/bundle/replay"
	"vmrecord/cmd/internal/cli"
	"vmrecord/cmd/internal/exit"
	"vmrecord/cmd/internal/machine"
	"vmrecord/configs/size"
	"vmrecord/vmm"
	"vmrecord/vmm/host"
	"vmrecord/vmm/timeline"
)

// lookFlags defines the flags of all verbs that go to positions of one recording.
func lookFlags(c *cobra.Command, e *machine.EngineFlags) {
	e.Define(c)
	f := c.Flags()
	f.String("checkpoint-memory", size.Bytes(timeline.DefaultMemory).String(), "what checkpoints may take; more make ways back shorter (`SIZE`)")
	f.Bool("no-cache", false, "neither use checkpoints that were kept earlier nor keep any")
}

// A look is how all verbs that go to positions of a recording open it.
type look struct {
	file   string
	b      *bundle.Bundle // for all but the machines, which have their own
	engine machine.Maker
	memory size.Bytes
	kept   *checkpoints.Folder // nil: nowhere
	bar    *cli.Progress
	errs   io.Writer
	t      *timeline.Timeline // nil: not asked for, or given away
	hurry  func() error       // an error where the user wants an end
}

// keptBytes is how much the checkpoints of all recordings take on disk.
const keptBytes = 8 << 30

// lookInto finds and opens a recording: a file, or a report in the inbox.
func lookInto(c *cobra.Command, name string, e machine.Maker) (*look, error) {
	file, err := find(c, name)
	if err != nil {
		return nil, err
	}
	l := &look{file: file, engine: e, errs: c.ErrOrStderr(), bar: cli.NewProgress(c.ErrOrStderr())}
	if text, _ := c.Flags().GetString("checkpoint-memory"); text != "" {
		if l.memory, err = size.Parse(text); err != nil {
			return nil, exit.Errorf(exit.Usage, "--checkpoint-memory: %w", err)
		}
		l.memory = max(l.memory, 1) // 0 is as usual
	}
	no, _ := c.Flags().GetBool("no-cache")
	if dir, err := cli.CacheDir(); err == nil && !no {
		l.kept = &checkpoints.Folder{Dir: filepath.Join(dir, "checkpoints"), Most: keptBytes, Told: l.bar.Step}
	}
	l.b, err = open(file)
	return l, err
}

// line is its timeline, at the start, with what earlier ones left. Where going
// somewhere takes long, it shows how far it is.
func (l *look) line(ctx context.Context) (t *timeline.Timeline, err error) {
	l.t, err = timeline.Open(ctx, func() (*timeline.Run, error) { return fresh(l.file, l.engine) },
		timeline.Options{End: l.b.Manifest().Tape.End, Memory: int64(min(l.memory, math.MaxInt64)), Used: host.CPUTime})
	if err != nil {
		return nil, status(err)
	}
	l.hurry = ctx.Err
	l.t.OnProgress(l.show)
	if l.kept != nil {
		defer l.bar.End()
		from := *l.kept
		if beside := (checkpoints.Folder{Dir: filepath.Join(filepath.Dir(l.file), besideName)}); !from.Has(l.b.UUID()) && beside.Has(l.b.UUID()) {
			from = beside // what the inbox's check left
		}
		if err := from.Load(l.t, l.b.UUID()); err != nil {
			fmt.Fprintf(l.errs, "checkpoints of earlier runs are not used, and are made again: %v\n", err)
		}
	}
	return l.t, nil
}

// keep keeps the checkpoints for the next look, if there are new ones. Who
// pressed ^C waits for few only.
func (l *look) keep() {
	const few = 256 << 20
	if l.t == nil || l.kept == nil || l.t.Unsaved() == 0 || l.hurry() != nil && l.t.Bytes() > few {
		return
	}
	defer l.bar.End()
	if err := l.kept.Save(l.t, l.b.UUID()); err != nil {
		fmt.Fprintf(l.errs, "checkpoints are not kept for the next time: %v\n", err)
	}
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
	console = t.Text()
	l.keep()
	l.t = nil
	r, err = t.Release()
	return r, console, err
}

// close gives all back. What was only looked at cannot be lost by it.
func (l *look) close() {
	l.bar.End()
	l.keep()
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
	r, err := replay.Open(b, machine.Replayed(e, &free))
	if err != nil {
		free()
		return nil, errors.Join(err, b.Close())
	}
	return r.Timeline(func() error { free(); return b.Close() }), nil
}
