package main

import (
	"github.com/spf13/cobra"

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
	atFlag(c, &v.at, "where", "")
	lookFlags(c, &v.engine)
	_ = c.MarkFlagRequired("at")
	c.RunE = func(c *cobra.Command, args []string) error {
		v.record = args[1]
		return v.leave(c, args[0], v.at, v.engine, v.keep)
	}
	return c
}

// keep goes to the position and records nothing but what is there.
func (v *snapshotVerb) keep(l *look, pos vmm.Position, b *branch) error {
	ctx, stop := interruptible()
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
