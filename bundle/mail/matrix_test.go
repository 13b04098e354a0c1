package mail_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vmrecord/bundle/inbox"
	"vmrecord/bundle/mail"
	"vmrecord/bundle/mail/relaytest"
)

const (
	id   = "R-7K2M-93QF"
	uuid = "0190a5c4-7b1e-7cc3-98c4-dc0c0c07398f"
)

func noise(seed byte, n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{seed}).Read(b)
	return b
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A clock is moved by the test.
type clock struct{ time.Time }

func (c *clock) now() time.Time { return c.Time }

func openSpool(t *testing.T, dir string, c *clock) *mail.Spool {
	s, err := mail.OpenSpool(dir, mail.Options{Now: c.now, Jitter: func() float64 { return 0.5 }})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func newClock() *clock { return &clock{time.Unix(1_790_000_000, 0)} }

// queue makes a spool with one bundle of data.
func queue(t *testing.T, c *clock, data []byte) *mail.Spool {
	p := filepath.Join(t.TempDir(), id+".vmb")
	if err := os.WriteFile(p, data, 0o600); err != nil {
		t.Fatal(err)
	}
	s := openSpool(t, filepath.Join(t.TempDir(), "spool"), c)
	if _, err := s.Add(p, id, uuid); err != nil {
		t.Fatal(err)
	}
	return s
}

func route(submit string, partBytes int64) mail.Route {
	return mail.Route{Submit: submit, From: "agent@beta.example", To: "inbox@vendor.example", PartBytes: partBytes}
}

// assembled puts the messages a script took into an inbox and returns the file.
func assembled(t *testing.T, messages [][]byte) []byte {
	b, err := inbox.Open(t.TempDir(), inbox.Options{Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range messages {
		if _, err := b.Accept(bytes.NewReader(m), ""); err != nil {
			t.Fatal(err)
		}
	}
	r, err := b.Show(id)
	if err != nil || r.State != inbox.Complete {
		return nil
	}
	data, err := os.ReadFile(r.File)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

type replies = map[string][]string

// Every row: a first try that fails in its own way, the state it leaves, and, after
// what the state asks for (time, or a retry), a second try that arrives whole.
func TestFailureMatrix(t *testing.T) {
	receipt := func(code, rest string) string { return code + " VMB1 id=" + id + " " + rest }
	for _, c := range []struct {
		name    string
		caps    []string
		replies replies
		state   mail.State // after the first try
		kind    mail.Kind  // of its failure
		exit    int
		reason  string // part of it
		sent    int    // messages taken in all
	}{
		{"all well", nil, nil, mail.Sent, "", 0, "", 3},
		{"greeting 421", nil, replies{"": {"421 4.3.2 busy"}}, mail.Waiting, mail.KindBusy, 75, "421 4.3.2 busy", 3},
		{"greeting 554", nil, replies{"": {"554 no service"}}, mail.Halted, mail.KindPolicy, 1, "554 no service", 3},
		{"dropped at once", nil, replies{"": {"drop"}}, mail.Waiting, mail.KindNetwork, 75, "EOF", 3},
		{"storage full", nil, replies{"MAIL": {"452 4.3.1 full"}}, mail.Waiting, mail.KindBusy, 75, "452 4.3.1 full", 3},
		{"storage full after data", nil, replies{".": {"250 ok", "452 4.3.1 full"}}, mail.Waiting, mail.KindBusy, 75, "full", 3},
		{"greylisted", nil, replies{"RCPT": {"450 4.7.1 greylisted"}}, mail.Waiting, mail.KindBusy, 75, "greylisted", 3},
		{"greylisted 451", nil, replies{"RCPT": {"451 4.7.1 greylisted"}}, mail.Waiting, mail.KindBusy, 75, "greylisted", 3},
		{"throttled", nil, replies{"MAIL": {"250 ok", "421 4.7.0 slow down"}}, mail.Waiting, mail.KindBusy, 75, "slow down", 3},
		{"revoked appliance", nil, replies{"MAIL": {"550 5.7.1 I-0123456789abcdef was revoked"}}, mail.Halted, mail.KindPolicy, 1, "was revoked", 3},
		{"unknown recipient", nil, replies{"RCPT": {"550 5.1.1 nobody"}}, mail.Halted, mail.KindAddress, 1, "nobody", 3},
		{"policy", nil, replies{".": {"554 5.7.1 no thanks"}}, mail.Halted, mail.KindPolicy, 1, "no thanks", 3},
		{"wants auth", nil, replies{"MAIL": {"530 5.7.0 authenticate"}}, mail.Halted, mail.KindAuth, 4, "authenticate", 3},
		{"mailbox full", nil, replies{".": {"552 5.2.2 over quota"}}, mail.Waiting, mail.KindBusy, 75, "over quota", 3},
		{"lost after the dot", nil, replies{".": {"250 ok", "drop"}}, mail.Waiting, mail.KindNetwork, 75, "EOF", 4},
		{"lost in commands", nil, replies{"RCPT": {"250 ok", "250 ok", "drop"}}, mail.Waiting, mail.KindNetwork, 75, "EOF", 3},
		{"receiver has it", nil, replies{".": {receipt("250 2.6.0", "have=1-3")}}, mail.Sent, "", 0, "", 1},
		{"receiver lost a part", nil, replies{".": {"250 ok", receipt("250 2.6.0", "have=2 need=1,3")}}, mail.Sent, "", 0, "", 4},
		{"part damaged", nil, replies{".": {receipt("451 4.6.0", "need=1-3") + " damaged"}}, mail.Waiting, mail.KindBusy, 75, "damaged", 3},
		{"nonsense receipt", nil, replies{".": {receipt("250 2.6.0", "have=9-7")}}, mail.Sent, "", 0, "", 3},
		{"another's receipt", nil, replies{".": {"250 2.6.0 VMB1 id=R-0000-0000 have=1-3"}}, mail.Sent, "", 0, "", 3},
		{"too small a server", []string{"SIZE 5000"}, nil, mail.Halted, mail.KindTooBig, 1, "5000 bytes", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			data, ck := noise(1, 5000), newClock()
			srv := &script{caps: c.caps, replies: c.replies}
			sp := queue(t, ck, data)
			snd := &mail.Sender{Route: route("smtp://"+srv.start(t), 2000)}
			it, res, err := sp.Deliver(t.Context(), id, snd)
			if err != nil {
				t.Fatal(err)
			}
			kind := mail.Kind("")
			if res.Failure != nil {
				kind = res.Failure.Kind
			}
			if it.State != c.state || kind != c.kind || res.ExitCode() != c.exit || !strings.Contains(it.Reason, c.reason) {
				t.Fatalf("state %s, kind %s, exit %d, %+v; want %s, %s, %d, %q", it.State, kind, res.ExitCode(), it, c.state, c.kind, c.exit, c.reason)
			}
			if (it.Fix == "") != (c.state == mail.Sent) {
				t.Errorf("advice is %q", it.Fix)
			}
			if c.state == mail.Halted {
				ck.Time = ck.Add(48 * time.Hour)
				sp.DeliverDue(t.Context(), by(snd), func(mail.Item, mail.Result, error) { t.Error("a stopped item was sent") })
				if c.sent == 0 {
					return
				}
				if _, err := sp.Retry(id); err != nil {
					t.Fatal(err)
				}
			}
			ck.Time = ck.Add(2 * time.Minute)
			if _, err := sp.DeliverDue(t.Context(), by(snd), nil); err != nil {
				t.Fatal(err)
			}
			if its, _ := sp.List(); its[0].State != mail.Sent {
				t.Fatalf("after the second try: %+v", its[0])
			}
			if len(srv.messages) != c.sent {
				t.Errorf("%d messages taken, want %d", len(srv.messages), c.sent)
			}
			if c.name != "receiver has it" && !bytes.Equal(assembled(t, srv.messages), data) {
				t.Error("what arrived is not what was sent")
			}
		})
	}
}

// Too big, declared (refused at MAIL, by the size given there) and undeclared
// (refused after the data): the next smaller parts are tried.
func TestTooBigIsSplit(t *testing.T) {
	for _, c := range []struct {
		name    string
		caps    []string
		replies replies
		parts   int
		data    int // DATA commands
	}{
		{"declared", []string{"SIZE"}, replies{"MAIL": {"552 5.3.4 too big", "552 too big"}}, 3, 3},
		{"undeclared", nil, replies{".": {"552 5.3.4 too big"}}, 2, 3},
		{"undeclared, later part", nil, replies{".": {"552 too big", "250 ok", "552 5.2.3 too big"}}, 3, 5},
		{"said beforehand", []string{"SIZE 3000000"}, nil, 2, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			data := noise(2, 2_600_000)
			srv := &script{caps: c.caps, replies: c.replies}
			sp := queue(t, newClock(), data)
			partBytes := int64(0)
			if c.name == "undeclared, later part" {
				partBytes = 2_500_000
			}
			it, res, err := sp.Deliver(t.Context(), id, &mail.Sender{Route: route("smtp://"+srv.start(t), partBytes)})
			if err != nil || it.State != mail.Sent || res.Parts != c.parts || srv.said("DATA") != c.data {
				t.Fatalf("%s, %v, %+v, %d DATA", it.State, err, res, srv.said("DATA"))
			}
			if len(c.caps) > 0 && srv.said("MAIL FROM:<agent@beta.example> SIZE=") != srv.said("MAIL") {
				t.Error("SIZE is not declared")
			}
			if !bytes.Equal(assembled(t, srv.messages), data) {
				t.Error("what arrived is not what was sent")
			}
		})
	}
	srv := &script{replies: replies{"MAIL": {"552 no", "552 no", "552 no", "552 no"}}}
	it, res, err := queue(t, newClock(), noise(2, 1_200_000)).Deliver(t.Context(), id, &mail.Sender{Route: route("smtp://"+srv.start(t), 0)})
	if err != nil || it.State != mail.Halted || res.Failure.Kind != mail.KindTooBig || srv.said("MAIL") != 2 {
		t.Errorf("never small enough: %+v, %v, %d tries", it, err, srv.said("MAIL"))
	}
}

// No certificate that is not the server's, and no missing STARTTLS, gets a password
// or a byte of the bundle.
func TestTLS(t *testing.T) {
	cfg, pool := relaytest.Certificate(t, "127.0.0.1")
	other, _ := relaytest.Certificate(t, "elsewhere.example")
	elsewhere, err := x509.ParseCertificate(other.Certificates[0].Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	pool.AddCert(elsewhere)
	auth := []string{"AUTH PLAIN LOGIN"}
	for _, c := range []struct {
		name, scheme string
		caps         []string
		server       *tls.Config
		trust        bool
		replies      replies
		state        mail.State
		kind         mail.Kind
		reason       string
	}{
		{"starttls", "smtp+starttls", []string{"STARTTLS", auth[0]}, cfg, true, nil, mail.Sent, "", ""},
		{"smtps", "smtps", auth, cfg, true, nil, mail.Sent, "", ""},
		{"stripped", "smtp+starttls", auth, cfg, true, nil, mail.Waiting, mail.KindTLS, "someone on the way removed it"},
		{"refused", "smtp+starttls", []string{"STARTTLS"}, cfg, true, replies{"STARTTLS": {"502 5.5.1 no"}}, mail.Waiting, mail.KindTLS, "does not offer STARTTLS"},
		{"later", "smtp+starttls", []string{"STARTTLS"}, cfg, true, replies{"STARTTLS": {"454 4.7.0 later"}}, mail.Waiting, mail.KindBusy, "454"},
		{"unknown authority", "smtp+starttls", []string{"STARTTLS", auth[0]}, cfg, false, nil, mail.Waiting, mail.KindTLS, "certificate"},
		{"unknown authority, smtps", "smtps", auth, cfg, false, nil, mail.Waiting, mail.KindTLS, "certificate"},
		{"another's name", "smtps", auth, other, true, nil, mail.Waiting, mail.KindTLS, "certificate"},
		{"not TLS", "smtps", auth, nil, true, nil, mail.Waiting, mail.KindTLS, "TLS"},
		{"no AUTH", "smtps", nil, cfg, true, nil, mail.Halted, mail.KindAuth, "does not offer AUTH"},
		{"bad password", "smtps", auth, cfg, true, replies{"AUTH": {"535 5.7.8 wrong"}}, mail.Halted, mail.KindAuth, "wrong"},
		{"basic auth gone", "smtps", auth, cfg, true, replies{"AUTH": {"535 5.7.30 basic authentication is off"}}, mail.Halted, mail.KindAuth, "off"},
		{"auth later", "smtps", auth, cfg, true, replies{"AUTH": {"454 4.7.0 later"}}, mail.Waiting, mail.KindBusy, "454"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			srv := &script{caps: c.caps, tls: c.server, smtps: c.scheme == "smtps" && c.server != nil, replies: c.replies}
			r := route(c.scheme+"://"+srv.start(t), 2000)
			r.User, r.Password = "appliance", "token"
			snd := &mail.Sender{Route: r, TLS: &tls.Config{}}
			if c.trust {
				snd.TLS.RootCAs = pool
			}
			it, res, err := queue(t, newClock(), noise(3, 3000)).Deliver(t.Context(), id, snd)
			if err != nil || it.State != c.state || !strings.Contains(it.Reason, c.reason) || res.Failure != nil && res.Failure.Kind != c.kind {
				t.Fatalf("%+v, %+v, %v; want %s %s %q", it, res.Failure, err, c.state, c.kind, c.reason)
			}
			if c.state != mail.Sent && srv.said("MAIL") > 0 || c.kind == mail.KindTLS && srv.said("AUTH") > 0 {
				t.Errorf("said too much: %q", srv.commands)
			}
		})
	}
}

// A server that falls silent is left after the timeout, at any stage.
func TestSilence(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0") // accepts, says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, scheme := range []string{"smtp", "smtps", "smtp+starttls"} {
		snd := &mail.Sender{Route: route(scheme+"://"+l.Addr().String(), 0), Timeouts: mail.Timeouts{Command: 50 * time.Millisecond}}
		it, res, err := queue(t, newClock(), noise(3, 3000)).Deliver(t.Context(), id, snd)
		if err != nil || it.State != mail.Waiting || !strings.Contains(it.Reason, "timeout") {
			t.Errorf("%s: %+v, %+v, %v", scheme, it, res, err)
		}
	}
}

func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	srv := &script{}
	snd := &mail.Sender{Route: route("smtp://"+srv.start(t), 2000), Progress: func(p mail.Progress) {
		if p.Part == 2 {
			cancel()
		}
	}}
	sp := queue(t, newClock(), noise(3, 5000))
	it, res, err := sp.Deliver(ctx, id, snd)
	if have, all := it.Parts(); err != nil || it.State != mail.Queued || it.Attempts != 0 || have != 1 || all != 3 || res.ExitCode() != 75 {
		t.Errorf("%+v, %+v, %v", it, res, err)
	}
}

