package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"vmrecord/bundle"
	"vmrecord/bundle/consent"
	"vmrecord/bundle/mail"
	"vmrecord/bundle/store"
	"vmrecord/cmd/internal/cli"
	"vmrecord/cmd/internal/exit"
	"vmrecord/configs"
)

// A post is one outbox: the queue, and beside it where each bundle goes, in
// routes/UUID.json: the same appliance may have been configured otherwise by
// the time a bundle is sent. What is still to be packed is in due/.
type post struct {
	spool  *mail.Spool
	book   *consent.Book
	routes string
	dues   string
	tokens string // of inboxes that this computer enrolled at
	days   uint32 // that what was sent stays; 0: for ever
}

// A way is the file's content. User and password come from the environment.
type way struct {
	Schema string   `json:"schema"` // vmappliance.route/1
	Submit string   `json:"submit"`
	To     string   `json:"to"`
	Keys   []string `json:"keys,omitzero"` // that the bundle is sealed to

	Appliance string `json:"appliance"`
	Feature   string `json:"feature"`
	Failure   string `json:"failure,omitzero"`
	Recording string `json:"recording"` // the folder that the bundle was made of
	End       string `json:"end"`       // hash of the recorded machine's state at the end

	Most   int64  `json:"most"`    // bytes that may be mailed at once
	PerDay uint32 `json:"per_day"` // bundles that may be mailed in 24 hours

	Level   string `json:"level,omitzero"`
	Because string `json:"because,omitzero"` // of what it is that level
	Of      string `json:"of,omitzero"`      // the bundle that a report (L0) goes ahead of
	Report  string `json:"report,omitzero"`  // its text

	Consent given `json:"consent,omitzero"`
	Look    *look `json:"look,omitempty"` // at what it holds, which sealed nobody here can read
}

// A given is the consent to send a bundle.
type given struct {
	Mode consent.Mode `json:"mode"` // that counted
	Text int          `json:"text"` // version of the text that the user was shown
	At   time.Time    `json:"at"`
}

const waySchema = "vmappliance.route/1"

// openPost opens the outbox below the state folder.
func openPost(state string, l configs.Limits) (*post, error) {
	dir := filepath.Join(state, "outbox")
	s, err := mail.OpenSpool(filepath.Join(dir, "spool"), mail.Options{Now: time.Now, Jitter: rand.Float64, MaxBytes: int64(l.Spool)})
	if err != nil {
		return nil, err
	}
	p := &post{s, &consent.Book{Dir: state, Now: time.Now}, filepath.Join(dir, "routes"), filepath.Join(dir, "due"), filepath.Join(dir, tokensName), l.Days}
	for _, d := range []string{p.routes, p.dues} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return nil, fmt.Errorf("open outbox: %w", err)
		}
		store.ClearAbandoned(d, ".")
	}
	return p, p.tidy(time.Now())
}

// tidy forgets what was sent or cancelled as long ago as the limits say.
func (p *post) tidy(now time.Time) error {
	if p.days == 0 {
		return nil
	}
	_, err := p.prune(now.AddDate(0, 0, -int(p.days)))
	return err
}

// prune forgets what was sent or cancelled and not touched since t, and where it
// went.
func (p *post) prune(t time.Time) (freed int64, err error) {
	gone, err := p.spool.Prune(t)
	for _, it := range gone {
		freed += it.Size
		if e := os.Remove(p.routeFile(it.UUID)); !errors.Is(e, os.ErrNotExist) {
			err = errors.Join(err, e)
		}
	}
	return freed, err
}

// within tells whether the limits let another bundle be mailed now. Reports (L0) do
// not count as recordings, and have the same limits of their own.
func (p *post) within(w way, bytes int64, now time.Time) error {
	if w.Most > 0 && bytes > w.Most {
		return exit.Errorf(exit.Consent, "%s is more than the %s that are mailed (record.limits.mail)", cli.Bytes(bytes), cli.Bytes(w.Most))
	}
	if w.PerDay == 0 {
		return nil
	}
	items, err := p.spool.List()
	if err != nil {
		return err
	}
	sent := uint32(0)
	for _, it := range items {
		o, err := p.way(it)
		same := o.Appliance == w.Appliance && (o.Level == "L0") == (w.Level == "L0")
		if err == nil && same && it.State != mail.Held && it.State != mail.Cancelled && now.Sub(o.Consent.At) < 24*time.Hour {
			sent++
		}
	}
	if sent >= w.PerDay {
		return exit.Errorf(exit.Consent, "%d reports were sent within a day, no more are (record.limits.per_day)", sent)
	}
	return nil
}

// waits is why a bundle is held without a consent.
const waits = "it waits for your consent: vmappliance review"

