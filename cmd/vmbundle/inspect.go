package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"vmrecord/bundle"
	"vmrecord/cmd/internal/cli"
)

func inspectCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "inspect FILE|ID",
		Short: "Tell what is inside a bundle, without running it",
		Args:  cli.Args(1, 1),
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	c.RunE = func(c *cobra.Command, args []string) error {
		b, err := openNamed(c, args[0])
		if err != nil {
			return err
		}
		defer b.Close()
		if asJSON {
			return cli.JSON(c.OutOrStdout(), b.Inspect())
		}
		describe(c.OutOrStdout(), b.Inspect())
		return told(c.OutOrStdout(), b)
	}
	return c
}

// told prints the report, if there is nothing else, safe for a terminal.
func told(w io.Writer, b *bundle.Bundle) error {
	text, err := b.Report()
	if err != nil || text == "" {
		return status(err)
	}
	for line := range strings.Lines(text) {
		fmt.Fprintln(w, "  |", strings.Map(cli.Plain, strings.TrimSuffix(line, "\n")))
	}
	return nil
}

// describe prints a bundle for people. Texts in it come from a stranger's
// guest: quoted, they cannot play tricks on a terminal.
func describe(w io.Writer, i bundle.Info) {
	m, t := i.Manifest.Machine, i.Manifest.Tape
	line := func(what, format string, a ...any) { fmt.Fprintf(w, "%-11s"+format+"\n", append([]any{what}, a...)...) }
	line("bundle", "%s, %s, level %s, %s", i.ID, cli.Bytes(i.Bytes), i.Manifest.Level, i.UUID)
	r := i.Manifest.Recording
	line("recorded", "%q of %q %q, %s", r.Feature, r.Appliance, r.Version, time.Unix(r.Created, 0).UTC().Format(time.DateTime))
	if r.Branch != nil {
		line("branch", "%s of %.40q, left at %s", r.Branch.ID, r.Branch.Parent, r.Branch.At)
	}
	if i.Manifest.Signer != "" {
		line("signed", "by %q", i.Manifest.Signer)
	}
	if k := i.Manifest.Consent; k != nil {
		line("consent", "%.40q, to text %d, since %s", k.Mode, k.Text, k.At.UTC().Format(time.DateTime))
	}
	for _, k := range i.Keys {
		line("sealed", "to %q", k)
	}
	line("machine", "model %d, %d MiB, %d Hz, revision %q", m.Model, m.MemoryBytes>>20, m.Hz, r.Source)
	line("tape", "%.3f s, %d instructions, %d inputs (%d keys), %d heartbeats every %d, %d frames",
		i.Seconds, t.Retired, t.Inputs, t.Keys, t.Heartbeats, t.Period, t.Frames)
	line("from, to", "%s to %s", t.Start, t.End)
	line("console", "%d bytes, SHA-256 %.16s", t.ConsoleBytes, t.Console)
	switch {
	case t.Truncated:
		line("end", "truncated: the recording was interrupted")
	default:
		line("end", "%.16s, %q", t.EndHash, t.Why)
	}
	for _, k := range i.Manifest.Markers {
		line(k.Kind, "%.6f s  %s  %q", k.Offset, k.Pos, k.Text)
	}
	line("good for", "%q", i.Manifest.Capabilities)
	s := i.Manifest.Snapshot
	line("memory", "%d pages, %d different ones stored in %d packs", s.Pages, s.Stored, len(s.Packs))
	for _, o := range s.Bases {
		line("base", "%.60q, a %.20q of %d pages, %.16s", o.Name, o.Kind, o.Pages, o.ID)
	}
	for _, p := range i.Manifest.Parts {
		line("part", "%10d  %.16s  %s", p.Size, p.SHA256, p.Name)
	}
}
