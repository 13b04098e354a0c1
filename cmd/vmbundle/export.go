package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"vmrecord/bundle"
	"vmrecord/bundle/export"
	"vmrecord/bundle/replay"
	"vmrecord/cmd/internal/cli"
	"vmrecord/cmd/internal/exit"
	"vmrecord/cmd/internal/machine"
	"vmrecord/hwdevices/firmware"
	"vmrecord/vmm"
)

// An exportVerb is what export was asked for.
type exportVerb struct {
	format, from, to, at, size, symbols string
	every                               time.Duration
	period                              uint64
	keys                                bool
	out                                 output
	engine                              machine.EngineFlags
}

func exportCommand() *cobra.Command {
	var v exportVerb
	c := &cobra.Command{
		Use:   "export FILE|ID --format FORMAT -o OUT",
		Short: "Write a recording, or an instant of it, for other tools",
		Long:  "export replays a recording and writes what other tools open:\n\n" + formatList() + formatHelp,
		Example: `  vmbundle export R-XXXX-XXXX.vmb --format asciicast -o console.cast
      asciinema play console.cast
  vmbundle export R-XXXX-XXXX.vmb --format png --from -10s --every 1s -o film.png
  vmbundle export R-XXXX-XXXX.vmb --format vmcore -o vmcore
      drgn -c vmcore -s /usr/lib/debug/boot/vmlinux-RELEASE; crash VMLINUX vmcore; or
  vmbundle export R-XXXX-XXXX.vmb --format symbols -o kernel.elf
      gdb kernel.elf vmcore
  vmbundle export R-XXXX-XXXX.vmb --format pprof --symbols . -o profile
      go tool pprof -top profile; or without --symbols: go tool pprof -top PROGRAM profile`,
		Args: cli.Args(1, 1),
	}
	f := c.Flags()
	f.StringVar(&v.format, "format", "", "one of the above (`FORMAT`)")
	windowFlags(c, &v.from, &v.to, "start", "end")
	atFlag(c, &v.at, "the instant", "failure, or end")
	f.DurationVar(&v.every, "every", 0, "a picture each `TIME` of the guest's: 1s, 20ms")
	f.Uint64Var(&v.period, "period", export.DefaultPeriod, "a sample each `N` instructions")
	symbolsFlag(c, &v.symbols, "")
	f.StringVar(&v.size, "size", "80x24", "`COLUMNSxROWS` of the console's terminal")
	f.BoolVar(&v.keys, "keys", false, "what was typed too")
	v.out.define(c, "")
	v.engine.Define(c)
	_, _ = c.MarkFlagRequired("format"), c.MarkFlagRequired("output")
	c.RunE = func(c *cobra.Command, args []string) error { return v.run(c, args[0]) }
	return c
}

const formatHelp = `
A format of an instant takes --at, one of a window --from and --to. OUT appears when it is
complete, readable by its owner alone: all that is in the recording may be in it.`

// formatList is a line for each format, with the flags that it takes.
func formatList() string {
	var b strings.Builder
	for _, f := range export.Formats() {
		fmt.Fprintf(&b, "  %-10s %-67s --%s\n", f.Name, f.Does, strings.Join(f.Takes, " --"))
	}
	return b.String()
}

func (v *exportVerb) run(c *cobra.Command, name string) error {
	f, o, err := v.options(c)
	if err != nil {
		return err
	}
	if err := v.out.free(c, f.Name, f.Text); err != nil {
		return err
	}
	names, done, err := namesIn(c, v.symbols)
	if err != nil {
		return err
	}
	defer done()
	o.Names = names
	if name, err = find(c, name); err != nil {
		return err
	}
	b, err := open(name)
	if err != nil {
		return err
	}
	defer b.Close()
	if f.Name == "vmcore" {
		if err := b.Can(bundle.CanSeeAll, "a core of all memory"); err != nil {
			return status(err)
		}
	}
	if o.From, o.To, err = v.window(b, slices.Contains(f.Takes, "at") && v.every == 0); err != nil {
		return status(err)
	}
	o.Every = vmm.Instant(vmm.MulDiv(uint64(v.every), b.Manifest().Machine.Hz, uint64(time.Second)))
	var free func()
	r, err := replay.Open(b, machine.Replayed(v.engine, &free))
	if err != nil {
		return status(err)
	}
	defer func() { free() }()
	p := cli.NewProgress(c.ErrOrStderr())
	defer p.End()
	o.Progress = p.Part
	o.Note = func(text string) { p.End(); fmt.Fprintln(c.ErrOrStderr(), "vmbundle: "+text) }
	o.RAM = ram(b.Manifest().Machine.MemoryBytes)
	ctx, stop := interruptible()
	defer stop()
	err = v.out.write(c, func(w io.Writer) error {
		return f.Write(ctx, export.Recording{Replay: r, Manifest: b.Manifest(), ID: b.ID(), Typed: machine.ConsoleIn}, o, w)
	})
	if no := (*export.NoLinuxError)(nil); errors.As(err, &no) {
		return exit.With(exit.NotFound, err)
	}
	if errors.Is(err, export.ErrFilm) {
		return exit.With(exit.Usage, err)
	}
	return status(err)
}

// ram is what the guest was told that it may use.
func ram(size uint64) (all []export.Range) {
	for _, m := range firmware.Map(size) {
		if m.Type == firmware.RAM {
			all = append(all, export.Range{Base: m.Base, Size: m.Size})
		}
	}
	return all
}

// options checks the flags that need no bundle.
func (v *exportVerb) options(c *cobra.Command) (f export.Format, o export.Options, err error) {
	var names []string
	all := export.Formats()
	for _, f := range all {
		names = append(names, f.Name)
	}
	if err := oneOf("format", v.format, names); err != nil {
		return f, o, err
	}
	f = all[slices.Index(names, v.format)]
	given := c.Flags().Changed
	for _, flag := range []string{"from", "to", "at", "every", "period", "symbols", "size", "keys"} {
		if given(flag) && !slices.Contains(f.Takes, flag) {
			return f, o, exit.Errorf(exit.Usage, "--%s does not go with --format %s, which takes --%s", flag, f.Name, strings.Join(f.Takes, ", --"))
		}
	}
	switch window := given("from") || given("to") || given("every"); {
	case given("at") && window:
		return f, o, exit.Errorf(exit.Usage, "--at is an instant; --from, --to and --every are of a window")
	case slices.Contains(f.Takes, "every") && window && (v.every < time.Microsecond || v.every > 1000*time.Hour):
		return f, o, exit.Errorf(exit.Usage, "a window needs --every, 1us to 1000h")
	}
	if o.Period = v.period; o.Period == 0 || o.Period > 1<<40 {
		return f, o, exit.Errorf(exit.Usage, "--period %d: want 1 to %d instructions", v.period, uint64(1)<<40)
	}
	o.Keys = v.keys
	if n, err := fmt.Sscanf(v.size+"\n", "%dx%d\n", &o.Columns, &o.Rows); err != nil || n != 2 || min(o.Columns, o.Rows) < 1 || max(o.Columns, o.Rows) > export.MaxSide {
		return f, o, exit.Errorf(exit.Usage, "--size %s: want COLUMNSxROWS, each up to %d", v.size, export.MaxSide)
	}
	return f, o, nil
}

// window finds the positions; of an instant, it is the second.
func (v *exportVerb) window(b *bundle.Bundle, instant bool) (from, to vmm.Position, err error) {
	last := cmp.Or(v.at, v.to)
	if last == "" && instant && b.Manifest().Failure != nil {
		last = "failure"
	}
	return window(replay.LineOf(b.Manifest()), v.from, last)
}
