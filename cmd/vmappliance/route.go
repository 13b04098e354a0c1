package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"github.com/google/renameio/v2"

	"vmrecord/bundle"
	"vmrecord/bundle/consent"
	"vmrecord/bundle/mail"
	"vmrecord/cmd/internal/exit"
)

// A post is one outbox: the queue, and beside it where each bundle goes, in
// routes/UUID.json: the same appliance may have been configured otherwise by
// the time a bundle is sent.
type post struct {
	spool  *mail.Spool
	routes string
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

	Consent given `json:"consent,omitzero"`
}

// A given is the consent to send a bundle.
type given struct {
	Mode consent.Mode `json:"mode"` // that counted
	Text int          `json:"text"` // version of the text that the user was shown
	At   time.Time    `json:"at"`
}

const waySchema = "vmappliance.route/1"

// openPost opens the outbox below the state folder.
func openPost(state string) (*post, error) {
	dir := filepath.Join(state, "outbox")
	s, err := mail.OpenSpool(filepath.Join(dir, "spool"), mail.Options{Now: time.Now, Jitter: rand.Float64})
	if err != nil {
		return nil, err
	}
	p := &post{s, filepath.Join(dir, "routes")}
	if err := os.MkdirAll(p.routes, 0o700); err != nil {
		return nil, fmt.Errorf("open outbox: %w", err)
	}
	return p, nil
}

// add queues a bundle for the vendor; it is durable on return. Without a consent
// it is held.
func (p *post) add(b bundle.Packed, w way) (mail.Item, error) {
	w.Schema = waySchema
	if err := w.sender().Route.Check(); err != nil {
		return mail.Item{}, exit.With(exit.Usage, err)
	}
	if err := p.note(b.UUID, w); err != nil {
		return mail.Item{}, err
	}
	if w.Consent == (given{}) {
		return p.spool.AddHeld(b.Path, b.ID, b.UUID, "it waits for your consent")
	}
	return p.spool.Add(b.Path, b.ID, b.UUID)
}

// note makes a way durable.
func (p *post) note(uuid string, w way) error {
	b, err := json.Marshal(w)
	if err != nil {
		return err
	}
	if err := renameio.WriteFile(p.routeFile(uuid), b, 0o600); err != nil {
		return fmt.Errorf("queue bundle: %w", err)
	}
	return nil
}

// release has a bundle sent to whose sending the user consented just now.
func (p *post) release(it mail.Item, now time.Time) error {
	w, err := p.way(it)
	if err != nil {
		return err
	}
	w.Consent = given{consent.Ask, consent.TextVersion, now.UTC().Truncate(time.Second)}
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
	return w.sender(), nil
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

func (w way) sender() *mail.Sender {
	return &mail.Sender{Route: mail.Route{Submit: w.Submit, From: w.To, To: w.To,
		User: os.Getenv("VMRECORD_SMTP_USER"), Password: os.Getenv("VMRECORD_SMTP_PASSWORD")}}
}
