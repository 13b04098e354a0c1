package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"vmrecord/bundle"
	"vmrecord/bundle/replay"
	"vmrecord/cmd/internal/cli"
	"vmrecord/cmd/internal/exit"
	"vmrecord/cmd/internal/live"
	"vmrecord/cmd/internal/machine"
	"vmrecord/vmm"
	"vmrecord/vmm/host"
)

// A replayVerb is what replay and verify were asked for.
type replayVerb struct {
	liveFlags
	slice    uint64
	until    string
	speed    speed
	takeover bool
	quiet    bool
	asJSON   bool
	stats    bool
	engine   machine.EngineFlags
}

// A replayDocument is what --json prints.
type replayDocument struct {
	replay.Result
	WallSeconds float64 `json:"wallSeconds"`
	CPUSeconds  float64 `json:"cpuSeconds"`
	MIPS        float64 `json:"mips"`
	Error       string  `json:"error,omitempty"`
}

func replayCommand() *cobra.Command {
	var v replayVerb
	c := &cobra.Command{
		Use:   "replay FILE|ID",
		Short: "Run a recording again, and compare it with what was recorded",
		Long: "replay executes what a bundle recorded. The guest's console comes out on standard\n" +
			"output, or with --json on standard error. Status 0: all was equal, 7: it diverged.\n" +
			wallHelp + "\n" +
			"With --takeover the first key goes live from that very instant, as golive does, and\n" +
			"nothing of that holds.",
		Example: "  vmbundle replay R-XXXX-XXXX.vmb\n" +
			"  vmbundle replay R-XXXX-XXXX.vmb --speed 1x --takeover",
		Args: cli.Args(1, 1),
	}
	f := c.Flags()
	f.Uint64Var(&v.slice, "slice", 0, "cut the run into pieces of `N` instants; nothing else may change")
	f.StringVar(&v.until, "until", "", positionUsage("where to stop", "end"))
	f.Var(&v.speed, "speed", "as fast as it goes (max), or in the guest's own time: 1x, 0.5x, 4x")
	f.BoolVar(&v.takeover, "takeover", false, "the first key goes live; the speed is 1x unless told otherwise")
	v.define(c)
	f.BoolVar(&v.quiet, "quiet", false, "do not print the console")
	f.BoolVar(&v.asJSON, "json", false, "print one JSON document")
	v.engine.Define(c)
	f.BoolVar(&v.stats, "stats", false, "say at the end what the engine did: vmbundle help engine")
	c.RunE = func(c *cobra.Command, args []string) error {
		if err := v.check(c); err != nil {
			return err
		}
		way := enclosed
		if v.takeover { // which opens what going live takes
			way = find
		}
		file, err := way(c, args[0])
		if err != nil {
			return err
		}
		return v.run(c, file)
	}
	return c
}

func (v *replayVerb) run(c *cobra.Command, file string) error {
	b, err := open(file)
	if err != nil {
		return err
	}
	defer b.Close()
	o := replay.Options{Slice: vmm.Instant(v.slice)}
	if v.until != "" {
		p, err := replay.ParsePosition(v.until, replay.LineOf(b.Manifest()))
		if err != nil {
			return status(err)
		}
		o.Until = &p
	}
	if v.takeover {
		return v.takeOver(c, file, b, o)
	}
	if o.Console = v.console(c); o.Console == nil {
		p := cli.NewProgress(c.ErrOrStderr())
		defer p.End()
		o.Progress = func(s replay.Step) { p.Part("replaying", uint64(s.Now-s.Start), uint64(s.End-s.Start)) }
	}
	ctx, stop := interruptible()
	defer stop()
	wall, cpu := time.Now(), host.CPUTime()
	var free func()
	r, err := replay.Open(b, machine.Replayed(v.engine, &free))
	if err != nil {
		return status(err)
	}
	defer func() { free() }()
	res, err := v.play(ctx, r, o)
	doc := replayDocument{Result: res, WallSeconds: time.Since(wall).Seconds(), CPUSeconds: (host.CPUTime() - cpu).Seconds()}
	doc.MIPS = float64(res.Retired) / max(doc.CPUSeconds, 1e-9) / 1e6
	if err != nil {
		doc.Error = err.Error()
	}
	if v.stats {
		machine.WriteStats(c.ErrOrStderr(), r.Machine().Engine, res.Retired)
	}
	if v.asJSON {
		if e := cli.JSON(c.OutOrStdout(), doc); e != nil {
			return e
		}
	} else if err == nil {
		fmt.Fprintln(c.ErrOrStderr(), verdict(doc))
	}
	return status(err)
}

