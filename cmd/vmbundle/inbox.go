package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"vmrecord/bundle"
	"vmrecord/bundle/inbox"
	"vmrecord/cmd/internal/cli"
	"vmrecord/cmd/internal/exit"
	"vmrecord/configs/size"
)

// An inboxDocument is what inbox list --json prints.
type inboxDocument struct {
	Schema  string         `json:"schema"` // vmbundle.inbox-list/1
	Reports []inbox.Entry  `json:"reports"`
	Buckets []inbox.Bucket `json:"buckets"`
}

func inboxCommand() *cobra.Command {
	c := cli.Group("inbox", "Receive bundles, sort and list them",
		inboxServe(), inboxList(), inboxShow(), inboxTag(), inboxFix(), inboxDup(), inboxPurge(), inboxCheck(), inboxLetters(),
		inboxEnroll(), inboxTokens(), workerCommand())
	c.PersistentFlags().String("dir", "", "the inbox's folder (default $VMB_INBOX, or ~/.local/share/vmrecord/inbox)")
	return c
}

// inboxVariable names the inbox where no flag does.
const inboxVariable = "VMB_INBOX"

// inboxDir is the inbox's folder.
func inboxDir() (string, error) {
	if dir := os.Getenv(inboxVariable); dir != "" {
		return dir, nil
	}
	state, err := cli.StateDir()
	return filepath.Join(state, "inbox"), err
}

// openInbox opens the folder that --dir, the environment or custom names.
func openInbox(c *cobra.Command) (*inbox.Inbox, string, error) {
	dir, _ := c.Flags().GetString("dir")
	if dir != "" { // for what is read from now on, by workers too
		if err := os.Setenv(inboxVariable, dir); err != nil {
			return nil, "", err
		}
	}
	dir, err := inboxDir()
	if err != nil {
		return nil, "", err
	}
	opt := inbox.Options{Now: time.Now, Identify: bundle.Identify}
	for flag, to := range map[string]*int64{"quota": &opt.QuotaBytes, "quota-each": &opt.InstallBytes} {
		f := c.Flags().Lookup(flag)
		if f == nil {
			continue
		}
		n, err := size.Parse(f.Value.String())
		if err != nil || n > math.MaxInt64 {
			return nil, "", exit.Errorf(exit.Usage, "--%s %s: want a size, like 20G", flag, f.Value)
		}
		*to = int64(n)
	}
	in, err := inbox.Open(dir, opt)
	return in, dir, err
}

// A listening is what inbox serve was asked for.
type listening struct {
	listen, cert, key, ready string
	opt                      inbox.ServerOptions
	one                      bool
	days                     int // reports are kept; 0: for ever
	check                    bool
	checker                  checker
	letters                  correspondent
}

func inboxServe() *cobra.Command {
	var s listening
	c := &cobra.Command{
		Use:   "serve",
		Short: "Receive mail until interrupted",
		Long: "serve takes bundles by SMTP, in parts, in any order. Without a certificate it\n" +
			"listens on this computer only. Each complete bundle's file is printed on a line.\n" +
			"What it writes to people is listed by \"inbox letters\". User and password, where the\n" +
			"--relay wants them, stand in VMRECORD_SMTP_USER and VMRECORD_SMTP_PASSWORD.",
		Example: "  vmbundle inbox serve --notify webhook:https://chat.example/hooks/1 --reply --relay smtp://127.0.0.1:25 --to beta@vendor.example",
		Args:    cli.Args(0, 0),
	}
	f := c.Flags()
	f.StringVar(&s.listen, "listen", "127.0.0.1:2525", "`ADDRESS` to listen on; port 0 takes a free one")
	f.StringVar(&s.ready, "ready", "", "write the address to `FILE` once listening")
	f.StringArrayVar(&s.opt.Recipients, "to", nil, "accept mail for this `ADDRESS` only; may be repeated")
	f.StringVar(&s.cert, "tls-cert", "", "certificate `FILE` (PEM); STARTTLS is offered")
	f.StringVar(&s.key, "tls-key", "", "its key `FILE` (PEM)")
	f.BoolVar(&s.opt.ImplicitTLS, "tls", false, "TLS from the first byte (port 465)")
	f.BoolVar(&s.opt.AllowPlain, "allow-plain", false, "take mail from other computers without TLS")
	f.String("quota", "20G", "refuse mail, for now, that would make the inbox larger than this `SIZE`")
	f.String("quota-each", "2G", "refuse mail, for now, of an enrolled computer with more than this `SIZE` in it")
	f.BoolVar(&s.opt.Open, "open", false, "take mail of computers that did not enroll, too")
	f.IntVar(&s.days, "keep-days", 0, "remove what came more than `DAYS` days ago; 0: never")
	f.BoolVar(&s.check, "check", false, "replay each complete bundle twice, behind, as \"inbox check\" does")
	s.checker.define(c)
	s.letters.define(c)
	f.BoolVar(&s.one, "once", false, "stop after the first complete bundle")
	c.RunE = func(c *cobra.Command, _ []string) error { return s.run(c) }
	return c
}

