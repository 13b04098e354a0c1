package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"vmrecord/bundle"
	"vmrecord/bundle/inbox"
	"vmrecord/bundle/mail"
	"vmrecord/cmd/internal/cli"
	"vmrecord/cmd/internal/exit"
	"vmrecord/configs/size"
)

// mostPart is the largest part that a message of split's may carry, and mostMessage
// the largest message that join takes. No mail server known takes more.
const (
	mostPart    = 40_000_000
	mostMessage = 64 << 20
)

// A splitDocument is what split --json prints.
type splitDocument struct {
	Schema string   `json:"schema"` // vmbundle.split/1
	ID     string   `json:"id"`
	Bytes  int64    `json:"bytes"`
	Parts  []string `json:"parts"` // files
}

func splitCommand() *cobra.Command {
	var asJSON, force bool
	bytes := size.Bytes(mail.DefaultPartBytes)
	letter := mail.Letter{From: "sender@localhost", To: "vendor@localhost"}
	c := &cobra.Command{
		Use:   "split FILE [DIR]",
		Short: "Cut a bundle in messages that can be mailed by hand",
		Long: "split writes a bundle as files of messages, R-XXXX-XXXX.0001-of-0003.eml and so on, which\n" +
			"any mail program sends or carries as attachments. They may arrive in any order, and more\n" +
			"than once: vmbundle join, ingest and inbox serve put them together.",
		Example: "  vmbundle split R-XXXX-XXXX.vmb parts --part-size 20M",
		Args:    cli.Args(1, 2),
	}
	f := c.Flags()
	f.Var(&bytes, "part-size", "bytes of the bundle in each message, which becomes a third longer (`SIZE`)")
	f.StringVar(&letter.From, "from", letter.From, "the messages' sender (`ADDRESS`)")
	f.StringVar(&letter.To, "to", letter.To, "their recipient (`ADDRESS`)")
	f.BoolVar(&force, "force", false, "overwrite files")
	f.BoolVar(&asJSON, "json", false, "print one JSON document")
	c.RunE = func(c *cobra.Command, args []string) error {
		letter.Date = time.Now()
		if bytes > mostPart {
			return exit.Errorf(exit.Usage, "--part-size %s: at most %s", bytes, cli.Bytes(mostPart))
		}
		doc, err := split(c, args[0], append(args, ".")[1], int64(bytes), letter, force)
		if err != nil {
			return status(err)
		}
		if asJSON {
			return cli.JSON(c.OutOrStdout(), doc)
		}
		for _, p := range doc.Parts {
			fmt.Fprintln(c.OutOrStdout(), p)
		}
		return nil
	}
	return c
}

// split writes the parts of a bundle into a folder.
func split(c *cobra.Command, name, dir string, partBytes int64, l mail.Letter, force bool) (doc splitDocument, err error) {
	file, err := find(c, name)
	if err != nil {
		return doc, err
	}
	f, env, err := carried(file)
	if err != nil {
		return doc, err
	}
	defer f.Close()
	if len(env.Keys) == 0 {
		fmt.Fprintln(c.ErrOrStderr(), "the bundle is not sealed: whoever carries it can read it")
	}
	about, err := mail.Describe(file, env.ID, env.UUID)
	if err != nil {
		return doc, err
	}
	s := mail.Split{Bundle: about, PartBytes: partBytes}
	if err := errors.Join(s.Check(), l.Check()); err != nil {
		return doc, exit.With(exit.Usage, err)
	}
	doc = splitDocument{"vmbundle.split/1", env.ID, about.Size, []string{}}
	for n := 1; n <= s.Parts(); n++ {
		doc.Parts = append(doc.Parts, filepath.Join(dir, fmt.Sprintf("%s.%04d-of-%04d.eml", env.ID, n, s.Parts())))
	}
	for _, p := range doc.Parts { // before any is written
		if err := cli.Fresh(p, force); err != nil {
			return doc, err
		}
	}
	bar := cli.NewProgress(c.ErrOrStderr())
	defer bar.End()
	for i, p := range doc.Parts {
		text, err := s.Message(l, f, i+1)
		if err != nil {
			return doc, err
		}
		o := output{name: p, force: force}
		if err := o.write(c, func(w io.Writer) error { _, err := w.Write(text); return err }); err != nil {
			return doc, diskFull(err)
		}
		bar.Part("splitting", uint64(i+1), uint64(len(doc.Parts)))
	}
	return doc, nil
}

