package mail_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"aead.dev/minisign"
	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"vmrecord/bundle/enrol"
	"vmrecord/bundle/inbox"
	"vmrecord/bundle/mail"
	"vmrecord/bundle/mail/relaytest"
)

// A post office is an inbox that listens with TLS from the first byte, and who trusts
// its certificate.
type office struct {
	*inbox.Inbox
	clock  *clock
	submit string
	trust  *x509.CertPool
}

func openOffice(t *testing.T, opt inbox.Options) office {
	cfg, pool := relaytest.Certificate(t, "127.0.0.1")
	o := office{clock: newClock(), trust: pool}
	opt.Now = func() time.Time { return o.clock.Time }
	var err error
	if o.Inbox, err = inbox.Open(t.TempDir(), opt); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := o.Serve(ctx, l, inbox.ServerOptions{TLS: cfg, ImplicitTLS: true}); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { cancel(); wg.Wait() })
	o.submit = "smtps://" + l.Addr().String()
	return o
}

// code makes one; days 0 is without an end.
func (o office) code(t *testing.T, uses, days int) string {
	t.Helper()
	end := time.Time{}
	if days > 0 {
		end = o.clock.AddDate(0, 0, days)
	}
	_, secret, err := o.NewCode(uses, end, "")
	if err != nil {
		t.Fatal(err)
	}
	return secret
}

// pass is of a computer that was never there before.
func pass(t testing.TB, code string) *enrol.Pass {
	t.Helper()
	_, key, err := minisign.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &enrol.Pass{File: filepath.Join(t.TempDir(), "tokens", "inbox.json"), Code: code, Key: &key}
}

// send has a computer send a small bundle, another for each seed.
func (o office) send(t *testing.T, p *enrol.Pass, seed byte) (mail.Item, mail.Result) {
	t.Helper()
	r := route(o.submit, 0)
	r.Pass = p
	it, res, err := queue(t, newClock(), noise(seed, 3000)).Deliver(t.Context(), id, &mail.Sender{Route: r, TLS: &tls.Config{RootCAs: o.trust}})
	if err != nil {
		t.Fatal(err)
	}
	return it, res
}

// enrolled is a computer that an inbox on loopback took in.
func enrolled(t *testing.T, b *inbox.Inbox, addr string) enrol.Grant {
	t.Helper()
	_, code, err := b.NewCode(1, time.Time{}, "")
	if err != nil {
		t.Fatal(err)
	}
	r := route("smtp://"+addr, 0)
	r.Pass = pass(t, code)
	if f := (&mail.Sender{Route: r}).Try(t.Context()); f != nil {
		t.Fatal(f)
	}
	g, _ := r.Pass.Grant()
	return g
}

// TestEnrols: at first contact a computer gets its token, keeps it to itself, and
// sends by it; what it sent is known to be its own.
func TestEnrols(t *testing.T) {
	o := openOffice(t, inbox.Options{})
	p := pass(t, o.code(t, 1, 0))
	for seed := byte(1); seed < 4; seed++ {
		if it, res := o.send(t, p, seed); it.State != mail.Sent {
			t.Fatalf("%+v, %+v", it, res.Failure)
		}
	}
	g, ok := p.Grant()
	i, err := os.Stat(p.File)
	if !ok || err != nil || i.Mode().Perm() != 0o600 {
		t.Errorf("kept: %v, %v, %v", ok, i, err)
	}
	all, err := o.List()
	if err != nil || len(all) != 3 || all[0].Install != g.Name || all[2].Install != g.Name {
		t.Errorf("%+v, %v", all, err)
	}
	a, err := o.Access()
	if err != nil || len(a.Installs) != 1 || a.Codes[0].Used != 1 || a.Installs[0].Reports != 3 || a.Installs[0].Bytes != 9000 {
		t.Errorf("%+v, %v", a, err)
	}
	// Neither secret is in the inbox.
	text, err := json.Marshal(a)
	if err != nil || bytes.Contains(text, []byte(g.Token)) || bytes.Contains(text, []byte(p.Code)) {
		t.Errorf("%s, %v", text, err)
	}
}

