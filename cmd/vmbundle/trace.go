package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"vmrecord/bundle"
	"vmrecord/bundle/debug/program"
	"vmrecord/bundle/replay"
	"vmrecord/cmd/internal/cli"
	"vmrecord/cmd/internal/exit"
	"vmrecord/cmd/internal/machine"
	"vmrecord/vmm"
	"vmrecord/vmm/trace"
)

// A traceVerb is what trace was asked for.
type traceVerb struct {
	what, from, to, process, module, symbols, format, syntax string
	regs, mem                                                bool
	out                                                      output
	engine                                                   machine.EngineFlags
}

func traceCommand() *cobra.Command {
	var v traceVerb
	c := &cobra.Command{
		Use:   "trace FILE|ID --what WHAT",
		Short: "Write what the guest did: instructions, calls, system calls, interrupts, tasks",
		Long: `trace replays up to a position and writes what happens from there on, an event a line:
instant, process and thread, address, symbol, and what it was. The same window gives the
same bytes each time.

  insn     instructions, disassembled; --regs adds what they left in registers, --mem
           what stood in the memory they use, and what then, if that changed
  block    the first instruction of each basic block that is entered
  call     calls of functions and returns, indented
  syscall  system calls of 64-bit programs, as strace has them
  irq      interrupts and exceptions, where they are delivered
  io       ports that are read and written; registers of devices in memory are not
  sched    switches from one of Linux's tasks to another, and wakeups

Without --from and --to the window is the last 100 ms before the failure, or where there is
none before the end.`,
		Example: `  vmbundle trace R-XXXX-XXXX.vmb --what syscall --process ledger
  vmbundle trace R-XXXX-XXXX.vmb --what insn --from -20ms --to -10ms --regs -o insns.txt
  vmbundle trace R-XXXX-XXXX.vmb --what call --process ledger --symbols . -o calls.txt
  vmbundle trace R-XXXX-XXXX.vmb --what sched --format perfetto -o sched.json
  vmbundle trace R-XXXX-XXXX.vmb --what call --from 1.5s --to 1.6s --format perfetto -o calls.json
      (open it in https://ui.perfetto.dev)`,
		Args: cli.Args(1, 1),
	}
	f := c.Flags()
	f.StringVar(&v.what, "what", "", "insn, block, call, syscall, irq, io or sched (`WHAT`)")
	windowFlags(c, &v.from, &v.to, "100 ms before", "failure, or end")
	f.StringVar(&v.process, "process", "", "only the process or thread of this `NAME` or number")
	f.StringVar(&v.module, "module", "", "only what happens in this module of the kernel, program or library, `NAME`; vmlinux is the kernel itself")
	symbolsFlag(c, &v.symbols, "")
	f.StringVar(&v.format, "format", string(trace.Text), "text, ndjson or perfetto (`FORMAT`)")
	f.StringVar(&v.syntax, "syntax", "intel", "of instructions: intel or att (`NAME`)")
	f.BoolVar(&v.regs, "regs", false, "with insn: the registers that changed")
	f.BoolVar(&v.mem, "mem", false, "with insn: the memory that was used, [address]=before->after")
	v.out.define(c, "-")
	lookFlags(c, &v.engine)
	c.AddCommand(traceDiffCommand())
	_ = c.MarkFlagRequired("what")
	c.RunE = func(c *cobra.Command, args []string) error { return v.run(c, args[0]) }
	return c
}

func (v *traceVerb) run(c *cobra.Command, name string) error {
	o, err := v.options()
	if err == nil {
		err = v.out.free(c, v.format, true)
	}
	if err != nil {
		return err
	}
	names, done, err := namesIn(c, v.symbols)
	if err != nil {
		return err
	}
	defer done()
	o.Names = names
	l, err := lookInto(c, name, v.engine)
	if err != nil {
		return err
	}
	defer l.close()
	if o.From, o.To, err = v.window(l.b); err != nil {
		return status(err)
	}
	ctx, stop := interruptible()
	defer stop()
	t, err := l.line(ctx)
	if err != nil {
		return err
	}
	o.Hz, o.Progress = t.Machine().Hz(), l.show
	err = v.out.write(c, func(w io.Writer) error { return trace.Window(ctx, t, o, w) })
	if errors.Is(err, trace.ErrNoLinux) {
		return exit.With(exit.NotFound, err)
	}
	return status(err)
}

// namesIn are those of the files in a folder, "" for none. done says if nothing was
// named by them.
func namesIn(c *cobra.Command, dir string) (names trace.Names, done func(), err error) {
	if dir == "" {
		return nil, func() {}, nil
	}
	d, err := program.OpenFolder(dir)
	if err != nil {
		return nil, nil, notThere(fmt.Errorf("--symbols: %w", err))
	}
	return d.Names, func() {
		if !d.Used() {
			fmt.Fprintf(c.ErrOrStderr(), "vmbundle: %s has no file of a program that is in this window\n", dir)
		}
		d.Close()
	}, nil
}

// options checks the flags that need no bundle.
func (v *traceVerb) options() (o trace.Options, err error) {
	o = trace.Options{What: trace.What(v.what), Format: trace.Format(v.format), Process: v.process, Module: v.module, Regs: v.regs, Mem: v.mem, ATT: v.syntax == "att"}
	for _, c := range []struct {
		flag, is string
		of       []string
	}{
		{"what", v.what, words(trace.Whats())},
		{"format", v.format, words(trace.Formats())},
		{"syntax", v.syntax, []string{"intel", "att"}},
	} {
		if err := oneOf(c.flag, c.is, c.of); err != nil {
			return o, err
		}
	}
	for _, flag := range []struct {
		name  string
		given bool
	}{{"regs", v.regs}, {"mem", v.mem}} {
		if flag.given && o.What != trace.Insn {
			return o, exit.Errorf(exit.Usage, "--%s goes with --what insn only", flag.name)
		}
	}
	if v.module != "" && (o.What == trace.Syscall || o.What == trace.Sched) {
		return o, exit.Errorf(exit.Usage, "--module does not go with --what %s: that happens in the kernel itself", o.What)
	}
	return o, nil
}

func words[T ~string](list []T) (w []string) {
	for _, x := range list {
		w = append(w, string(x))
	}
	return w
}

// window finds both positions: what is not given is 100 ms before the end, and
// the failure, if there is one and nothing was given, or the end.
func (v *traceVerb) window(b *bundle.Bundle) (from, to vmm.Position, err error) {
	l, last := replay.LineOf(b.Manifest()), v.to
	if last == "" && v.from == "" && b.Manifest().Failure != nil {
		last = "failure"
	}
	from, to, err = window(l, v.from, last)
	if long := vmm.Instant(l.Hz / 10); err == nil && v.from == "" && to.At-from.At > long {
		from = vmm.Position{At: to.At - long}
	}
	return from, to, err
}
