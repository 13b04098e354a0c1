package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"vmrecord/bundle"
	"vmrecord/bundle/enrol"
	"vmrecord/bundle/inbox"
	"vmrecord/bundle/keys"
	"vmrecord/bundle/mail"
)

// TestCheckTellsForeign: a report that an enrolled computer sends and another key
// signed is told from those that it signed itself.
func TestCheckTellsForeign(t *testing.T) {
	m, dir := newMade(t), t.TempDir()
	in, err := inbox.Open(filepath.Join(dir, "in"), inbox.Options{Now: time.Now, Identify: bundle.Identify})
	ok(t, err)
	_, code, err := in.NewCode(1, time.Time{}, "")
	ok(t, err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ok(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	var served sync.WaitGroup
	served.Go(func() {
		if err := in.Serve(ctx, l, inbox.ServerOptions{}); err != nil {
			t.Error(err)
		}
	})
	defer served.Wait()
	defer cancel()
	own, err := keys.Signer(dir, "appliance")
	ok(t, err)
	other, err := keys.Signer(dir, "other")
	ok(t, err)
	s := mail.Sender{Route: mail.Route{Submit: "smtp://" + l.Addr().String(), From: "a@beta.example", To: "b@vendor.example",
		Pass: &enrol.Pass{File: filepath.Join(dir, "token.json"), Code: code, Key: own}}}
	for _, c := range []struct {
		o       bundle.PackOptions
		foreign bool
	}{{bundle.PackOptions{Sign: own}, false}, {bundle.PackOptions{Sign: other}, true}, {bundle.PackOptions{}, true}} {
		p, err := bundle.Pack(m.dir, t.TempDir(), c.o)
		ok(t, err)
		d, err := mail.Describe(p.Path, p.ID, p.UUID)
		ok(t, err)
		data, err := os.ReadFile(p.Path)
		ok(t, err)
		if r := s.Send(t.Context(), mail.Job{Bundle: d, File: bytes.NewReader(data), Date: time.Now()}); r.Failure != nil {
			t.Fatal(r.Failure)
		}
		var said []string
		k := checker{in: in, limit: time.Hour, say: func(format string, a ...any) { said = append(said, fmt.Sprintf(format, a...)) }}
		ok(t, k.due(t.Context(), false))
		e, err := in.Entry(p.UUID)
		ok(t, err)
		if told := strings.Contains(strings.Join(said, " "), "NOT SIGNED BY ITS SENDER: it came from I-"); e.Foreign != c.foreign || told != c.foreign || e.Verdict.State != inbox.Reproduced {
			t.Errorf("foreign %v, want %v; %q; %+v", e.Foreign, c.foreign, said, e.Verdict)
		}
	}
}