// carried opens a bundle's file and reads what every carrier can.
func carried(name string) (*os.File, bundle.Envelope, error) {
	f, err := os.Open(name)
	if errors.Is(err, os.ErrNotExist) {
		return nil, bundle.Envelope{}, exit.Errorf(exit.NotFound, "%s: there is no such file", name)
	}
	if err != nil {
		return nil, bundle.Envelope{}, err
	}
	i, err := f.Stat()
	if err == nil && !i.Mode().IsRegular() {
		err = exit.Errorf(exit.NotFound, "%s is no bundle's file; to make one of a recording: vmbundle pack %s", name, name)
	}
	var e bundle.Envelope
	if err == nil {
		e, err = bundle.Outside(f, i.Size())
	}
	if err != nil {
		f.Close()
		return nil, e, err
	}
	return f, e, nil
}

// A joined is one bundle that join found parts of.
type joined struct {
	ID    string `json:"id"`
	Bytes int64  `json:"bytes"`
	File  string `json:"file,omitempty"` // that it was written to
	Need  string `json:"need,omitempty"` // parts that are missing: "2,4-5"
}

// A joinDocument is what join --json prints.
type joinDocument struct {
	Schema  string   `json:"schema"` // vmbundle.join/1
	Bundles []joined `json:"bundles"`
}

func joinCommand() *cobra.Command {
	var asJSON, force bool
	var out string
	c := &cobra.Command{
		Use:   "join PATH...",
		Short: "Put the messages of a bundle together again",
		Long: "join reads saved messages, and folders and maildirs of them, in any order and however often\n" +
			"each, and writes the bundles whose parts are all there, as R-XXXX-XXXX.vmb. Of others it\n" +
			"names the parts that are missing, with status 3. What is no part of a bundle is passed over.",
		Example: "  vmbundle join parts/*.eml",
		Args:    cli.Args(1, 1<<20),
	}
	c.Flags().StringVarP(&out, "output", "o", ".", "the folder to write to (`DIR`)")
	c.Flags().BoolVar(&force, "force", false, "overwrite files")
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	c.RunE = func(c *cobra.Command, args []string) error {
		doc, err := join(c, args, out, force)
		if asJSON && doc.Schema != "" {
			err = errors.Join(cli.JSON(c.OutOrStdout(), doc), err)
		}
		for _, b := range doc.Bundles {
			if b.File != "" && !asJSON {
				fmt.Fprintln(c.OutOrStdout(), b.File)
			}
		}
		return err
	}
	return c
}

// join puts together what it finds, in an inbox that is gone afterwards.
func join(c *cobra.Command, paths []string, out string, force bool) (doc joinDocument, err error) {
	tmp, err := os.MkdirTemp(out, ".join-")
	if errors.Is(err, os.ErrNotExist) {
		return doc, exit.Errorf(exit.NotFound, "%s: there is no such folder; to make it: mkdir -p %s", out, out)
	}
	if err != nil {
		return doc, err
	}
	defer os.RemoveAll(tmp)
	in, err := inbox.Open(tmp, inbox.Options{Now: time.Now, Identify: bundle.Identify, MaxMessageBytes: mostMessage, QuotaBytes: 1 << 62})
	if err != nil {
		return doc, err
	}
	for _, p := range paths {
		files, err := in.Ingest(p)
		if err != nil {
			return doc, notHere(p, err)
		}
		for _, g := range files {
			if g.Error != "" {
				fmt.Fprintf(c.ErrOrStderr(), "passed over: %s: %s\n", g.Path, strings.Map(cli.Plain, strings.TrimSpace(g.Error)))
			}
		}
	}
	all, err := in.List()
	if err != nil {
		return doc, err
	}
	doc = joinDocument{"vmbundle.join/1", []joined{}}
	missing := false
	for _, r := range all {
		b := joined{ID: r.ID, Bytes: r.Size, Need: r.Need}
		if r.State == inbox.Complete {
			b.File = filepath.Join(out, r.ID+".vmb")
			err = errors.Join(err, give(r.File, b.File, force))
		} else {
			missing = true
			fmt.Fprintf(c.ErrOrStderr(), "%s is not whole: missing of its %d parts: %s; ask the sender for them again\n", r.ID, mail.Split{Bundle: r.Bundle, PartBytes: r.PartBytes}.Parts(), r.Need)
		}
		doc.Bundles = append(doc.Bundles, b)
	}
	switch {
	case err == nil && len(all) == 0:
		err = exit.Errorf(exit.NotFound, "there is no part of a bundle among these files")
	case err == nil && missing:
		err = exit.Errorf(exit.NotFound, "parts are missing")
	}
	return doc, err
}

// give moves a file to where there is none, or any with force.
func give(from, to string, force bool) error {
	if err := cli.Fresh(to, force); err != nil {
		return err
	}
	return os.Rename(from, to)
}
