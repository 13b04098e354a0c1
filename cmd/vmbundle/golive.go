package main

import (
	"os"

	"github.com/spf13/cobra"

	"vmrecord/bundle"
	"vmrecord/bundle/replay"
	"vmrecord/cmd/internal/cli"
	"vmrecord/cmd/internal/live"
	"vmrecord/cmd/internal/machine"
	"vmrecord/vmm"
)

// A goliveVerb is what golive was asked for.
type goliveVerb struct {
	liveFlags
	at     string
	engine machine.EngineFlags
}

func goliveCommand() *cobra.Command {
	var v goliveVerb
	c := &cobra.Command{
		Use:   "golive FILE|ID --at POS",
		Short: "Replay up to a position, and let the machine run on live from there",
		Long: "golive replays up to a position. From there on the machine runs live, another way\n" +
			"than it was recorded: this terminal is its console; Ctrl-] q quits. With --record the\n" +
			"branch is kept, to be replayed and left again like what it came from.",
		Example: "  vmbundle golive R-XXXX-XXXX.vmb --at failure\n" +
			"  vmbundle golive R-XXXX-XXXX.vmb --at 50% --record another-way\n" +
			"  vmbundle golive another-way --at -1s",
		Args: cli.Args(1, 1),
	}
	v.define(c)
	f := c.Flags()
	atFlag(c, &v.at, "where to go live", "")
	f.StringVar(&v.serial, "serial", "stdio", "the guest's serial port: stdio, file:PATH or none (`WHERE`)")
	f.Var(&v.pace, "pace", "guest time: real, free (sleep jumps) or virtual (free, and no inputs; it repeats itself)")
	f.Uint64Var(&v.most, "max-instants", 0, "end with status 8 `N` instants after going live")
	lookFlags(c, &v.engine)
	_ = c.MarkFlagRequired("at")
	c.RunE = func(c *cobra.Command, args []string) error { return v.run(c, args[0]) }
	return c
}

func (v *goliveVerb) run(c *cobra.Command, name string) error {
	var e live.End
	err := v.leave(c, name, v.at, v.engine, func(l *look, pos vmm.Position, b *branch) (err error) {
		e, err = v.goOn(l, pos, b)
		return err
	})
	if err != nil {
		return err
	}
	return ended(c, e)
}

// leave opens a recording, and has do leave it at a position.
func (f liveFlags) leave(c *cobra.Command, name, at string, e machine.Maker, do func(*look, vmm.Position, *branch) error) error {
	l, err := lookInto(c, name, e)
	if err != nil {
		return err
	}
	defer l.close()
	pos, err := replay.ParsePosition(at, replay.LineOf(l.b.Manifest()))
	if err != nil {
		return status(err)
	}
	if err := l.b.Can(bundle.CanGoLive, "going live"); err != nil {
		return status(err)
	}
	b, err := newBranch(c, f, l.file, l.b, os.Stdin, nil)
	if err != nil {
		return err
	}
	err = do(l, pos, b)
	if e := b.close(); err == nil {
		err = e
	}
	return status(err)
}

// goOn goes to the position and runs live from there.
func (v *goliveVerb) goOn(l *look, pos vmm.Position, b *branch) (live.End, error) {
	if t := b.console.Terminal(); t != nil {
		defer t.Guard()
	}
	ctx, stop := interruptible()
	r, said, err := l.machine(ctx, pos)
	stop()
	if err != nil {
		return live.End{}, err
	}
	defer r.Close()
	_, _ = b.console.Write(said)
	r.Player.Detach()
	b.pump()
	return b.run(r.Machine, "")
}
