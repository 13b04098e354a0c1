package main

import (
	"errors"
	"io/fs"

	"github.com/spf13/cobra"

	"vmrecord/bundle/debug"
	"vmrecord/bundle/debug/program"
	"vmrecord/bundle/debug/protocol"
	"vmrecord/cmd/internal/cli"
	"vmrecord/cmd/internal/exit"
	"vmrecord/cmd/internal/machine"
)

// A sessionVerb is what session was asked for.
type sessionVerb struct {
	at, symbols string
	engine      machine.EngineFlags
}

func sessionCommand() *cobra.Command {
	var v sessionVerb
	c := &cobra.Command{
		Use:   "session FILE|ID",
		Short: "Debug a recording from a program: JSON-RPC on standard input and output",
		Long: `session lets scripts and editors debug a recording: it reads requests of JSON-RPC 2.0, one
object a line, and answers each with a line. They are carried out in order. The session ends
with its input, or with "close".

A conversation ("->" is what a script writes, shortened; all requests have "jsonrpc":"2.0"):

  -> {"id":1,"method":"seek","params":{"to":"failure"}}
  <- {"id":1,"result":{"at":881863733,"inputs":243,"seconds":0.079128,"comm":"ledger",...}}
  -> {"id":2,"method":"setStops","params":{"stops":[{"at":"vfs_write"},{"on":"write","at":"0xc0001234"}]}}
  <- {"id":2,"result":{"stops":[{"on":"exec","addr":"0xffffffffb696b9f0","where":"vfs_write","of":0},...]}}
  -> {"id":3,"method":"reverseContinue"}
  <- {"method":"progress","params":{"id":3,"done":120000000,"total":316513236}}
  <- {"id":3,"result":{"reason":"stop","stop":0,"place":{"at":...}}}
  -> {"id":4,"method":"registers"}
  <- {"id":4,"result":{"rax":"0x1","rip":"0xffffffffb696b9f0",...}}
  -> {"id":5,"method":"readMemory","params":{"at":"0xc0001234","size":16}}
  <- {"id":5,"result":{"addr":"0xc0001234","data":"00112233..."}}
  -> {"method":"cancel","params":{"id":6}}      (ends a request that takes too long)
  -> {"id":7,"method":"frobnicate"}
  <- {"id":7,"error":{"code":-32601,"message":"there is no method \"frobnicate\""}}

Moving: seek to, step count, stepBack count, continue, reverseContinue, setStops stops,
clearStops. Looking: info, where, registers, readMemory at size, backtrace, threads,
processes, events count, console lines, hash. Names: symbols dir, resolve at. Also
probe (as vmbundle probe), monitor command (as in gdb), close.
Every parameter and answer: go doc vmrecord/bundle/debug/protocol`,
		Args: cli.Args(1, 1),
	}
	atFlag(c, &v.at, "where to begin", "failure, or start")
	symbolsFlag(c, &v.symbols, withModules)
	lookFlags(c, &v.engine)
	c.RunE = func(c *cobra.Command, args []string) error { return v.run(c, args[0]) }
	return c
}

func (v *sessionVerb) run(c *cobra.Command, name string) error {
	ctx, stop := interruptible()
	defer stop()
	s, b, done, err := session(ctx, c, name, v.engine)
	if err != nil {
		return err
	}
	defer done()
	if v.symbols != "" {
		if err := s.Symbols(v.symbols); err != nil {
			return notThere(err)
		}
	}
	if err := s.Goto(ctx, place(b, v.at)); err != nil {
		return status(err)
	}
	p := protocol.Server{Session: s, Manifest: b.Manifest(), File: name, Code: func(err error) int { return int(exit.Of(notThere(err))) }}
	return status(p.Serve(ctx, c.InOrStdin(), c.OutOrStdout()))
}

// notThere is status for what looks names up.
func notThere(err error) error {
	bad := (*debug.ProbeError)(nil)
	switch {
	case errors.As(err, &bad) && bad.Print:
		return exit.With(exit.Usage, err)
	case bad != nil, errors.Is(err, fs.ErrNotExist), errors.Is(err, program.ErrNoSymbols):
		return exit.With(exit.NotFound, err)
	}
	return status(err)
}
