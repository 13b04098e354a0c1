package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"vmrecord/bundle/debug"
	"vmrecord/cmd/internal/cli"
	"vmrecord/cmd/internal/exit"
	"vmrecord/cmd/internal/machine"
	"vmrecord/vmm"
)

// A whoDocument is what who --json prints.
type whoDocument struct {
	Schema   string         `json:"schema"` // vmbundle.who/1
	Position vmm.Position   `json:"position"`
	What     string         `json:"what"`
	Accesses []debug.Access `json:"accesses"` // in order, up to the position
	All      bool           `json:"all"`      // there are no others in the recording before it
}

// A whoVerb is what who was asked for.
type whoVerb struct {
	at, symbols, process string
	last                 uint
	asJSON               bool
	engine               machine.EngineFlags
}

func whoCommand() *cobra.Command {
	var v whoVerb
	c := &cobra.Command{
		Use:   "who FILE|ID ADDRESS|SYMBOL|VARIABLE",
		Short: "List who last read and wrote something in the guest's memory",
		Long: "who goes back from a position, the failure if there is one, and lists the last reads and\n" +
			"writes of an address, one of the kernel's symbols, or a program's variable or a part of\n" +
			"one, with their time before it, thread, value and line of source.",
		Example: "  vmbundle who R-XXXX-XXXX.vmb 'main.books.accounts[14].balance' --symbols .",
		Args:    cli.Args(2, 2),
	}
	f := c.Flags()
	atFlag(c, &v.at, "before what", "failure, or end")
	symbolsFlag(c, &v.symbols, "")
	f.StringVar(&v.process, "process", "", "whose variable or address it is, `NAME` or number (default what runs at the position)")
	f.UintVarP(&v.last, "last", "n", 10, "how many accesses to list, at most `N`")
	f.BoolVar(&v.asJSON, "json", false, "print one JSON document")
	lookFlags(c, &v.engine)
	c.RunE = func(c *cobra.Command, args []string) error { return v.run(c, args[0], args[1]) }
	return c
}

func (v *whoVerb) run(c *cobra.Command, name, what string) error {
	const most = 1000
	if v.last == 0 || v.last > most {
		return exit.Errorf(exit.Usage, "--last %d: list 1 to %d accesses", v.last, most)
	}
	ctx, stop := interruptible()
	defer stop()
	s, b, done, err := session(ctx, c, name, v.engine)
	if err != nil {
		return err
	}
	defer done()
	at := v.at
	if at == "" && b.Manifest().Failure == nil {
		at = "end"
	}
	if err := s.Goto(ctx, place(b, at)); err != nil {
		return status(err)
	}
	s.Only(v.process)
	if v.symbols != "" {
		if err := s.Symbols(v.symbols); err != nil {
			return notThere(err)
		}
		if _, _, err := s.Program(nil); err != nil {
			fmt.Fprintf(c.ErrOrStderr(), "no program symbols: %v\n", err)
		}
	}
	all, err := s.Accesses(ctx, what, int(v.last))
	if e := (*debug.NameError)(nil); errors.As(err, &e) {
		return exit.With(exit.NotFound, err)
	}
	if err != nil {
		return status(err)
	}
	doc := whoDocument{Schema: "vmbundle.who/1", Position: s.Position(), What: what, Accesses: all, All: len(all) < int(v.last)}
	if v.asJSON {
		return cli.JSON(c.OutOrStdout(), doc)
	}
	return debug.WriteAccesses(c.OutOrStdout(), all, int(v.last))
}
