package mail_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"vmrecord/bundle/inbox"
	"vmrecord/bundle/mail"
	"vmrecord/bundle/mail/relaytest"
)

// arrives waits until the inbox has the whole bundle: relays take their time.
func arrives(t *testing.T, b *inbox.Inbox, data []byte) {
	t.Helper()
	for limit := time.Now().Add(2 * time.Minute); ; time.Sleep(50 * time.Millisecond) {
		if r, err := b.Show(id); err == nil && r.State == inbox.Complete {
			sameFile(t, b, id, data)
			return
		}
		if time.Now().After(limit) {
			all, err := b.List()
			t.Fatalf("after 2 minutes the inbox has %+v (%v)", all, err)
		}
	}
}

// Bundles go through real relays, whole and once, however large the parts that the
// sender first tries. Debian's Postfix takes messages of 10 240 000 bytes, which
// EHLO says unless its owner has it silent: then 552 5.3.4 tells (RFC 3463). Exim
// takes 50 MB. The demonstration's bundles have 15 MB, large ones 40.
func TestRealRelays(t *testing.T) {
	for _, c := range []struct {
		name   string
		server func(testing.TB) relaytest.Program
		extra  string
		size   int
		part   int64 // asked for
		most   int64 // in the end
		says   string
	}{
		{"Postfix that declares its limit", relaytest.Postfix, "", 40_000_000, 20_000_000, 7_480_000, "queued as"},
		{"Postfix that keeps its limit to itself", relaytest.Postfix, "smtpd_discard_ehlo_keywords = size", 15_000_000, 20_000_000, 7_000_000, "queued as"},
		{"Exim", relaytest.Exim, "", 15_000_000, 0, mail.DefaultPartBytes, "OK id="},
		{"Exim with a limit below a part", relaytest.Exim, "message_size_limit = 4M", 15_000_000, 0, 3_100_000, "OK id="},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b, addr := serve(t, inbox.ServerOptions{})
			r := relaytest.Start(t, relaytest.Config{Inbox: addr, Extra: c.extra}, c.server(t))
			data := noise(60, c.size)
			sp := queue(t, newClock(), data)
			it, res, err := sp.Deliver(t.Context(), id, &mail.Sender{Route: route("smtp://"+r.Addr, c.part)})
			if err != nil || it.State != mail.Sent || !strings.Contains(res.Reply, c.says) {
				t.Fatalf("%+v, %v", res, err)
			}
			if least := c.size / int(c.most); it.PartBytes > c.most || res.Parts < least {
				t.Errorf("%d parts of %d bytes, want at most %d bytes each", res.Parts, it.PartBytes, c.most)
			}
			arrives(t, b, data)
		})
	}
}

// An away server turns everyone away until it is there.
type away struct {
	net.Listener
	there  atomic.Bool
	turned chan struct{} // one for each that was turned away, if there is room
}

func (a *away) Accept() (net.Conn, error) {
	for {
		c, err := a.Listener.Accept()
		if err != nil || a.there.Load() {
			return c, err
		}
		io.WriteString(c, "421 4.3.2 not here\r\n")
		c.Close()
		select {
		case a.turned <- struct{}{}:
		default:
		}
	}
}

// A relay that has taken the parts owns them: the vendor's inbox may be away.
func TestRealRelayWaits(t *testing.T) {
	data := noise(61, 300_000)
	for name, server := range map[string]func(testing.TB) relaytest.Program{"Postfix": relaytest.Postfix, "Exim": relaytest.Exim} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, l := serveAway(t)
			r := relaytest.Start(t, relaytest.Config{Inbox: l.Addr().String()}, server(t))
			sp := queue(t, newClock(), data)
			// Cut off within part 3: the rest goes with the next try, and no more.
			ctx, cancel := context.WithCancel(t.Context())
			snd := &mail.Sender{Route: route("smtp://"+r.Addr, 64_000), Progress: func(p mail.Progress) {
				if p.Part == 3 {
					cancel()
				}
			}}
			if it, _, err := sp.Deliver(ctx, id, snd); err != nil || it.State != mail.Queued || it.Have.Len() != 128_000 {
				t.Fatalf("cut off: %+v, %v", it, err)
			}
			snd.Progress = nil
			if it, res, err := sp.Deliver(t.Context(), id, snd); err != nil || it.State != mail.Sent || res.Sent != 3 {
				t.Fatalf("the rest: %+v, %+v, %v", it, res, err)
			}
			select {
			case <-l.turned:
			case <-time.After(time.Minute):
				t.Fatal("the relay does not try to pass anything on")
			}
			l.there.Store(true)
			arrives(t, b, data)
		})
	}
}

// serveAway runs an inbox that is away at first.
func serveAway(t *testing.T) (*inbox.Inbox, *away) {
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	ok(t, err)
	l := &away{Listener: tcp, turned: make(chan struct{}, 1)}
	b, err := inbox.Open(t.TempDir(), inbox.Options{Now: time.Now})
	ok(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- b.Serve(ctx, l, inbox.ServerOptions{}) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return b, l
}

// otherName calls a server by a name that its certificate does not have.
func otherName(_ *testing.T, server string) string {
	_, port, _ := net.SplitHostPort(server)
	return net.JoinHostPort("localhost", port)
}

// stripped is a way to a server on which somebody writes over STARTTLS, as some
// firewalls do (RFC 3207 6).
func stripped(t *testing.T, server string) (addr string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ok(t, err)
	t.Cleanup(func() { l.Close() })
	pass := func(to, from net.Conn) {
		defer to.Close()
		for r := bufio.NewReader(from); ; {
			line, err := r.ReadString('\n')
			if _, e := io.WriteString(to, strings.ReplaceAll(line, "STARTTLS", "XXXXXXXA")); err != nil || e != nil {
				return
			}
		}
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s, err := net.Dial("tcp", server)
			if err != nil {
				c.Close()
				continue
			}
			go pass(s, c)
			go pass(c, s)
		}
	}()
	return l.Addr().String()
}

