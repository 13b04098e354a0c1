package main

import (
	"context"
	"errors"
	"time"

	"vmrecord/bundle"
	"vmrecord/bundle/consent"
	"vmrecord/bundle/keys"
	"vmrecord/bundle/mail"
	"vmrecord/cmd/internal/cli"
	"vmrecord/cmd/internal/exit"
	"vmrecord/configs"
)

// A courier makes bundles of kept recordings, behind the guest, and sends those that
// the user consented to.
type courier struct {
	post   *post
	book   *consent.Book
	party  consent.Party
	asks   bool // the user can be asked while the guest runs
	pack   bundle.PackOptions
	limits configs.Limits
	shelf  string
	// published are files that the vendor has too.
	published []string
	state     string // folder of its own for bases; empty: the user's
	say       func(format string, a ...any)
	events    *events

	ctx    context.Context
	cancel context.CancelFunc
	jobs   chan *kept
	owed   []*kept       // that earlier runs left
	poke   chan struct{} // something may be sent that could not be before
	done   chan struct{}
	mine   map[string]*kept // bundles of this run, by UUID
	failed int              // recordings that could not be packed or queued
}

// packOptions seals what is sent to the vendor's keys, and signs it with this
// appliance's own, which is made at its first use.
func packOptions(c *configs.Appliance) (o bundle.PackOptions, err error) {
	if o.To, err = keys.Recipients(c.Vendor.Keys); err != nil {
		return o, err
	}
	dir, err := cli.KeyDir()
	if err == nil {
		o.Sign, err = keys.Signer(dir, "appliance")
	}
	return o, err
}

const maxJobs = 1000

// again is how often the courier looks for what is due again.
const again = time.Minute

// newCourier begins to work; ctx ends conversations that are under way.
func newCourier(ctx context.Context, c courier) *courier {
	c.ctx, c.cancel = context.WithCancel(ctx)
	c.jobs, c.poke, c.done = make(chan *kept, maxJobs), make(chan struct{}, 1), make(chan struct{})
	c.mine = map[string]*kept{}
	var err error
	if c.owed, err = c.left(); err != nil {
		c.say("outbox: %v%s", err, cli.Hint(err))
	}
	go c.work()
	return &c
}

// work carries what comes, and tries again what could not be sent, of earlier
// runs too.
func (c *courier) work() {
	defer close(c.done)
	t := time.NewTicker(again)
	defer t.Stop()
	c.resume()
	for _, k := range c.owed {
		c.try(k)
	}
	for {
		select {
		case k, ok := <-c.jobs:
			if !ok {
				return
			}
			c.try(k)
		case <-c.poke:
			c.resume()
		case <-t.C:
			c.resume()
		}
	}
}

// try carries a recording; what fails is tried again by the next run.
func (c *courier) try(k *kept) {
	if err := c.carry(k); err != nil {
		k.Mail = "failed"
		c.failed++
		c.say("recording %s: %v%s", k.Summary.Name, err, cli.Hint(err))
		c.events.tell(event{Event: "mail", Text: err.Error()})
	}
}

// resume sends what is due again, and removes what was sent long ago.
func (c *courier) resume() {
	if err := c.post.tidy(time.Now()); err != nil {
		c.say("outbox: %v%s", err, cli.Hint(err))
	}
	_, err := c.post.spool.DeliverDue(c.ctx, c.sender, func(it mail.Item, res mail.Result, err error) {
		if err != nil {
			c.say("outbox: %v%s", err, cli.Hint(err))
			return
		}
		c.told(it, res)
	})
	if err != nil && c.ctx.Err() == nil {
		c.say("outbox: %v%s", err, cli.Hint(err))
	}
}

// take accepts a recording; it is carried behind the caller's back.
func (c *courier) take(k *kept) { c.jobs <- k }

// soon has what may be sent by now sent behind the caller's back.
func (c *courier) soon() {
	select {
	case c.poke <- struct{}{}:
	default: // it will be looked for anyway
	}
}

