package main

import (
	"bytes"
	"context"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"vmrecord/bundle"
	"vmrecord/bundle/inbox"
)

// The sender: vmappliance outbox retry, with a bundle of a megabyte for an inbox
// that takes small messages. What it acknowledges is the bundle, which was queued;
// it is killed when the inbox has taken a part.
var senderStage = stage{"sender", 150 * time.Millisecond, prepareSender, openSender}

// smallMessages makes about fifteen parts of a megabyte.
const smallMessages = 110_000

func prepareSender(r *room) error {
	if err := prepareSpooler(r); err != nil {
		return err
	}
	if err := noisy(r, 1<<20); err != nil {
		return err
	}
	text, err := os.ReadFile(r.path("appliance.toml"))
	if err != nil {
		return err
	}
	text = bytes.Replace(text, []byte(`kernel = "busy"`), []byte("kernel = \"guest\"\ninitrd = \"noise\""), 1)
	if err := os.WriteFile(r.path("appliance.toml"), text, 0o600); err != nil {
		return err
	}
	_, err = r.run([]int{75}, "vmappliance", "run", "appliance.toml", "--serial", "none", "--record-from-start", "x")
	return err
}

type sender struct {
	*room
	in    *inbox.Inbox
	taken atomic.Int32
	stop  func()
}

// openSender starts the inbox, and has the bundle go there.
func openSender(r *room, _ bool) (work, error) {
	in, err := inbox.Open(r.aside("in"), inbox.Options{Now: time.Now, MaxMessageBytes: smallMessages, Identify: bundle.Identify})
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	routes, err := filepath.Glob(r.path("state", "outbox", "routes", "*.json"))
	if err != nil {
		return nil, err
	}
	for _, f := range routes {
		b, err := os.ReadFile(f)
		if err != nil {
			return nil, err
		}
		b = bytes.Replace(b, []byte(nobody), []byte("smtp://"+l.Addr().String()), 1)
		if err := os.WriteFile(f, b, 0o600); err != nil {
			return nil, err
		}
	}
	w := &sender{room: r, in: in}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = in.Serve(ctx, l, inbox.ServerOptions{Received: func(_ inbox.Accepted, err error) {
			if err == nil {
				w.taken.Add(1)
			}
		}})
	}()
	w.stop = func() { cancel(); <-served }
	return w, nil
}

func (w *sender) program() ([]string, []int) {
	return []string{"vmappliance", "outbox", "retry"}, []int{0}
}
func (w *sender) beside(p *process)            { <-p.gone.Done() }
func (w *sender) acknowledged(p *process) bool { return w.taken.Load() > 0 }
func (w *sender) close()                       { w.stop() }

func (w *sender) check(p *process, ended bool) error {
	items, err := outbox(w.room)
	if err != nil {
		return err
	}
	if len(items) != 1 {
		return lost("%d bundles are in the outbox, not 1", len(items))
	}
	if ended || items[0].State == "sent" {
		if err := arrived(w.in, items[0].ID, items[0].Path); err != nil {
			return err
		}
	}
	if _, err := w.run([]int{0}, "vmappliance", "outbox", "retry"); err != nil {
		return stuck("%w", err)
	}
	return arrived(w.in, items[0].ID, items[0].Path)
}

// arrived tells whether an inbox has a bundle, once, whole, and nothing else of it.
func arrived(in *inbox.Inbox, id, file string) error {
	want, err := os.ReadFile(file)
	if err != nil {
		return lost("%w", err)
	}
	all, err := in.List()
	if err != nil {
		return stuck("%w", err)
	}
	n := 0
	for _, r := range all {
		if r.ID != id {
			continue
		}
		n++
		if r.State != inbox.Complete || r.Problem != "" {
			return lost("it is said to have arrived, and is %s, have %s, need %s: %s", r.State, r.Have, r.Need, r.Problem)
		}
		if got, err := os.ReadFile(r.File); err != nil || !bytes.Equal(got, want) {
			return half("what arrived is another file (%v)", err)
		}
	}
	if n != 1 {
		return lost("it is said to have arrived, and is there %d times", n)
	}
	return nil
}
