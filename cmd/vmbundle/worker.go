package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"vmrecord/bundle"
	"vmrecord/bundle/checkpoints"
	"vmrecord/bundle/debug"
	"vmrecord/bundle/debug/program"
	"vmrecord/bundle/inbox"
	"vmrecord/bundle/replay"
	"vmrecord/cmd/internal/cli"
	"vmrecord/cmd/internal/machine"
	"vmrecord/vmm"
	"vmrecord/vmm/tape"
	"vmrecord/vmm/timeline"
)

const (
	workerVerb = "check-worker"
	besideName = "checkpoints" // the folder of them beside a bundle
	// besideBytes is what checkpoints beside one bundle may take.
	besideBytes = 1 << 30
	crashFrames = 8
)

// workerCommand is how check starts itself: FILE, the folder for checkpoints, and
// the folder of symbols or "".
func workerCommand() *cobra.Command {
	c := &cobra.Command{Use: workerVerb + " FILE DIR SYMBOLS", Hidden: true, Args: cli.Args(3, 3)}
	c.RunE = func(c *cobra.Command, args []string) error {
		if err := limitSelf(); err != nil {
			return fmt.Errorf("limit this process: %w", err)
		}
		v := inbox.Verdict{State: inbox.Reproduced}
		err := examine(&v, args[0], args[1], args[2])
		var parted *tape.Divergence
		switch {
		case errors.As(err, &parted):
			v.State, v.Reason = inbox.Diverged, err.Error()
		case err != nil:
			v.State, v.Reason = inbox.Broken, err.Error()
		}
		return cli.JSON(c.OutOrStdout(), v)
	}
	return c
}

// examine checks a bundle's bytes, replays it twice and looks at its failure.
func examine(v *inbox.Verdict, file, dir, symbols string) error {
	b, err := open(file)
	if err != nil {
		return err
	}
	defer b.Close()
	if err := b.Verify(); err != nil {
		return err
	}
	for range 2 {
		res, err := replayed(file)
		if err != nil {
			return err
		}
		if v.EndHash != "" && v.EndHash != res.EndHash {
			return fmt.Errorf("two replays end differently: %s and %s", v.EndHash, res.EndHash)
		}
		v.Replays, v.EndHash = v.Replays+1, res.EndHash
	}
	if b.Manifest().Failure == nil {
		return nil
	}
	return crash(v, b, file, dir, symbols)
}

func replayed(file string) (replay.Result, error) {
	b, err := open(file)
	if err != nil {
		return replay.Result{}, err
	}
	defer b.Close()
	var free func()
	r, err := replay.Open(b, machine.Replayed(machine.EngineFlags{}, &free))
	if err != nil {
		return replay.Result{}, err
	}
	defer func() { free() }()
	return r.Run(context.Background(), replay.Options{})
}

// crash leaves checkpoints, one of them a second before the failure, or at the
// start where that is later, and says what crashed.
func crash(v *inbox.Verdict, b *bundle.Bundle, file, dir, symbols string) error {
	ctx, m := context.Background(), b.Manifest()
	near := vmm.Position{At: m.Tape.Start.At, Inputs: tape.All}
	if second := vmm.Instant(m.Machine.Hz); m.Failure.Pos.At > near.At+second {
		near.At = m.Failure.Pos.At - second
	}
	t, err := timeline.Open(ctx, func() (*timeline.Run, error) { return fresh(file, machine.EngineFlags{}) }, timeline.Options{End: m.Tape.End, Machines: 1})
	if err != nil {
		return err
	}
	s := debug.Open(debug.Source{Name: file, Manifest: m, Line: t, Tape: func() (*tape.Reader, error) { return b.Tape() }})
	defer s.Close()
	if err := t.Seek(ctx, m.Failure.Pos); err != nil {
		return err
	}
	var files *program.Folder
	if symbols != "" {
		if files, err = program.OpenFolder(symbols); err != nil {
			return fmt.Errorf("symbols: %w", err)
		}
		defer files.Close()
	}
	c := s.Crash(files, crashFrames)
	v.Crash = &inbox.Crash{Program: c.Program, BuildID: c.BuildID, Frames: c.Frames, Text: m.Failure.Text}
	if err := t.Seek(ctx, near); err != nil {
		return err
	}
	v.Near = t.Position().String()
	return (checkpoints.Folder{Dir: dir, Most: besideBytes}).Save(t, b.UUID())
}

// limitBytes is what a worker may write into one file.
const limitBytes = besideBytes