// TestNotEnrolled: who may not send is turned away before DATA, for good, and told
// what helps.
func TestNotEnrolled(t *testing.T) {
	for _, c := range []struct {
		name   string
		pass   func(o office) *enrol.Pass // nil: none
		reason string
	}{
		{"no token", func(o office) *enrol.Pass { o.code(t, 1, 0); return nil }, "530 5.7.0 Authentication required: this inbox takes reports of computers that enrolled"},
		{"unknown code", func(o office) *enrol.Pass { o.code(t, 1, 0); return pass(t, enrol.NewCode()) }, "535 5.7.8 the enrolment code is not known here"},
		{"used up", func(o office) *enrol.Pass {
			p := pass(t, o.code(t, 2, 0))
			for seed := range byte(2) {
				if it, _ := o.send(t, pass(t, p.Code), 10+seed); it.State != mail.Sent {
					t.Fatalf("%+v", it)
				}
			}
			return p
		}, "has taken in 2 computers, which is all it may"},
		{"expired", func(o office) *enrol.Pass {
			p := pass(t, o.code(t, 0, 1))
			o.clock.Time = o.clock.AddDate(0, 0, 1)
			return p
		}, "has expired"},
		{"code revoked", func(o office) *enrol.Pass {
			p := pass(t, o.code(t, 0, 0))
			revoke(t, o, "")
			return p
		}, "was revoked; ask the vendor for a configuration with a new code"},
		{"revoked", func(o office) *enrol.Pass {
			p := pass(t, o.code(t, 0, 0))
			o.send(t, p, 20)
			g, _ := p.Grant()
			revoke(t, o, g.Name)
			return p
		}, "was revoked; ask the vendor why"},
		{"forgotten, and its code used up", func(o office) *enrol.Pass {
			p := pass(t, o.code(t, 1, 0))
			o.send(t, p, 21)
			g, _ := p.Grant()
			if err := o.RevokeInstall(g.Name, true); err != nil {
				t.Fatal(err)
			}
			o.send(t, pass(t, p.Code), 22)
			return p
		}, "which is all it may"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := openOffice(t, inbox.Options{})
			p := c.pass(o)
			before, err := o.List()
			if err != nil {
				t.Fatal(err)
			}
			it, res := o.send(t, p, 30)
			if it.State != mail.Halted || res.Failure.Kind != mail.KindAuth || res.ExitCode() != 4 || !strings.Contains(it.Reason, c.reason) {
				t.Errorf("%+v, %+v, want %s", it, res.Failure, c.reason)
			}
			if p != nil && !strings.Contains(it.Fix, "ask the vendor") {
				t.Errorf("what helps: %s", it.Fix)
			}
			if after, err := o.List(); err != nil || len(after) != len(before) {
				t.Errorf("%+v, %v", after, err)
			}
		})
	}
}

