package main

import (
	"cmp"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"vmrecord/bundle"
	"vmrecord/bundle/mail"
	"vmrecord/cmd/internal/cli"
	"vmrecord/cmd/internal/exit"
)

// A preview is what a report holds and where it would go.
type preview struct {
	Schema    string     `json:"schema"` // vmappliance.preview/1
	ID        string     `json:"id"`
	Bytes     int64      `json:"bytes"`
	State     mail.State `json:"state"`
	Level     string     `json:"level,omitempty"`
	Because   string     `json:"because,omitempty"` // of what it is that level
	Report    string     `json:"report,omitempty"`  // all that is told, at level L0
	To        string     `json:"to"`
	Sealed    []string   `json:"sealed"` // public keys of those who can read it; none: everybody
	Parts     []share    `json:"parts"`
	Appliance string     `json:"appliance"`
	Feature   string     `json:"feature"`
	Failure   string     `json:"failure,omitzero"`
	look
}

// A share is what one kind of part takes of a bundle.
type share struct {
	What  string `json:"what"`
	Parts int    `json:"parts"`
	Bytes int64  `json:"bytes"`
}

func previewCommand() *cobra.Command {
	asJSON := false
	c := &cobra.Command{
		Use:   "preview ID",
		Short: "Show what a report holds before it is sent",
		Long: "preview shows what goes if you send a report: its parts, who can read it, the last\n" +
			"lines on the console where the recording begins and ends, how many keys were typed,\n" +
			"and what in it looks like a secret. The search knows a few common forms only: what\n" +
			"it does not find may still be there.",
		Args: cli.Args(1, 1),
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	c.RunE = func(c *cobra.Command, args []string) error {
		p, err := here()
		if err != nil {
			return err
		}
		it, err := p.spool.Find(args[0])
		if err != nil {
			return missing(err)
		}
		v, err := p.preview(it)
		if err != nil {
			return err
		}
		if asJSON {
			return cli.JSON(c.OutOrStdout(), v)
		}
		_, err = fmt.Fprintln(c.OutOrStdout(), strings.Join(v.lines(), "\n"))
		return err
	}
	return c
}

// preview tells of a bundle in the outbox.
func (p *post) preview(it mail.Item) (*preview, error) {
	w, err := p.way(it)
	if err != nil {
		return nil, err
	}
	if w.Look == nil {
		return nil, exit.Errorf(exit.NotFound, "%s was queued by an older program, which did not note what it holds; to send it unseen: vmappliance send %s", it.ID, it.ID)
	}
	v := &preview{Schema: "vmappliance.preview/1", ID: it.ID, Bytes: it.Size, State: it.State, To: w.To, Sealed: []string{},
		Level: w.Level, Because: w.Because, Report: w.Report, Appliance: w.Appliance, Feature: w.Feature, Failure: w.Failure, look: *w.Look}
	if err := v.outside(it.Path); err != nil {
		return nil, fmt.Errorf("preview %s: %w", it.ID, err)
	}
	return v, nil
}

// kinds of parts, by how their names begin.
var kinds = []struct{ prefix, what string }{
	{"packs/", "memory of the guest"},
	{"snapshot/", "state of its processor and devices"},
	{"tape/", "what reached it: keys, clock, network"},
	{"report", "what is told of the failure"},
	{"manifest", "description and signature"},
}

// outside reads what every carrier can.
func (v *preview) outside(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	e, err := bundle.Outside(f, v.Bytes)
	if err != nil {
		return err
	}
	v.Sealed = append(v.Sealed, e.Keys...)
	for _, k := range kinds {
		s := share{What: k.what}
		for _, p := range e.Parts {
			if strings.HasPrefix(p.Name, k.prefix) {
				s.Parts++
				s.Bytes += p.Size
			}
		}
		if s.Parts > 0 || k.prefix != "report" {
			v.Parts = append(v.Parts, s)
		}
	}
	return nil
}

// lines are the preview for people, each without its end: a raw terminal wants another
// one than a file.
func (v *preview) lines() []string {
	sealed := "in the clear: whoever carries it can read it"
	if len(v.Sealed) > 0 {
		sealed = "sealed: only who has the secret half of " + strings.Join(v.Sealed, " or ") + " can read it"
	}
	l := []string{
		fmt.Sprintf("● %s, %s, %s", v.ID, cli.Bytes(v.Bytes), v.State),
		"to        " + v.To,
		"          " + sealed,
		fmt.Sprintf("level     %s: %s", cmp.Or(v.Level, "L3"), cmp.Or(v.Because, "all of it")),
		fmt.Sprintf("about     %s: %s %s", v.Appliance, v.Feature, v.Failure),
		fmt.Sprintf("recorded  %s, %.1f s, %d keys typed, %s of memory", time.Unix(v.Created, 0).Format(time.DateTime), v.Seconds, v.Keys, cli.Bytes(int64(v.Memory))),
	}
	for _, f := range v.Facts {
		l = append(l, "fact      "+f)
	}
	l = append(l, "holds")
	for _, s := range v.Parts {
		l = append(l, fmt.Sprintf("          %10s  %s", cli.Bytes(s.Bytes), s.What))
	}
	for _, c := range []struct{ head, text string }{{"report", v.Report}, {"console at the start", v.First}, {"console at the end", v.Last}} {
		if c.text == "" {
			continue
		}
		l = append(l, c.head)
		for line := range strings.SplitSeq(c.text, "\n") {
			l = append(l, "        | "+line)
		}
	}
	if len(v.Secrets) == 0 {
		return append(l, fmt.Sprintf("secrets   none of the known forms in %s looked at", cli.Bytes(v.Scanned)))
	}
	for _, h := range v.Secrets {
		l = append(l, fmt.Sprintf("secrets   %s: %d, like %s", h.Kind, h.Count, h.Like))
	}
	return l
}
