package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"vmrecord/bundle/replay"
	"vmrecord/cmd/internal/cli"
	"vmrecord/cmd/internal/exit"
	"vmrecord/cmd/internal/live"
	"vmrecord/cmd/internal/machine"
	"vmrecord/vmm"
	"vmrecord/vmm/host"
)

// A goliveVerb is what golive was asked for.
type goliveVerb struct {
	at, serial string
	pace       host.Pace
	most       uint64
	engine     machine.EngineFlags
}

func goliveCommand() *cobra.Command {
	var v goliveVerb
	c := &cobra.Command{
		Use:   "golive FILE|ID --at POS",
		Short: "Replay up to a position, and let the machine run on live from there",
		Long:  "golive replays up to a position. From there on the machine runs live, another way\nthan it was recorded: this terminal is its console; Ctrl-] q quits.",
		Args:  cli.Args(1, 1),
	}
	f := c.Flags()
	f.StringVar(&v.at, "at", "", "where to go live, `POS`: an instant, 12.5s, -3s, 50%, @mark, failure, end")
	f.StringVar(&v.serial, "serial", "stdio", "the guest's serial port: stdio, file:PATH or none (`WHERE`)")
	f.Var(&v.pace, "pace", "guest time: real, free (sleep jumps) or virtual (free, and no inputs)")
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
	con, err := live.OpenConsole(v.serial, os.Stdin, c.OutOrStdout())
	if err != nil {
		return err
	}
	e, err := v.goOn(c, l, pos, con)
	if e2 := con.Close(); err == nil {
		err = e2
	}
	if err != nil {
		return status(err)
	}
	if e.Why != "" {
		fmt.Fprintf(c.ErrOrStderr(), "vmbundle: %s\n", e.Why)
	}
	if e.Status != 0 {
		return cli.Status(e.Status)
	}
	return nil
}

// goOn goes to the position and runs live from there.
func (v *goliveVerb) goOn(c *cobra.Command, l *look, pos vmm.Position, con *live.Console) (live.End, error) {
	say := func(text string) {
		if t := con.Terminal(); t != nil {
			t.Note(text)
			return
		}
		fmt.Fprintln(c.ErrOrStderr(), text)
	}
	if t := con.Terminal(); t != nil {
		defer t.Guard()
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	r, said, err := l.machine(ctx, pos)
	stop()
	if err != nil {
		return live.End{}, err
	}
	defer r.Close()
	_, _ = con.Write(said)
	r.Player.Detach()
	door := host.NewDoor(host.Config{Hz: r.Machine.Hz(), Pace: v.pace})
	defer door.Close()
	s := &live.Session{M: r.Machine, Door: door, Console: con, Limit: vmm.Never}
	if v.most != 0 {
		s.Limit = s.M.Now() + vmm.Instant(v.most)
	}
	s.Connect(host.Script{})
	// Channels that are open learn that the machine was resumed. At virtual pace
	// the host has no say, so the input enters here, before the first step.
	s.M.Deliver(vmm.Input{Inlet: machine.Control, Data: []byte("live")})
	say(fmt.Sprintf("● LIVE from %s; %s", s.M.Position(), host.EscapeHelp))
	code := exit.OK
	quit := func(as exit.Code) func() { return func() { code = as; door.Quit() } }
	defer host.Interrupts(func() { say("press Ctrl-C again to end the run") }, quit(exit.Interrupted))()
	if con.Typed() {
		go con.Pump(func(k byte) {
			if k == host.CommandQuit {
				quit(exit.OK)()
				return
			}
			say(host.EscapeHelp)
		})
	}
	e := s.Run()
	if e.Outcome == live.Quit {
		e.Status = int(code)
	}
	return e, nil
}
