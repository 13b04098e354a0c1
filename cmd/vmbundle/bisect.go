package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"vmrecord/cmd/internal/cli"
	"vmrecord/cmd/internal/exit"
	"vmrecord/cmd/internal/machine"
	"vmrecord/vmm/timeline"
)

// A bisectDocument is what bisect --json prints.
type bisectDocument struct {
	Schema string         `json:"schema"` // vmbundle.bisect/1
	Equal  bool           `json:"equal"`
	Fork   *timeline.Fork `json:"fork,omitempty"`
}

// A bisectVerb is what bisect was asked for.
type bisectVerb struct {
	asJSON bool
	engine machine.EngineFlags
}

func bisectCommand() *cobra.Command {
	var v bisectVerb
	c := &cobra.Command{
		Use:   "bisect A [B]",
		Short: "Find the first position at which two executions differ",
		Long: "bisect replays two recordings that start at the same snapshot and finds where they\n" +
			"part: the instruction, the inputs, and the fields that differ. With one recording it\n" +
			"compares both engines. Status 7 if they part.",
		Args: cli.Args(1, 2),
	}
	c.Flags().BoolVar(&v.asJSON, "json", false, "print one JSON document")
	v.engine.Define(c)
	c.RunE = v.run
	return c
}

func (v *bisectVerb) run(c *cobra.Command, args []string) error {
	ctx, stop := interruptible()
	defer stop()
	other, engine, equal := args[0], machine.Maker(machine.Interp), "equal on both engines, to its end"
	if len(args) == 2 {
		other, engine, equal = args[1], v.engine, "equal to the end of the shorter one"
	}
	a, err := lookInto(c, args[0], v.engine)
	if err != nil {
		return err
	}
	defer a.close()
	b, err := lookInto(c, other, engine)
	if err != nil {
		return err
	}
	defer b.close()
	f, err := v.compare(ctx, a, b)
	switch {
	case errors.Is(err, timeline.ErrStart):
		return exit.With(exit.Incompatible, err)
	case err != nil:
		return err
	}
	if v.asJSON {
		err = cli.JSON(c.OutOrStdout(), bisectDocument{"vmbundle.bisect/1", f == nil, f})
	} else {
		tell(c.OutOrStdout(), f, equal)
	}
	if err == nil && f != nil {
		err = cli.Status(int(exit.Diverged))
	}
	return err
}

// compare finds where two recordings part. What another run or engine left as
// checkpoints would be taken for what this one does.
func (v *bisectVerb) compare(ctx context.Context, a, b *look) (*timeline.Fork, error) {
	a.kept, b.kept = nil, nil
	x, err := a.line(ctx)
	if err != nil {
		return nil, err
	}
	y, err := b.line(ctx)
	if err != nil {
		return nil, err
	}
	f, err := timeline.Bisect(ctx, x, y)
	return f, status(err)
}

// tell prints where two executions part, or that they are equal.
func tell(w io.Writer, f *timeline.Fork, equal string) {
	if f == nil {
		fmt.Fprintln(w, equal)
		return
	}
	fmt.Fprintf(w, "equal up to %s; the next positions, %s and %s, differ\n", f.Good, f.Bad, f.Other)
	fmt.Fprintf(w, "there: %#x %s\n", f.RIP, f.Instruction)
	for i, in := range f.Inputs {
		if in.Inlet == "" {
			continue
		}
		fmt.Fprintf(w, "input in %c: %s % x\n", 'A'+i, in.Inlet, in.Data)
	}
	for _, d := range f.Differences {
		fmt.Fprintf(w, "%s %s: %s, %s\n", d.Section, d.Field, d.A, d.B)
	}
}
