package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"vmrecord/bundle"
	"vmrecord/bundle/inbox"
	"vmrecord/bundle/mail"
)

// The inbox: vmbundle inbox serve, to which two bundles come at once, each in
// parts. What it acknowledges are the parts of its receipts.
var inboxStage = stage{"inbox", 150 * time.Millisecond, prepareReceiver, openReceiver}

var sentBundles = []string{"000001", "000002"}

func prepareReceiver(r *room) error {
	if err := guests(r); err != nil {
		return err
	}
	if err := noisy(r, 128<<10); err != nil {
		return err
	}
	for _, n := range sentBundles {
		if _, err := r.run([]int{0}, "vmappliance", "run", "--kernel", "guest", "--initrd", "noise", "--memory", "16M", "--recordings", "recs", "--record-from-start", "all"); err != nil {
			return err
		}
		if _, err := r.run([]int{0}, "vmbundle", "pack", "recs/"+n, n); err != nil {
			return err
		}
	}
	return os.RemoveAll(r.path("recs"))
}

// A parcel is one of the bundles.
type parcel struct {
	about mail.Bundle
	data  []byte
	mu    sync.Mutex
	have  mail.Ranges // acknowledged
}

type receiver struct {
	*room
	parcels []*parcel
}

func openReceiver(r *room, _ bool) (work, error) {
	w := &receiver{room: r}
	for _, n := range sentBundles {
		b, err := bundle.Open(r.path(n))
		if err != nil {
			return nil, err
		}
		p := new(parcel)
		p.about, err = mail.Describe(r.path(n), b.ID(), b.UUID())
		if err == nil {
			p.data, err = os.ReadFile(r.path(n))
		}
		b.Close()
		if err != nil {
			return nil, err
		}
		w.parcels = append(w.parcels, p)
	}
	return w, nil
}

func (w *receiver) program() ([]string, []int) {
	return []string{"vmbundle", "inbox", "serve", "--listen", "127.0.0.1:0", "--ready", w.aside("ready"), "--dir", "in"}, []int{0}
}

func (w *receiver) close() {}

// beside sends all, and again what was refused, as long as it makes sense.
func (w *receiver) beside(p *process) {
	addr := ""
	if !p.until(func() bool {
		b, _ := os.ReadFile(w.aside("ready"))
		addr, _, _ = strings.Cut(string(b), "\n")
		return bytes.HasSuffix(b, []byte("\n"))
	}) {
		return
	}
	var both sync.WaitGroup
	for _, x := range w.parcels {
		both.Go(func() {
			for try := 0; try < 3 && p.gone.Err() == nil; try++ {
				if x.send(p.gone, addr).Outcome == mail.Delivered {
					return
				}
			}
		})
	}
	both.Wait()
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may be gone
	<-p.gone.Done()
}

// send sends what is not acknowledged.
func (x *parcel) send(ctx context.Context, addr string) mail.Result {
	s := &mail.Sender{Route: mail.Route{Submit: "smtp://" + addr, From: "a@beta.example", To: "b@vendor.example", PartBytes: 16_000}}
	return s.Send(ctx, mail.Job{Bundle: x.about, File: bytes.NewReader(x.data), Date: time.Unix(1_790_000_000, 0), Have: x.got(),
		Save: func(have mail.Ranges, _ int64) error {
			x.mu.Lock()
			defer x.mu.Unlock()
			x.have = have
			return nil
		}})
}

func (x *parcel) got() mail.Ranges {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.have
}

func (w *receiver) acknowledged(*process) bool {
	return w.parcels[0].got().Len()+w.parcels[1].got().Len() > 0
}

func (w *receiver) check(p *process, ended bool) error {
	if _, err := w.run([]int{0}, "vmbundle", "inbox", "list", "--json", "--dir", "in"); err != nil {
		return stuck("%w", err)
	}
	in, err := inbox.Open(w.path("in"), inbox.Options{Now: time.Now, Identify: bundle.Identify})
	if err != nil {
		return stuck("%w", err)
	}
	all, err := in.List()
	if err != nil {
		return stuck("%w", err)
	}
	for _, x := range w.parcels {
		if err := x.in(all); err != nil {
			return err
		}
	}
	return w.rest(in)
}

// in tells whether what was acknowledged is in an inbox.
func (x *parcel) in(all []inbox.Report) error {
	have := x.got()
	there := mail.Ranges{}
	for _, r := range all {
		switch {
		case r.State == inbox.Damaged:
			return half("%s is damaged: %s", r.File, r.Problem)
		case r.ID != x.about.ID:
		case r.State == inbox.Complete:
			there = mail.Ranges{{From: 0, To: x.about.Size}}
		default:
			s := mail.Split{Bundle: x.about, PartBytes: r.PartBytes}
			got, _, err := mail.ParseReceipt(fmt.Sprintf("VMB1 id=%s have=%s", r.ID, r.Have), s.Parts())
			if err != nil && r.Have != "" {
				return half("%w", err)
			}
			there = s.Bytes(got.Have)
		}
	}
	for _, h := range have {
		if !there.Covers(h) {
			return lost("%s: bytes %s are acknowledged, %s are there", x.about.ID, have, there)
		}
	}
	return nil
}

// rest sends what is missing to a new server; then all is there.
func (w *receiver) rest(in *inbox.Inbox) error {
	if err := os.Remove(w.aside("ready")); err != nil && !os.IsNotExist(err) {
		return err
	}
	args, _ := w.program()
	p, err := w.start(nil, args)
	if err != nil {
		return err
	}
	w.beside(p)
	for i, x := range w.parcels {
		if err := arrived(in, x.about.ID, w.path(sentBundles[i])); err != nil {
			return stuck("%w; the server said: %s", err, p.said.String())
		}
	}
	return nil
}
