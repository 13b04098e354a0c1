package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"vmrecord/bundle/replay"
	"vmrecord/cmd/internal/cli"
	"vmrecord/cmd/internal/machine"
	"vmrecord/vmm"
	"vmrecord/vmm/host"
)

// A replayVerb is what replay and verify were asked for.
type replayVerb struct {
	slice  uint64
	until  string
	quiet  bool
	asJSON bool
	stats  bool
	engine machine.EngineFlags
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
			"output, or with --json on standard error. Status 0: all was equal, 7: it diverged.",
		Args: cli.Args(1, 1),
	}
	f := c.Flags()
	f.Uint64Var(&v.slice, "slice", 0, "cut the run into pieces of `N` instants; nothing else may change")
	f.StringVar(&v.until, "until", "", "stop at `POS`: an instant, 12.5s, -3s, 50%, @mark, failure")
	f.BoolVar(&v.quiet, "quiet", false, "do not print the console")
	f.BoolVar(&v.asJSON, "json", false, "print one JSON document")
	v.engine.Define(c)
	f.BoolVar(&v.stats, "stats", false, "say at the end what the engine did: vmbundle help engine")
	c.RunE = func(c *cobra.Command, args []string) error { return v.run(c, args[0]) }
	return c
}

func (v *replayVerb) run(c *cobra.Command, name string) error {
	b, err := openNamed(c, name)
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
	if o.Console = v.console(c); o.Console == nil {
		p := cli.NewProgress(c.ErrOrStderr())
		defer p.End()
		o.Progress = func(s replay.Step) { p.Part("replaying", uint64(s.Now-s.Start), uint64(s.End-s.Start)) }
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	wall, cpu := time.Now(), host.CPUTime()
	var free func()
	r, err := replay.Open(b, build(v.engine, &free))
	if err != nil {
		return status(err)
	}
	defer func() { free() }()
	res, err := r.Run(ctx, o)
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
	compared := fmt.Sprintf("%d heartbeats, %d inputs, %d console bytes", d.HeartbeatsCompared, d.InputsDelivered, d.ConsoleBytes)
	speed := fmt.Sprintf("%.1f s, %.0f million instructions a second", d.WallSeconds, d.MIPS)
	switch {
	case !d.Ended:
		return fmt.Sprintf("stopped at %s as asked: %s equal so far; %s", d.Position, compared, speed)
	case d.Truncated:
		return fmt.Sprintf("identical up to where the recording was interrupted: %s; %s", compared, speed)
	}
	return fmt.Sprintf("identical: %s, end %.12s; %s", compared, d.EndHash, speed)
}
