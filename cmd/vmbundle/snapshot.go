package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"vmrecord/bundle/replay"
	"vmrecord/cmd/internal/cli"
	"vmrecord/cmd/internal/machine"
	"vmrecord/vmm"
)

// A snapshotVerb is what tree snapshot was asked for: a branch that ends where it
// begins.
type snapshotVerb struct {
	liveFlags
	at     string
	engine machine.EngineFlags
}

func snapshotCommand() *cobra.Command {
	v := snapshotVerb{liveFlags: liveFlags{serial: "none"}}
	c := &cobra.Command{
		Use:   "snapshot FILE|ID NAME --at POS",
		Short: "Keep the machine as it is at a position, to go live from there at once",
		Example: "  vmbundle tree snapshot R-XXXX-XXXX.vmb before --at failure\n" +
			"  vmbundle golive before --at start",
		Args: cli.Args(2, 2),
	}
	c.Flags().StringVar(&v.at, "at", "", "where, `POS`: an instant, 12.5s, -3s, 50%, @mark, failure, end")
	lookFlags(c, &v.engine)
	_ = c.MarkFlagRequired("at")
	c.RunE = func(c *cobra.Command, args []string) error {
		v.record = args[1]
		return v.run(c, args[0])
	}
	return c
}

func (v *snapshotVerb) run(c *cobra.Command, name string) error {
	l, err := lookInto(c, name, v.engine)
	if err != nil {
		return err
	}
	defer l.close()
	pos, err := replay.ParsePosition(v.at, replay.LineOf(l.b.Manifest()))
	if err != nil {
		return status(err)
	}
	b, err := newBranch(c, v.liveFlags, l.file, l.b, os.Stdin, nil)
	if err != nil {
		return err
	}
	err = v.keep(l, pos, b)
	if e := b.close(); err == nil {
		err = e
	}
	return status(err)
}

// keep goes to the position and records nothing but what is there.
func (v *snapshotVerb) keep(l *look, pos vmm.Position, b *branch) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	r, _, err := l.machine(ctx, pos)
	if err != nil {
		return err
	}
	defer r.Close()
	r.Player.Detach()
	if err := b.start(r.Machine); err != nil {
		return err
	}
	return b.stop("a snapshot")
}
