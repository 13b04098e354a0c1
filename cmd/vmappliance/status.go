package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"vmrecord/bundle/mail"
	"vmrecord/cmd/internal/cli"
	"vmrecord/cmd/internal/exit"
)

// askedDays is for how long it is asked what became of a report.
const askedDays = 90

// ask asks the receivers of what was sent what became of it, the newest first, a few
// of each, and tells said what is more than that it arrived. Only an inbox, which answers with receipts, is
// asked. The error is the last one; without an answer nothing changes.
func (p *post) ask(ctx context.Context, said func(it mail.Item)) error {
	items, err := p.spool.List()
	if err != nil {
		return err
	}
	about, by := map[string][]mail.Bundle{}, map[string]*mail.Sender{}
	had := map[string]mail.Item{}
	for i := range items {
		it := items[len(items)-1-i]
		asked := it.State == mail.Sent && strings.Contains(it.Reply, "VMB1 ") && !it.Status.Final() && time.Since(it.TriedAt) < askedDays*24*time.Hour
		w, e := p.way(it)
		to := w.Submit + " " + w.To
		if !asked || e != nil || len(about[to]) == mail.MaxAsked {
			continue
		}
		snd, e := p.senderOf(w)
		if e != nil {
			return e
		}
		about[to], had[it.ID], by[to] = append(about[to], it.Bundle), it, snd
	}
	for to, q := range about {
		answer, f := by[to].Ask(ctx, time.Now(), q)
		if f != nil {
			err = f
			continue
		}
		for _, b := range q {
			if s, ok := answer[b.ID]; ok && s != had[b.ID].Status {
				it, e := p.spool.Learn(b.UUID, s)
				if e != nil {
					return e
				}
				if s != mail.Received {
					said(it)
				}
			}
		}
	}
	return err
}

func outboxStatus() *cobra.Command {
	c := &cobra.Command{Use: "status", Short: "Ask what became of the reports that were sent", Args: cli.Args(0, 0),
		Long: "status asks the vendor's inbox what became of reports, and prints what is new. It is\n" +
			"asked, too, whenever another report is sent. \"outbox list\" shows what was answered."}
	c.RunE = func(c *cobra.Command, _ []string) error {
		p, err := here()
		if err != nil {
			return err
		}
		err = p.ask(context.Background(), func(it mail.Item) { fmt.Fprintf(c.OutOrStdout(), "%s  %s\n", it.ID, it.Status.Text()) })
		if f := (*mail.Failure)(nil); err != nil && errors.As(err, &f) && f.Temporary() {
			return exit.With(exit.Queued, fmt.Errorf("%w; to ask again: vmappliance outbox status", err))
		}
		return err
	}
	return c
}
