package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"vmrecord/bundle/debug"
	"vmrecord/cmd/internal/cli"
	"vmrecord/cmd/internal/exit"
	"vmrecord/cmd/internal/machine"
	"vmrecord/vmm"
)

// A psDocument is what ps --json prints.
type psDocument struct {
	Schema    string          `json:"schema"` // vmbundle.ps/1
	Position  vmm.Position    `json:"position"`
	Processes []debug.Process `json:"processes"`
	Error     string          `json:"error,omitempty"` // why some are missing
}

// A psVerb is what ps was asked for.
type psVerb struct {
	at     string
	asJSON bool
	engine machine.EngineFlags
}

func psCommand() *cobra.Command {
	var v psVerb
	c := &cobra.Command{
		Use:   "ps FILE|ID",
		Short: "List the guest's processes at some position of a recording",
		Long:  "ps replays up to a position and lists the processes there, read from the guest's memory.\n* stands before the one that runs.",
		Args:  cli.Args(1, 1),
	}
	atFlag(c, &v.at, "where", "failure, or start")
	c.Flags().BoolVar(&v.asJSON, "json", false, "print one JSON document")
	lookFlags(c, &v.engine)
	c.RunE = func(c *cobra.Command, args []string) error { return v.run(c, args[0]) }
	return c
}

func (v *psVerb) run(c *cobra.Command, name string) error {
	ctx, stop := interruptible()
	defer stop()
	s, b, done, err := session(ctx, c, name, v.engine)
	if err != nil {
		return err
	}
	defer done()
	if err := s.Goto(ctx, place(b, v.at)); err != nil {
		return status(err)
	}
	all, err := s.Processes()
	if len(all) == 0 && err != nil {
		return exit.With(exit.NotFound, err)
	}
	if v.asJSON {
		doc := psDocument{Schema: "vmbundle.ps/1", Position: s.Position(), Processes: all}
		if err != nil {
			doc.Error = err.Error()
		}
		return cli.JSON(c.OutOrStdout(), doc)
	}
	fmt.Fprintf(c.OutOrStdout(), "  %7s %7s  %-8s %s\n", "PID", "PARENT", "STATE", "COMMAND")
	for _, p := range all {
		fmt.Fprintln(c.OutOrStdout(), p.Line())
	}
	return err
}