// allTheSame is how a limit is got over.
func allTheSame(id string) string {
	return fmt.Sprintf("to send it all the same: vmappliance send %s --force; to have it as a file: vmappliance outbox export %s FILE", id, id)
}

// add queues a bundle for the vendor; it is durable on return. Without a consent,
// or beyond a limit, it is held.
func (p *post) add(b bundle.Packed, w way, now time.Time) (mail.Item, error) {
	w.Schema = waySchema
	if err := w.route().Check(); err != nil {
		return mail.Item{}, exit.With(exit.Usage, err)
	}
	why := ""
	if w.Consent == (given{}) {
		why = waits
	}
	if err := p.within(w, b.Bytes, now); err != nil {
		why, w.Consent = err.Error()+"; "+allTheSame(b.ID), given{}
	}
	if err := p.note(b.UUID, w); err != nil {
		return mail.Item{}, err
	}
	if why != "" {
		return p.spool.AddHeld(b.Path, b.ID, b.UUID, why)
	}
	return p.spool.Add(b.Path, b.ID, b.UUID)
}

// note makes a way durable.
func (p *post) note(uuid string, w way) error {
	b, err := json.Marshal(w)
	if err != nil {
		return err
	}
	if err := store.Replace(p.routeFile(uuid), b); err != nil {
		return fmt.Errorf("queue bundle: %w", err)
	}
	return nil
}

// release has a bundle sent to whose sending the user consented just now; beyond the
// limits if they said so.
func (p *post) release(it mail.Item, now time.Time, beyond bool) error {
	w, err := p.way(it)
	if err != nil {
		return err
	}
	if err := p.within(w, it.Size, now); err != nil && !beyond && w.Consent == (given{}) {
		return fmt.Errorf("%s: %w; %s", it.ID, err, allTheSame(it.ID))
	}
	w.Consent = given{consent.Ask, consent.TextVersion, now.UTC().Truncate(time.Microsecond)}
	if err := p.note(it.UUID, w); err != nil {
		return err
	}
	_, err = p.spool.Release(it.UUID)
	return err
}

func (p *post) routeFile(uuid string) string {
	return filepath.Join(p.routes, filepath.Base(uuid)+".json")
}

// sender is who sends a queued bundle, and where to.
func (p *post) sender(it mail.Item) (*mail.Sender, error) {
	w, err := p.way(it)
	if err != nil {
		return nil, err
	}
	if w.Consent == (given{}) {
		return nil, mail.ErrHeld
	}
	allowed := func() error { return p.allowed(w) }
	if err := allowed(); err != nil {
		_, e := p.spool.Hold(it.UUID, err.Error())
		return nil, errors.Join(fmt.Errorf("%s: %w", it.ID, err), e)
	}
	snd, err := p.senderOf(w)
	if err == nil {
		snd.Allowed = allowed
	}
	return snd, err
}

// errRevoked is why a bundle is held back that was to be sent.
var errRevoked = fmt.Errorf("consent was revoked; %w", mail.ErrHeld)

// allowed tells whether the consent to send a bundle still stands: what goes unasked
// does not once the user wants nothing sent, and a yes to it only if it came after that.
func (p *post) allowed(w way) error {
	since := w.Consent.At
	if w.Consent.Mode != consent.Ask {
		since = time.Time{}
	}
	refused, err := p.book.Refused(w.Appliance, since)
	if err == nil && refused {
		err = errRevoked
	}
	return err
}

// way reads where a queued bundle goes.
func (p *post) way(it mail.Item) (w way, err error) {
	b, err := os.ReadFile(p.routeFile(it.UUID))
	if errors.Is(err, os.ErrNotExist) {
		return w, exit.Errorf(exit.NotFound, "where %s goes is not known any more; take it out: vmappliance outbox export %s FILE", it.ID, it.ID)
	}
	if err != nil {
		return w, fmt.Errorf("send %s: %w", it.ID, err)
	}
	if err := json.Unmarshal(b, &w); err != nil || w.Schema != waySchema {
		return w, exit.Errorf(exit.Integrity, "%s is damaged; take the bundle out: vmappliance outbox export %s FILE", p.routeFile(it.UUID), it.ID)
	}
	return w, nil
}

func (w way) route() mail.Route {
	from := cmp.Or(os.Getenv("VMRECORD_MAIL_FROM"), w.To) // who has no mailbox writes in the vendor's name
	return mail.Route{Submit: w.Submit, From: from, To: w.To,
		User: os.Getenv("VMRECORD_SMTP_USER"), Password: os.Getenv("VMRECORD_SMTP_PASSWORD")}
}

// senderOf sends where a way says, by the inbox's token where the inbox gives some.
func (p *post) senderOf(w way) (*mail.Sender, error) {
	pass, err := p.pass(w.Submit)
	r := w.route()
	r.Pass = pass
	return &mail.Sender{Route: r}, err
}
