package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"vmrecord/bundle/inbox"
	"vmrecord/bundle/mail"
	"vmrecord/cmd/internal/cli"
	"vmrecord/cmd/internal/exit"
)

// A correspondent writes to reporters and engineers what the inbox finds out.
type correspondent struct {
	what  inbox.Correspondence
	relay string
	from  string
	by    inbox.Postman
}

func (k *correspondent) define(c *cobra.Command) {
	f := c.Flags()
	f.StringArrayVar(&k.what.Notify, "notify", nil, "tell `WHO` of each new crash: mailto:ADDRESS or webhook:URL; may be repeated; implies --check")
	f.BoolVar(&k.what.Reply, "reply", false, "tell reporters who have a mailbox what became of their reports")
	f.StringVar(&k.relay, "relay", "", "the server for --reply and mailto: (`URL`, such as smtp://127.0.0.1:25)")
	f.StringVar(&k.from, "mail-from", "", "who writes (`ADDRESS`; default: the first --to)")
}

// wanted tells whether there is anybody to write to.
func (k *correspondent) wanted() bool { return k.what.Reply || len(k.what.Notify) > 0 }

// ready checks the flags; to are the addresses that reports come to.
func (k *correspondent) ready(to []string) error {
	byMail := k.what.Reply
	for _, t := range k.what.Notify {
		if err := inbox.CheckTarget(t); err != nil {
			return exit.Errorf(exit.Usage, "--notify %w", err)
		}
		byMail = byMail || strings.HasPrefix(t, "mailto:")
	}
	k.by.Jitter = rand.Float64
	if !byMail {
		return nil
	}
	if k.from == "" && len(to) > 0 {
		k.from = to[0]
	}
	if k.relay == "" || k.from == "" {
		return exit.Errorf(exit.Usage, "--reply and --notify mailto: need --relay URL, and --mail-from ADDRESS or --to ADDRESS")
	}
	r := mail.Route{Submit: k.relay, From: k.from, To: k.from, User: os.Getenv("VMRECORD_SMTP_USER"), Password: os.Getenv("VMRECORD_SMTP_PASSWORD")}
	if err := r.Check(); err != nil {
		return exit.Errorf(exit.Usage, "--relay: %w", err)
	}
	k.by.From = k.from
	k.by.Relay = &mail.Sender{Route: r, Timeouts: mail.Timeouts{Command: time.Minute, Final: 2 * time.Minute}}
	return nil
}

// work writes and sends letters until ctx ends: whenever the inbox changes, whoever
// did it, and when one is due again.
func (k *correspondent) work(ctx context.Context, in *inbox.Inbox, say func(string, ...any)) {
	k.by.Told = func(l inbox.Letter) {
		say("%s", strings.Join([]string{l.State, whom(l.To), l.Subject, l.Reason}, "  "))
	}
	for again, more := true, true; more; again = false {
		seen := in.Touched()
		more = in.Await(ctx, seen, k.round(ctx, in, again, say))
	}
}

// round writes and sends what is due, and says when more is; zero: not by itself.
func (k *correspondent) round(ctx context.Context, in *inbox.Inbox, again bool, say func(string, ...any)) (next time.Time) {
	err := in.Compose(k.what)
	if err == nil {
		next, err = in.Deliver(ctx, k.by, again)
	}
	if err != nil && ctx.Err() == nil {
		say("letters: %v", err)
		next = time.Now().Add(time.Minute)
	}
	return next
}

// whom names where a letter goes; the rest of a webhook's address may be a secret.
func whom(to string) string {
	if text, ok := strings.CutPrefix(to, "webhook:"); ok {
		if u, err := url.Parse(text); err == nil {
			return u.Host
		}
	}
	return strings.TrimPrefix(to, "mailto:")
}

// A lettersDocument is what inbox letters --json prints.
type lettersDocument struct {
	Schema  string         `json:"schema"` // vmbundle.inbox-letters/1
	Letters []inbox.Letter `json:"letters"`
}

func inboxLetters() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{Use: "letters", Short: "List what was written to reporters and engineers", Args: cli.Args(0, 0),
		Long: "letters lists what \"inbox serve\" wrote with --reply and --notify, and what waits or was\nstopped, and why. One that was stopped is tried again when serve starts."}
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	return withInbox(c, func(c *cobra.Command, in *inbox.Inbox, _ []string) error {
		all, err := in.Letters()
		if err != nil {
			return err
		}
		if asJSON {
			return cli.JSON(c.OutOrStdout(), lettersDocument{"vmbundle.inbox-letters/1", append([]inbox.Letter{}, all...)})
		}
		w := tabwriter.NewWriter(c.OutOrStdout(), 0, 8, 2, ' ', 0)
		if len(all) > 0 {
			fmt.Fprintln(w, "WRITTEN\tSTATE\tTO\tABOUT\tWHY")
		}
		for _, l := range all {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", l.Written.Local().Format(time.DateTime), l.State, whom(l.To), l.Subject, l.Reason)
		}
		return w.Flush()
	})
}