func (s *listening) run(c *cobra.Command) error {
	if (s.cert == "") != (s.key == "") || s.opt.ImplicitTLS && s.cert == "" {
		return exit.Errorf(exit.Usage, "TLS needs both --tls-cert FILE and --tls-key FILE")
	}
	if s.cert != "" {
		pair, err := tls.LoadX509KeyPair(s.cert, s.key)
		if err != nil {
			return notThere(fmt.Errorf("--tls-cert %s, --tls-key %s: %w", s.cert, s.key, err))
		}
		s.opt.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	}
	if err := s.letters.ready(s.opt.Recipients); err != nil {
		return err
	}
	in, dir, err := openInbox(c)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", s.listen)
	if err != nil {
		return fmt.Errorf("listen: %w; choose another address: --listen 127.0.0.1:0", err)
	}
	defer l.Close()
	if err := in.Safe(l.Addr(), s.opt); err != nil {
		return exit.With(exit.Usage, err)
	}
	if s.ready != "" {
		if err := os.WriteFile(s.ready, []byte(l.Addr().String()+"\n"), 0o644); err != nil {
			return fmt.Errorf("tell the address: %w", err)
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, done := context.WithCancel(ctx)
	defer done()
	s.opt.Logf = func(f string, a ...any) {
		fmt.Fprintln(c.ErrOrStderr(), strings.Map(cli.Plain, strings.TrimSpace(fmt.Sprintf(f, a...))))
	}
	s.opt.Received = func(a inbox.Accepted, err error) { s.received(c, in, a, err, done) }
	var behind sync.WaitGroup
	defer behind.Wait()
	behind.Go(func() { s.retain(ctx, c, in) })
	if s.check || len(s.letters.what.Notify) > 0 {
		s.checker.in, s.checker.say = in, s.opt.Logf
		behind.Go(func() { s.checker.watch(ctx) })
	}
	if s.letters.wanted() {
		behind.Go(func() { s.letters.work(ctx, in, s.opt.Logf) })
	}
	from := ""
	if guarded, err := in.Guarded(); err != nil || guarded && !s.opt.Open {
		from = ", for computers that enrolled"
	}
	fmt.Fprintf(c.ErrOrStderr(), "listening on %s, inbox %s%s\n", l.Addr(), dir, from)
	defer done()
	return in.Serve(ctx, l, s.opt)
}

// retain removes what is too old, now and every hour.
func (s *listening) retain(ctx context.Context, c *cobra.Command, in *inbox.Inbox) {
	if s.days <= 0 {
		return
	}
	t := time.NewTicker(time.Hour)
	defer t.Stop()
	for {
		gone, err := in.PurgeBefore(time.Now().AddDate(0, 0, -s.days))
		for _, r := range gone {
			fmt.Fprintf(c.ErrOrStderr(), "removed after %d days: %s\n", s.days, r.ID)
		}
		if err != nil {
			fmt.Fprintln(c.ErrOrStderr(), "remove old reports:", err)
		}
		select {
		case <-t.C:
		case <-ctx.Done():
			return
		}
	}
}

// received reports one message; done ends the server.
func (s *listening) received(c *cobra.Command, in *inbox.Inbox, a inbox.Accepted, err error, done func()) {
	switch {
	case err != nil:
		fmt.Fprintln(c.ErrOrStderr(), "refused:", strings.Map(cli.Plain, err.Error()))
	case a.Complete && !a.Duplicate:
		r, err := in.Show(a.Receipt.ID)
		if err != nil {
			fmt.Fprintln(c.ErrOrStderr(), err)
			return
		}
		fmt.Fprintln(c.OutOrStdout(), r.File)
	default:
		fmt.Fprintln(c.ErrOrStderr(), "received:", a.Receipt)
	}
	if s.one && a.Complete {
		done()
	}
}

func ingestCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "ingest PATH...",
		Short: "Take in saved messages, maildirs and bundle files",
		Args:  cli.Args(1, 1<<20),
	}
	c.Flags().String("dir", "", "the inbox's folder (default $VMB_INBOX, or ~/.local/share/vmrecord/inbox)")
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	c.RunE = func(c *cobra.Command, args []string) error { return ingest(c, args, asJSON) }
	return c
}

// An ingestDocument is what ingest --json prints.
type ingestDocument struct {
	Schema string           `json:"schema"` // vmbundle.ingest/1
	Files  []inbox.Ingested `json:"files"`
}

// notHere says that what was to be taken in is missing, where that is why it was not.
func notHere(path string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return exit.Errorf(exit.NotFound, "%s: there is no such file or folder", path)
	}
	return err
}

func ingest(c *cobra.Command, paths []string, asJSON bool) error {
	in, _, err := openInbox(c)
	if err != nil {
		return err
	}
	doc := ingestDocument{"vmbundle.ingest/1", []inbox.Ingested{}}
	refused := 0
	for _, p := range paths {
		got, err := in.Ingest(p)
		if err != nil {
			return notHere(p, err)
		}
		doc.Files = append(doc.Files, got...)
	}
	for _, g := range doc.Files {
		switch {
		case g.Error != "":
			refused++
			fmt.Fprintf(c.ErrOrStderr(), "%s: %s\n", g.Path, strings.Map(cli.Plain, g.Error))
		case !asJSON:
			fmt.Fprintf(c.OutOrStdout(), "%s  %s  complete=%v\n", g.ID, g.Path, g.Complete)
		}
	}
	if asJSON {
		if err := cli.JSON(c.OutOrStdout(), doc); err != nil {
			return err
		}
	}
	if refused > 0 {
		return exit.Errorf(exit.Integrity, "%d of %d files were refused", refused, len(doc.Files))
	}
	return nil
}
