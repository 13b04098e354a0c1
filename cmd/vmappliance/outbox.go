package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"vmrecord/bundle/mail"
	"vmrecord/cmd/internal/cli"
	"vmrecord/cmd/internal/exit"
	"vmrecord/configs"
)

// An outboxDocument is what outbox list --json prints.
type outboxDocument struct {
	Schema string     `json:"schema"` // vmappliance.outbox/1
	Items  []outgoing `json:"items"`
}

// An outgoing is a bundle in the outbox, with what is known of how it came there.
type outgoing struct {
	mail.Item
	Level   string `json:"level,omitempty"`
	Because string `json:"because,omitempty"` // of what it is that level
	Of      string `json:"of,omitempty"`      // the bundle that a report (L0) goes ahead of
}

// outgoings are the bundles in the outbox, oldest first.
func (p *post) outgoings() (all []outgoing, err error) {
	items, err := p.spool.List()
	for _, it := range items {
		o := outgoing{Item: it}
		if w, err := p.way(it); err == nil { // else nothing is known
			o.Level, o.Because, o.Of = w.Level, w.Because, w.Of
		}
		all = append(all, o)
	}
	return all, err
}

// why is what the user is told of a bundle.
func (o outgoing) why() string {
	return strings.Join(slices.DeleteFunc([]string{o.Reason, o.Because}, func(s string) bool { return s == "" }), "; ")
}

func outboxCommand() *cobra.Command {
	return cli.Group("outbox", "See and steer what waits to be sent",
		outboxList(), outboxStatus(), outboxRetry(), outboxCancel(), outboxExport(), outboxPrune())
}

func here() (*post, error) {
	state, err := cli.StateDir()
	if err != nil {
		return nil, err
	}
	return openPost(state, configs.DefaultLimits())
}

func outboxList() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{Use: "list", Short: "List the bundles that wait or were sent", Args: cli.Args(0, 0)}
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	c.RunE = func(c *cobra.Command, _ []string) error {
		p, err := here()
		if err != nil {
			return err
		}
		items, err := p.outgoings()
		if err != nil {
			return err
		}
		if asJSON {
			return cli.JSON(c.OutOrStdout(), outboxDocument{"vmappliance.outbox/1", append([]outgoing{}, items...)})
		}
		w := tabwriter.NewWriter(c.OutOrStdout(), 0, 8, 2, ' ', 0)
		if len(items) > 0 {
			fmt.Fprintln(w, "ID\tSTATE\tLEVEL\tSIZE\tPARTS\tNEXT TRY\tVENDOR\tWHY")
		}
		for _, it := range items {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", it.ID, it.State, cmp.Or(it.Level, "-"), cli.Bytes(it.Size), parts(it.Item), next(it.Item), cmp.Or(it.Status.Text(), "-"), it.why())
		}
		return w.Flush()
	}
	return c
}

// missing gives what the outbox does not have its status.
func missing(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return exit.With(exit.NotFound, err)
	case errors.Is(err, mail.ErrHeld):
		return exit.With(exit.Consent, err)
	case errors.Is(err, fs.ErrExist):
		return fmt.Errorf("%w and is not overwritten; choose another FILE", err)
	}
	return err
}

func parts(it mail.Item) string {
	have, all := it.Parts()
	if all == 0 {
		return "-"
	}
	return fmt.Sprintf("%d/%d", have, all)
}

func next(it mail.Item) string {
	if it.NextTry.IsZero() {
		return "-"
	}
	return it.NextTry.Local().Format(time.DateTime)
}

func outboxRetry() *cobra.Command {
	c := &cobra.Command{
		Use: "retry [ID]", Short: "Send now: one bundle, or all that wait",
		Long: "retry sends one bundle, or all that are not sent, held or cancelled, whatever their next\n" +
			"try. User and password, where the server wants them, stand in VMRECORD_SMTP_USER\nand VMRECORD_SMTP_PASSWORD.",
		Args: cli.Args(0, 1),
	}
	c.RunE = func(c *cobra.Command, args []string) error {
		p, err := here()
		if err != nil {
			return err
		}
		refs := args
		if len(refs) == 0 {
			if refs, err = p.unsent(); err != nil {
				return err
			}
		}
		for _, ref := range refs {
			if err := p.again(ref); err != nil {
				return missing(err)
			}
		}
		return p.sendAll(c, refs)
	}
	return c
}

// again has a bundle be sent, if there is consent to that: one that was cancelled while
// it waited for consent, or refused, stays so.
func (p *post) again(ref string) error {
	it, err := p.spool.Find(ref)
	if err == nil && it.State == mail.Cancelled {
		_, err = p.sender(it)
	}
	if err != nil {
		return fmt.Errorf("retry: %w", err)
	}
	_, err = p.spool.Retry(ref)
	return err
}

// unsent names the bundles that a retry of everything means.
func (p *post) unsent() (refs []string, err error) {
	items, err := p.spool.List()
	for _, it := range items {
		switch it.State {
		case mail.Sent, mail.Cancelled, mail.Damaged, mail.Held:
		default:
			refs = append(refs, it.UUID)
		}
	}
	return refs, err
}

// deliver sends one queued bundle now.
func (p *post) deliver(ctx context.Context, ref string) (it mail.Item, res mail.Result, err error) {
	if it, err = p.spool.Find(ref); err != nil {
		return it, res, err
	}
	snd, err := p.sender(it)
	if err != nil {
		return it, res, err
	}
	return p.spool.Deliver(ctx, it.UUID, snd)
}

func outboxCancel() *cobra.Command {
	c := &cobra.Command{Use: "cancel ID", Short: "Do not send a bundle; its file is kept", Args: cli.Args(1, 1)}
	c.RunE = func(c *cobra.Command, args []string) error {
		p, err := here()
		if err != nil {
			return err
		}
		it, err := p.spool.Cancel(args[0])
		if err != nil {
			return missing(err)
		}
		fmt.Fprintf(c.ErrOrStderr(), "%s will not be sent; its file stays: vmappliance outbox export %s FILE\n", it.ID, it.ID)
		return nil
	}
	return c
}

func outboxPrune() *cobra.Command {
	c := &cobra.Command{Use: "prune", Short: "Forget the bundles that were sent or cancelled", Args: cli.Args(0, 0)}
	c.RunE = func(c *cobra.Command, _ []string) error {
		p, err := here()
		if err != nil {
			return err
		}
		freed, err := p.prune(time.Now())
		if err == nil {
			fmt.Fprintf(c.ErrOrStderr(), "%s are free again\n", cli.Bytes(freed))
		}
		return err
	}
	return c
}

func outboxExport() *cobra.Command {
	c := &cobra.Command{Use: "export ID FILE", Short: "Copy a bundle to a file, to send it by other means", Args: cli.Args(2, 2)}
	c.RunE = func(c *cobra.Command, args []string) error {
		p, err := here()
		if err != nil {
			return err
		}
		if _, err := p.spool.Export(args[0], args[1]); err != nil {
			return missing(err)
		}
		fmt.Fprintln(c.OutOrStdout(), args[1])
		return nil
	}
	return c
}
