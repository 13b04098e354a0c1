package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"vmrecord/bundle"
	"vmrecord/bundle/checkpoints"
	"vmrecord/bundle/debug"
	"vmrecord/bundle/debug/program"
	"vmrecord/bundle/inbox"
	"vmrecord/bundle/replay"
	"vmrecord/cmd/internal/cli"
	"vmrecord/cmd/internal/machine"
	"vmrecord/cmd/internal/wall"
	"vmrecord/vmm"
	"vmrecord/vmm/tape"
	"vmrecord/vmm/timeline"
)

const (
	workerVerb = "check-worker"
	idleFlag   = "idle"
	besideName = "checkpoints" // the folder of them beside a bundle
	// besideBytes is what checkpoints beside one bundle may take.
	besideBytes = 1 << 30
	crashFrames = 8
)

// workerCommand is how check starts itself: FILE, the folder for checkpoints, and
// the folder of symbols or "".
func workerCommand() *cobra.Command {
	c := &cobra.Command{Use: workerVerb + " FILE DIR SYMBOLS", Hidden: true, Args: cli.Args(3, 3)}
	idle := false
	c.Flags().BoolVar(&idle, idleFlag, false, "only say what the walls around it lack")
	c.RunE = func(c *cobra.Command, args []string) error {
		lacks, err := enterWall(args[0], args[1], args[2])
		if err != nil {
			return err
		}
		if idle {
			_, err = fmt.Fprint(c.OutOrStdout(), lacks)
			return err
		}
		v := inbox.Verdict{State: inbox.Reproduced}
		err = examine(&v, args[0], args[1], args[2])
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

// enterWall leaves a worker nothing but what it needs.
func enterWall(file, dir, symbols string) (lacks string, err error) {
	w, err := wallOf(file)
	if err != nil {
		return "", err
	}
	if w.Write = []string{dir}; symbols != "" {
		w.Read = append(w.Read, symbols)
	}
	if err := wall.Limit(besideBytes); err != nil {
		return "", err
	}
	return w.Enter()
}

// wallOf is what reading a bundle takes: its file, keys and bases.
func wallOf(file string) (w wall.Wall, err error) {
	keyDir, err := cli.KeyDir()
	if err != nil {
		return w, err
	}
	have, err := folder()
	return wall.Wall{Read: append([]string{file, keyDir, have.Dir}, have.Also...)}, err
}

// wallHelp says what enclosed does.
const wallHelp = "While it reads the bundle, a stranger's, it opens no file but that, its bases and the\n" +
	"keys, and no connection, as far as this computer's Landlock sees to it (of UDP from its\n" +
	"ABI 10 on)."

// enclosed finds what a user named, and leaves this process nothing but what reading
// it takes. The folder of a recording was made here, and is no stranger's.
func enclosed(c *cobra.Command, name string) (file string, err error) {
	file, err = find(c, name)
	if err != nil {
		return "", err
	}
	if i, err := os.Stat(file); err != nil || !i.Mode().IsRegular() {
		return file, nil // open says what is wrong with it
	}
	w, err := wallOf(file)
	if err != nil {
		return "", err
	}
	lacks, err := w.Enclose()
	if lacks != "" {
		fmt.Fprintf(c.ErrOrStderr(), "vmbundle: the bundle is read with all rights that you have: %s\n", lacks)
	}
	return file, err
}

// examine checks a bundle's bytes, replays it twice and looks at its failure.
func examine(v *inbox.Verdict, file, dir, symbols string) error {
	b, err := open(file)
	if err != nil {
		return err
	}
	defer b.Close()
	v.Signer = b.Manifest().Signer
	if err := b.Verify(); err != nil {
		return err
	}
	if text, err := b.Report(); text != "" || err != nil {
		v.State = inbox.ReportOnly
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
	return machine.Replay(b)
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
