package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

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
	f.StringVar(&v.at, "at", "", "where to go live, `POS`: an instant, 12.5s, -3s, 50%, @mark, failure, end")
	f.StringVar(&v.serial, "serial", "stdio", "the guest's serial port: stdio, file:PATH or none (`WHERE`)")
	f.Var(&v.pace, "pace", "guest time: real, free (sleep jumps) or virtual (free, and no inputs; it repeats itself)")
	f.Uint64Var(&v.most, "max-instants", 0, "end with status 8 `N` instants after going live")
	lookFlags(c, &v.engine)
	_ = c.MarkFlagRequired("at")
	c.RunE = func(c *cobra.Command, args []string) error { return v.run(c, args[0]) }
	return c
}

func (v *goliveVerb) run(c *cobra.Command, name string) error {
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
	e, err := v.goOn(l, pos, b)
	if e2 := b.close(); err == nil {
		err = e2
	}
	if err != nil {
		return status(err)
	}
	return ended(c, e)
}

// goOn goes to the position and runs live from there.
func (v *goliveVerb) goOn(l *look, pos vmm.Position, b *branch) (live.End, error) {
	if t := b.console.Terminal(); t != nil {
		defer t.Guard()
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
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