// finish waits until all is packed, and sent or queued.
func (c *courier) finish() {
	close(c.jobs)
	<-c.done
}

// status is what the run's bundles deserve, after finish.
func (c *courier) status() exit.Code {
	items, err := c.post.spool.List()
	if err != nil || c.failed > 0 {
		return exit.Failure
	}
	status := exit.OK
	for _, it := range items {
		k := c.mine[it.UUID]
		if k == nil {
			continue
		}
		switch it.State {
		case mail.Sent, mail.Sending:
		case mail.Cancelled:
			k.Mail = "cancelled"
		case mail.Held:
			status = max(status, exit.Consent)
		default:
			status = max(status, exit.Queued)
		}
	}
	return status
}

func (c *courier) carry(k *kept) error {
	said, err := c.book.Record(c.party)
	if err != nil {
		return err
	}
	if said.Mode == consent.Never {
		k.Mail = "refused"
		c.say("recording %s is kept here and not sent", k.Summary.Name)
		return c.paid(k)
	}
	c.pack.Consent = &said
	items, err := c.queue(k, said.Mode)
	if err == nil {
		err = c.paid(k)
	}
	for _, it := range items {
		err = errors.Join(err, c.hand(k, it))
	}
	return err
}

// hand tells of a bundle that was queued, and sends it if it may go.
func (c *courier) hand(k *kept, it mail.Item) error {
	if it.UUID == k.UUID {
		c.say("● saved problem %s, %s%s", it.ID, cli.Bytes(it.Size), c.next(it))
	} else {
		c.say("● its report goes ahead: %s, %s", it.ID, cli.Bytes(it.Size))
	}
	if it.State == mail.Held {
		k.Mail = string(it.State)
		c.events.tell(event{Event: "held", ID: it.ID, Bytes: it.Size})
		return nil
	}
	return c.send(k, it)
}

// next is what the user can do about a bundle.
func (c *courier) next(it mail.Item) string {
	switch {
	case it.State != mail.Held:
		return ""
	case c.asks && it.Reason == waits:
		return ": Ctrl-] r to review"
	}
	return ": " + it.Reason
}

func (c *courier) send(k *kept, it mail.Item) error {
	snd, err := c.sender(it)
	if errors.Is(err, mail.ErrHeld) { // since it was queued
		k.Mail = string(mail.Held)
		c.say("%v", err)
		return nil
	}
	if err != nil {
		return err
	}
	_, res, err := c.post.spool.Deliver(c.ctx, it.UUID, snd)
	if errors.Is(err, mail.ErrBusy) {
		k.Mail = "sending" // another program is at it
		return nil
	}
	if err != nil {
		return err
	}
	c.told(it, res)
	return nil
}

// sender is who sends a bundle, with its progress told.
func (c *courier) sender(it mail.Item) (*mail.Sender, error) {
	snd, err := c.post.sender(it)
	if err != nil {
		return nil, err
	}
	snd.Progress = func(p mail.Progress) {
		c.events.tell(event{Event: "part", ID: p.ID, Part: p.Part, Parts: p.Parts, Bytes: p.Done})
	}
	return snd, nil
}

// told notes and tells what became of a bundle.
func (c *courier) told(it mail.Item, res mail.Result) {
	c.events.tell(event{Event: "mail", ID: it.ID, Parts: res.Parts, Text: res.String()})
	c.say("mail %s: %s", it.ID, res)
	if k := c.mine[it.UUID]; k != nil {
		k.Mail, k.Parts, k.Reply = string(res.Outcome), res.Parts, res.Reply
	}
	if res.Outcome == mail.Delivered {
		// Where a server knows bundles, it knows what became of others. Without an
		// answer there will be another time.
		_ = c.post.ask(c.ctx, func(it mail.Item) { c.say("report %s: %s", it.ID, it.Status.Text()) })
		return
	}
	c.say("it is kept and can be sent again: vmappliance outbox retry %s", it.ID)
}
