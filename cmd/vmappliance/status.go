package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"vmrecord/bundle/mail"
	"vmrecord/cmd/internal/cli"
	"vmrecord/cmd/internal/exit"
)

// askedDays is for how long it is asked what became of a report.
const askedDays = 90

// A query is what one receiver is asked about.
type query struct {
	to    *mail.Sender
	about []mail.Item
}

// queries are about what was sent and is not settled, the newest first, a few of each
// receiver. Only an inbox, which answers with receipts, is asked.
func (p *post) queries(now time.Time) (all map[string]*query, err error) {
	items, err := p.spool.List()
	if err != nil {
		return nil, err
	}
	all = map[string]*query{}
	for _, it := range slices.Backward(items) {
		if it.State != mail.Sent || !strings.Contains(it.Reply, "VMB1 ") || it.Status.Final() || now.Sub(it.TriedAt) > askedDays*24*time.Hour {
			continue
		}
		w, err := p.way(it)
		if err != nil {
			continue // where it went is not known any more
		}
		name := w.Submit + " " + w.To
		if all[name] == nil {
			snd, err := p.senderOf(w)
			if err != nil {
				return nil, err
			}
			all[name] = &query{to: snd}
		}
		if q := all[name]; len(q.about) < mail.MaxAsked {
			q.about = append(q.about, it)
		}
	}
	return all, nil
}

// ask asks what became of what was sent, and tells said what is more than that it
// arrived. The error is the last one; without an answer nothing changes.
func (p *post) ask(ctx context.Context, said func(it mail.Item)) error {
	all, err := p.queries(time.Now())
	if err != nil {
		return err
	}
	for _, q := range all {
		about := make([]mail.Bundle, len(q.about))
		for i, it := range q.about {
			about[i] = it.Bundle
		}
		answer, f := q.to.Ask(ctx, time.Now(), about)
		if f != nil {
			err = f
			continue
		}
		for _, it := range q.about {
			s, ok := answer[it.ID]
			if !ok || s == it.Status {
				continue
			}
			it, e := p.spool.Learn(it.UUID, s)
			if e != nil {
				return e
			}
			if s != mail.Received {
				said(it)
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