// Tries follow the schedule for five days; then the entry is expired, and its file
// is still there.
func TestExpires(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close() // nobody listens there now
	ck := newClock()
	start := ck.Time
	sp := queue(t, ck, noise(4, 3000))
	snd := &mail.Sender{Route: route("smtp://"+l.Addr().String(), 0)}
	var waits []string
	for tries := 0; tries < 100; tries++ {
		next, err := sp.DeliverDue(t.Context(), by(snd), func(it mail.Item, res mail.Result, err error) {
			if err != nil || res.ExitCode() != 75 {
				t.Fatalf("%+v, %v", res, err)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		if next.IsZero() {
			break
		}
		waits = append(waits, next.Sub(ck.Time).String())
		ck.Time = next
	}
	if got := strings.Join(waits[:9], " "); got != "1m0s 5m0s 15m0s 30m0s 1h0m0s 2h0m0s 4h0m0s 4h0m0s 4h0m0s" {
		t.Errorf("waits %s", got)
	}
	its, err := sp.List()
	if err != nil || its[0].State != mail.Expired || ck.Sub(start) < 4*24*time.Hour {
		t.Fatalf("%+v after %s, %v", its, ck.Sub(start), err)
	}
	srv := &script{}
	snd.Route = route("smtp://"+srv.start(t), 0)
	sp.Retry(id)
	if it, _, err := sp.Deliver(t.Context(), id, snd); err != nil || it.State != mail.Sent {
		t.Errorf("retry after expiry: %+v, %v", it, err)
	}
}

// by has snd send everything.
func by(snd *mail.Sender) func(mail.Item) (*mail.Sender, error) {
	return func(mail.Item) (*mail.Sender, error) { return snd, nil }
}