// check refuses flags that do not go together.
func (v *replayVerb) check(c *cobra.Command) error {
	switch {
	case v.takeover && (v.quiet || v.asJSON || v.stats):
		return exit.Errorf(exit.Usage, "--takeover is for somebody who looks on; without --quiet, --json and --stats")
	case !v.takeover && (v.record != "" || c.Flags().Changed("seed")):
		return exit.Errorf(exit.Usage, "--record and --seed are for what goes live: with --takeover, or: vmbundle golive")
	case v.takeover && !c.Flags().Changed("speed"):
		v.speed = 1
	}
	return nil
}

// play replays at the speed asked for.
func (v *replayVerb) play(ctx context.Context, r *replay.Replay, o replay.Options) (replay.Result, error) {
	if v.speed == 0 {
		return r.Run(ctx, o)
	}
	p := pilot{v.speed, host.NewDoor(host.Config{})}
	res, _, err := p.play(ctx, r, o)
	return res, err
}

// takeOver replays for somebody at the console, whose first key goes live.
func (v *replayVerb) takeOver(c *cobra.Command, file string, b *bundle.Bundle, o replay.Options) error {
	if err := b.Can(bundle.CanGoLive, "going live"); err != nil {
		return status(err)
	}
	br, err := newBranch(c, v.liveFlags, file, b, os.Stdin, nil)
	if err != nil {
		return err
	}
	e, err := v.demonstrate(br, o)
	if e2 := br.close(); err == nil {
		err = e2
	}
	if err != nil {
		return status(err)
	}
	return ended(c, e)
}

// demonstrate replays until the recording ends, or somebody takes over.
func (v *replayVerb) demonstrate(br *branch, o replay.Options) (e live.End, err error) {
	if t := br.console.Terminal(); t != nil {
		defer t.Guard()
	}
	var free func()
	r, err := replay.Open(br.b, machine.Replayed(v.engine, &free))
	if err != nil {
		return e, err
	}
	defer func() { free() }()
	br.say("● REPLAY at %s; the first key goes live; %s", &v.speed, host.EscapeHelp)
	br.pump()
	ctx, stop := interruptible()
	o.Console = br.console
	p := pilot{v.speed, br.door}
	res, taken, err := p.play(ctx, r, o)
	stop()
	switch {
	case err != nil:
		return e, err
	case taken && !br.door.Quitting():
		return br.run(r.GoLive(br.door), fmt.Sprintf("equal to the recording so far, %d heartbeats and %d inputs; ",
			res.HeartbeatsCompared, res.InputsDelivered))
	}
	br.say("%s", outcome(res))
	if br.door.Quitting() {
		e.Status = int(br.code)
	}
	return e, nil
}

// console is where the guest's bytes go; nil: nowhere.
func (v *replayVerb) console(c *cobra.Command) io.Writer {
	switch {
	case v.quiet:
		return nil
	case v.asJSON:
		return c.ErrOrStderr()
	}
	return c.OutOrStdout()
}

// verdict is the replay's result in a line.
func verdict(d replayDocument) string {
	return fmt.Sprintf("%s; %.1f s, %.0f million instructions a second", outcome(d.Result), d.WallSeconds, d.MIPS)
}

func outcome(d replay.Result) string {
	compared := fmt.Sprintf("%d heartbeats, %d inputs, %d console bytes", d.HeartbeatsCompared, d.InputsDelivered, d.ConsoleBytes)
	switch {
	case !d.Ended:
		return fmt.Sprintf("stopped at %s as asked: %s equal so far", d.Position, compared)
	case d.Truncated:
		return "identical up to where the recording was interrupted: " + compared
	}
	return fmt.Sprintf("identical: %s, end %.12s", compared, d.EndHash)
}