func revoke(t *testing.T, o office, install string) {
	t.Helper()
	a, err := o.Access()
	switch {
	case err != nil:
	case install == "":
		err = o.RevokeCode(a.Codes[0].Name)
	default:
		err = o.RevokeInstall(install, false)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestEnrolmentCutOff: what is killed after the inbox gave the token and before it is
// kept here, with a code for one computer, goes through the next time; so it does when
// the file is lost or damaged, and when the code has expired by then.
func TestEnrolmentCutOff(t *testing.T) {
	o := openOffice(t, inbox.Options{})
	p := pass(t, o.code(t, 1, 1))
	killed := dial(t, o)
	if err := killed.Auth(&deaf{Client: p.Client()}); !errors.Is(err, errKilled) {
		t.Fatal(err)
	}
	if _, ok := p.Grant(); ok {
		t.Fatal("it is kept")
	}
	if a, err := o.Access(); err != nil || len(a.Installs) != 1 {
		t.Fatalf("the inbox did not give it: %+v, %v", a, err)
	}
	o.clock.Time = o.clock.AddDate(0, 0, 2)
	for seed, spoil := range []func() error{
		func() error { return nil },
		func() error { return os.Remove(p.File) },
		func() error { return os.WriteFile(p.File, []byte("{"), 0o600) },
	} {
		if err := spoil(); err != nil {
			t.Fatal(err)
		}
		if it, res := o.send(t, p, byte(seed)); it.State != mail.Sent {
			t.Errorf("%d: %+v, %+v", seed, it, res.Failure)
		}
	}
	if a, err := o.Access(); err != nil || len(a.Installs) != 1 || a.Codes[0].Used != 1 {
		t.Errorf("%+v, %v", a, err)
	}
}

var errKilled = errors.New("killed")

// A deaf client dies when the token comes.
type deaf struct {
	sasl.Client
	asked bool
}

func (d *deaf) Next(b []byte) ([]byte, error) {
	if d.asked {
		return nil, errKilled
	}
	d.asked = true
	return d.Client.Next(b)
}

func dial(t *testing.T, o office) *smtp.Client {
	t.Helper()
	c, err := smtp.DialTLS(strings.TrimPrefix(o.submit, "smtps://"), &tls.Config{RootCAs: o.trust})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// TestEnrolmentDiskFull: a token that cannot be kept is this computer's trouble, and
// nothing is sent; later it goes through.
func TestEnrolmentDiskFull(t *testing.T) {
	o := openOffice(t, inbox.Options{})
	p := pass(t, o.code(t, 1, 0))
	file := p.File
	p.File = filepath.Join(t.TempDir(), "file", "inbox.json")
	if err := os.WriteFile(filepath.Dir(p.File), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if it, res := o.send(t, p, 1); it.State != mail.Waiting || res.Failure.Kind != mail.KindDisk {
		t.Errorf("%+v, %+v", it, res.Failure)
	}
	p.File = file
	if it, res := o.send(t, p, 1); it.State != mail.Sent {
		t.Errorf("%+v, %+v", it, res.Failure)
	}
}

// TestEnrolTogether: programs of one computer that enrol at once all go through, by
// one token.
func TestEnrolTogether(t *testing.T) {
	o := openOffice(t, inbox.Options{})
	p := pass(t, o.code(t, 1, 0))
	var wg sync.WaitGroup
	for seed := range byte(6) {
		wg.Go(func() {
			if it, res := o.send(t, &enrol.Pass{File: p.File, Code: p.Code, Key: p.Key}, seed); it.State != mail.Sent {
				t.Errorf("%+v, %+v", it, res.Failure)
			}
		})
	}
	wg.Wait()
	if it, res := o.send(t, p, 9); it.State != mail.Sent {
		t.Errorf("%+v, %+v", it, res.Failure)
	}
}

// TestInstallQuota: one computer cannot fill the inbox for the others; it waits until
// there is room.
func TestInstallQuota(t *testing.T) {
	o := openOffice(t, inbox.Options{InstallBytes: 24_384})
	greedy, other := pass(t, o.code(t, 0, 0)), pass(t, o.code(t, 0, 0))
	it, res := o.send(t, greedy, 1)
	if it.State != mail.Sent {
		t.Fatalf("%+v, %+v", it, res.Failure)
	}
	if it, res = o.send(t, greedy, 2); it.State != mail.Waiting || !strings.Contains(it.Reason, "452 4.2.2 the inbox holds 19384 of at most 24384 bytes of I-") {
		t.Errorf("%+v, %+v", it, res.Failure)
	}
	if it, res = o.send(t, other, 3); it.State != mail.Sent {
		t.Errorf("%+v, %+v", it, res.Failure)
	}
	if _, err := o.PurgeBefore(o.clock.AddDate(1, 0, 0)); err != nil {
		t.Fatal(err)
	}
	if it, res = o.send(t, greedy, 2); it.State != mail.Sent {
		t.Errorf("%+v, %+v", it, res.Failure)
	}
}

// TestOtherKey: nobody is taken in as another computer, and a computer with another
// key is another one.
func TestOtherKey(t *testing.T) {
	o := openOffice(t, inbox.Options{})
	p, thief := pass(t, o.code(t, 1, 0)), pass(t, "")
	if it, res := o.send(t, p, 1); it.State != mail.Sent {
		t.Fatalf("%+v, %+v", it, res.Failure)
	}
	// The thief has code and public key, and says that they are his.
	if err := dial(t, o).Auth(&liar{p.Client(), (&enrol.Pass{Code: p.Code, Key: thief.Key, File: thief.File}).Client()}); err == nil || !strings.Contains(err.Error(), "was not signed by RW") {
		t.Errorf("%v", err)
	}
	p.Key = thief.Key
	if it, _ := o.send(t, p, 2); it.State != mail.Halted || !strings.Contains(it.Reason, "which is all it may") {
		t.Errorf("%+v", it)
	}
}

// A liar opens as one computer and signs as another.
type liar struct{ opens, signs sasl.Client }

func (l *liar) Start() (string, []byte, error)      { return l.opens.Start() }
func (l *liar) Next(message []byte) ([]byte, error) { return l.signs.Next(message) }

// TestNoTokenInTheClear: code and token go nowhere without encryption, but on this
// computer.
func TestNoTokenInTheClear(t *testing.T) {
	r := route("smtp://mail.example.com:25", 0)
	r.AllowPlain, r.Pass = true, pass(t, enrol.NewCode())
	if err := r.Check(); err == nil || !strings.Contains(err.Error(), "without encryption: use smtps://") {
		t.Error(err)
	}
}
