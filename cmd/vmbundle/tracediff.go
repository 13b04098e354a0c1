package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"vmrecord/cmd/internal/cli"
	"vmrecord/cmd/internal/exit"
	"vmrecord/vmm/trace"
)

// A diffDocument is what trace diff --json prints.
type diffDocument struct {
	Schema string   `json:"schema"` // vmbundle.trace-diff/1
	Equal  bool     `json:"equal"`
	Lines  uint64   `json:"lines,omitempty"` // of both, if they are equal
	Line   uint64   `json:"line,omitempty"`  // that differs first, from 1
	Before []string `json:"before,omitempty"`
	A      []string `json:"a,omitempty"`
	B      []string `json:"b,omitempty"`
}

// A diffVerb is what trace diff was asked for.
type diffVerb struct {
	context            int
	noInstants, asJSON bool
}

func traceDiffCommand() *cobra.Command {
	var v diffVerb
	c := &cobra.Command{
		Use:   "diff A B",
		Short: "Find the first line in which two traces differ",
		Long: `diff compares two files that trace wrote, as text or NDJSON, and shows the first line in
which they differ, and those around it. Status 7 if they do. Files may be of any size.

Two recordings do not do the same at the same instants; --no-instants compares only what
was done. Choose what is to be compared by the flags of trace: a process, a module.`,
		Example: `  vmbundle trace good.vmb --what call --process ledger --module ledger -o good.txt
  vmbundle trace bad.vmb --what call --process ledger --module ledger -o bad.txt
  vmbundle trace diff --no-instants good.txt bad.txt`,
		Args: cli.Args(2, 2),
	}
	c.Flags().IntVarP(&v.context, "context", "C", 5, "`LINES` to show before the difference, and behind it")
	c.Flags().BoolVar(&v.noInstants, "no-instants", false, "do not compare instants")
	c.Flags().BoolVar(&v.asJSON, "json", false, "print one JSON document")
	c.RunE = v.run
	return c
}

func (v *diffVerb) run(c *cobra.Command, args []string) error {
	const most = 10_000
	if v.context < 0 || v.context > most {
		return exit.Errorf(exit.Usage, "--context %d: want 0 to %d", v.context, most)
	}
	var in [2]*os.File
	for i, name := range args {
		f, err := os.Open(name)
		if errors.Is(err, fs.ErrNotExist) {
			return exit.Errorf(exit.NotFound, "%s: there is no such file; to write one: vmbundle trace FILE --what insn -o %s", name, name)
		} else if err != nil {
			return err
		}
		defer f.Close()
		in[i] = f
	}
	d, lines, err := trace.Diff(in[0], in[1], v.context, !v.noInstants)
	if err != nil {
		return fmt.Errorf("compare %s and %s: %w", args[0], args[1], err)
	}
	if v.asJSON {
		doc := diffDocument{Schema: "vmbundle.trace-diff/1", Equal: true, Lines: lines}
		if d != nil {
			doc = diffDocument{doc.Schema, false, 0, d.Line, d.Before, d.A, d.B}
		}
		err = cli.JSON(c.OutOrStdout(), doc)
	} else {
		err = tellDifference(c.OutOrStdout(), d, lines)
	}
	if err == nil && d != nil {
		err = cli.Status(int(exit.Diverged))
	}
	return err
}

// tellDifference prints where two traces part.
func tellDifference(w io.Writer, d *trace.Difference, lines uint64) error {
	if d == nil {
		_, err := fmt.Fprintf(w, "the same: %d lines\n", lines)
		return err
	}
	text := fmt.Sprintf("they differ from line %d on\n", d.Line)
	for _, part := range []struct {
		mark  string
		lines []string
	}{{" ", d.Before}, {"-", d.A}, {"+", d.B}} {
		if len(part.lines) == 0 && part.mark != " " {
			text += part.mark + " (ends here)\n"
		}
		for _, l := range part.lines {
			text += part.mark + " " + l + "\n"
		}
	}
	_, err := io.WriteString(w, text)
	return err
}
