package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"vmrecord/bundle/debug"
	"vmrecord/bundle/replay"
	"vmrecord/cmd/internal/cli"
	"vmrecord/cmd/internal/machine"
)

// A probeVerb is what probe was asked for.
type probeVerb struct {
	p                debug.Probe
	from, to, format string
	limit            uint64
	engine           machine.EngineFlags
}

func probeCommand() *cobra.Command {
	var v probeVerb
	c := &cobra.Command{
		Use:   "probe FILE|ID WHERE",
		Short: "Print arguments and callers wherever a function ran: prints added afterwards",
		Long: `probe passes over the recording and writes a line each time that WHERE is reached, in
order: position, thread, and what --print asks for. WHERE is a function of the guest's
kernel or its modules; with --symbols a function of a program, or FILE:LINE; or an address.
A Go function is written as Go does: main.(*Bank).Transfer.

  --print args     the function's arguments: of the kernel's by its own types, of programs'
                   by their debug information; where there is none, registers (the default)
  --print stack    its callers
  --print regs     registers
  --print NAME     an argument, a member of one (order.from), a register (rdi), a symbol
  --print '*rsp+8:4'   memory at a register, argument, symbol or number: 4 bytes; :s a text

With --return, args is what the function returns; that it left by a jump is not seen.
A Go function whose stack had to grow begins twice.`,
		Example: `  vmbundle probe R-XXXX-XXXX.vmb do_sys_openat2 --print args,'*rsi:s'
  vmbundle probe R-XXXX-XXXX.vmb 'main.(*Bank).Transfer' --symbols . --print args,stack
  vmbundle probe R-XXXX-XXXX.vmb ledger.go:82 --symbols . --print rax --limit 10`,
		Args: cli.Args(2, 2),
	}
	f := c.Flags()
	f.StringSliceVarP(&v.p.Print, "print", "p", nil, "what to write, `WHAT,...`: args, stack, regs, and names or memory")
	symbolsFlag(c, &v.p.Symbols, withModules)
	f.StringVar(&v.p.Process, "process", "", "only where the program of this `NAME` or number runs")
	f.BoolVar(&v.p.Return, "return", false, "where the function returns, instead of where it begins")
	windowFlags(c, &v.from, &v.to, "start", "end")
	f.Uint64Var(&v.limit, "limit", 0, "end after `N` lines; 0: never")
	f.StringVar(&v.format, "format", "text", "text or ndjson (`FORMAT`)")
	lookFlags(c, &v.engine)
	c.RunE = func(c *cobra.Command, args []string) error { return v.run(c, args[0], args[1]) }
	return c
}

func (v *probeVerb) run(c *cobra.Command, name, where string) error {
	if err := oneOf("format", v.format, []string{"text", "ndjson"}); err != nil {
		return err
	}
	ctx, stop := interruptible()
	defer stop()
	s, b, done, err := session(ctx, c, name, v.engine)
	if err != nil {
		return err
	}
	defer done()
	v.p.At = where
	if v.p.From, v.p.To, err = window(replay.LineOf(b.Manifest()), v.from, v.to); err != nil {
		return status(err)
	}
	return v.write(ctx, c, s)
}

// write writes a line for each time, as it comes.
func (v *probeVerb) write(ctx context.Context, c *cobra.Command, s *debug.Session) error {
	out := c.OutOrStdout()
	e := json.NewEncoder(out)
	e.SetEscapeHTML(false)
	n := uint64(0)
	err := s.Probe(ctx, v.p, func(shot *debug.Shot) (on bool, err error) {
		if n++; n == 1 && terminal(out) && terminal(c.ErrOrStderr()) {
			s.OnProgress(nil) // no bar among the lines: they tell how far it is
			fmt.Fprint(c.ErrOrStderr(), "\r\x1b[K")
		}
		if v.format == "ndjson" {
			err = e.Encode(shot)
		} else {
			_, err = fmt.Fprintln(out, shot)
		}
		return n != v.limit, err
	})
	if err == nil && n == 0 {
		fmt.Fprintf(c.ErrOrStderr(), "%s was not reached between %s and %s\n", strings.TrimSpace(v.p.At), v.p.From, v.p.To)
	}
	return notThere(err)
}
