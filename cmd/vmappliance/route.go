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

	"vmrecord/bundle/mail"
	"vmrecord/cmd/internal/exit"
	"vmrecord/configs"
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
	Schema string `json:"schema"` // vmappliance.route/1
	Submit string `json:"submit"`
	To     string `json:"to"`
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

// add queues a bundle file for the vendor; it is durable on return.
func (p *post) add(file, id, uuid string, v configs.Vendor) (mail.Item, error) {
	w := way{waySchema, v.Submit, v.Mail}
	if err := w.sender().Route.Check(); err != nil {
		return mail.Item{}, exit.With(exit.Usage, err)
	}
	b, err := json.Marshal(w)
	if err != nil {
		return mail.Item{}, err
	}
	if err := renameio.WriteFile(p.routeFile(uuid), b, 0o600); err != nil {
		return mail.Item{}, fmt.Errorf("queue bundle: %w", err)
	}
	return p.spool.Add(file, id, uuid)
}

func (p *post) routeFile(uuid string) string {
	return filepath.Join(p.routes, filepath.Base(uuid)+".json")
}

// sender is who sends a queued bundle, and where to.
func (p *post) sender(it mail.Item) (*mail.Sender, error) {
	b, err := os.ReadFile(p.routeFile(it.UUID))
	if errors.Is(err, os.ErrNotExist) {
		return nil, exit.Errorf(exit.NotFound, "where %s goes is not known any more; take it out: vmappliance outbox export %s FILE", it.ID, it.ID)
	}
	if err != nil {
		return nil, fmt.Errorf("send %s: %w", it.ID, err)
	}
	var w way
	if err := json.Unmarshal(b, &w); err != nil || w.Schema != waySchema {
		return nil, exit.Errorf(exit.Integrity, "%s is damaged; take the bundle out: vmappliance outbox export %s FILE", p.routeFile(it.UUID), it.ID)
	}
	return w.sender(), nil
}

func (w way) sender() *mail.Sender {
	return &mail.Sender{Route: mail.Route{Submit: w.Submit, From: w.To, To: w.To,
		User: os.Getenv("VMRECORD_SMTP_USER"), Password: os.Getenv("VMRECORD_SMTP_PASSWORD")}}
}