// Encryption and passwords as real servers have them: nothing is sent where the
// certificate is a stranger's or another's, or somebody took STARTTLS away.
func TestRealRelaysTLS(t *testing.T) {
	data := noise(62, 100_000)
	for _, c := range []struct {
		name    string
		server  func(testing.TB) relaytest.Program
		trusted bool
		way     func(t *testing.T, server string) string // nil: straight
		from    string
		pass    string
		want    mail.Kind // "": delivered
	}{
		{"Postfix", relaytest.Postfix, true, nil, "agent@beta.example", "", ""},
		{"Postfix, unknown certificate", relaytest.Postfix, false, nil, "agent@beta.example", "", mail.KindTLS},
		{"Postfix, another's certificate", relaytest.Postfix, true, otherName, "agent@beta.example", "", mail.KindTLS},
		{"Postfix, stripped STARTTLS", relaytest.Postfix, true, stripped, "agent@beta.example", "", mail.KindTLS},
		{"Exim, stripped STARTTLS", relaytest.Exim, true, stripped, "agent@beta.example", "token", mail.KindTLS},
		{"Exim, password", relaytest.Exim, true, nil, "other@beta.example", "token", ""},
		{"Exim, wrong password", relaytest.Exim, true, nil, "other@beta.example", "tokem", mail.KindAuth},
		{"Exim, no password", relaytest.Exim, true, nil, "other@beta.example", "", mail.KindAddress},
		{"Exim, unknown certificate", relaytest.Exim, false, nil, "other@beta.example", "token", mail.KindTLS},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b, addr := serve(t, inbox.ServerOptions{})
			r := relaytest.Start(t, relaytest.Config{Inbox: addr}, c.server(t))
			to := r.Addr
			if c.way != nil {
				to = c.way(t, r.Addr)
			}
			snd := &mail.Sender{Route: route("smtp+starttls://"+to, 0), TLS: &tls.Config{RootCAs: x509.NewCertPool()}}
			snd.Route.From = c.from
			if c.trusted {
				snd.TLS.RootCAs = r.Pool
			}
			if c.pass != "" {
				snd.Route.User, snd.Route.Password = "beta", c.pass
			}
			_, res, err := queue(t, newClock(), data).Deliver(t.Context(), id, snd)
			ok(t, err)
			if c.want == "" {
				if res.Outcome != mail.Delivered {
					t.Fatal(res)
				}
				arrives(t, b, data)
				return
			}
			if res.Failure == nil || res.Failure.Kind != c.want {
				t.Errorf("%s, want %s", res, c.want)
			}
			if all, err := b.List(); err != nil || len(all) > 0 {
				t.Errorf("arrived all the same: %+v, %v", all, err)
			}
		})
	}
}

// What real servers answer when they will not, or not now, leaves the bundle waiting
// or stopped, and nothing of it anywhere.
func TestRealRelaysRefuse(t *testing.T) {
	data := noise(63, 100_000)
	for _, c := range []struct {
		name   string
		server func(testing.TB) relaytest.Program
		extra  string
		state  mail.State
		kind   mail.Kind
		code   int
	}{
		{"Postfix, storage full", relaytest.Postfix, "queue_minfree = 900000000000000", mail.Waiting, mail.KindBusy, 452},
		{"Postfix, greylisted", relaytest.Postfix, "smtpd_recipient_restrictions = check_recipient_access inline:{{inbox@vendor.example = 450 4.7.1 come back}}", mail.Waiting, mail.KindBusy, 450},
		{"Postfix, policy", relaytest.Postfix, "smtpd_recipient_restrictions = reject", mail.Halted, mail.KindPolicy, 554},
		{"Postfix, unknown recipient", relaytest.Postfix, "mydestination = vendor.example\nlocal_recipient_maps = inline:{x=x}", mail.Halted, mail.KindAddress, 550},
		{"Exim, throttled", relaytest.Exim, "acl_smtp_mail = defer message = 421 4.7.0 slow down", mail.Waiting, mail.KindBusy, 421},
		{"Exim, greylisted", relaytest.Exim, "acl_smtp_mail = defer message = come back", mail.Waiting, mail.KindBusy, 451},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b, addr := serve(t, inbox.ServerOptions{})
			r := relaytest.Start(t, relaytest.Config{Inbox: addr, Extra: c.extra}, c.server(t))
			it, res, err := queue(t, newClock(), data).Deliver(t.Context(), id, &mail.Sender{Route: route("smtp://"+r.Addr, 0)})
			ok(t, err)
			if it.State != c.state || res.Failure == nil || res.Failure.Kind != c.kind || res.Failure.Code != c.code || it.Have.Len() != 0 {
				t.Errorf("%s, %s; want %s, %s with code %d", it.State, res, c.state, c.kind, c.code)
			}
			if all, err := b.List(); err != nil || len(all) > 0 {
				t.Errorf("arrived all the same: %+v, %v", all, err)
			}
		})
	}
}
