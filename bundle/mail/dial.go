package mail

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"strings"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"vmrecord/bundle/enrol"
)

// Timeouts bound every wait of a conversation. Zero fields take the defaults, which
// are those of RFC 5321 4.5.3.2, shorter where a person may be waiting.
type Timeouts struct {
	Dial    time.Duration // 30 s, TLS handshake not included
	Command time.Duration // 2 min: a reply, the greeting, a handshake
	Write   time.Duration // 3 min: one block of a message taken by the network
	Final   time.Duration // 10 min: the reply to the final dot
}

func (t Timeouts) withDefaults() Timeouts {
	or := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	or(&t.Dial, 30*time.Second)
	or(&t.Command, 2*time.Minute)
	or(&t.Write, 3*time.Minute)
	or(&t.Final, 10*time.Minute)
	return t
}

// A timedConn gives every Write a deadline of its own: the client library sets none
// while a message is written. Until ready, it also shortens the library's longer
// deadlines, which cannot be set before its first commands are sent.
type timedConn struct {
	net.Conn
	write, command time.Duration
	ready          bool
}

func (c *timedConn) Write(b []byte) (int, error) {
	if err := c.Conn.SetWriteDeadline(time.Now().Add(c.write)); err != nil {
		return 0, err
	}
	return c.Conn.Write(b)
}

func (c *timedConn) SetDeadline(t time.Time) error {
	if limit := time.Now().Add(c.command); !c.ready && (t.IsZero() || t.After(limit)) {
		t = limit
	}
	return c.Conn.SetDeadline(t)
}

// dial connects, encrypts as the scheme says, greets and authenticates. A stripped
// STARTTLS or a bad certificate is a failure, never a plain connection. The
// connection closes when ctx ends, or with hangUp.
func (s *Sender) dial(ctx context.Context, srv server, t Timeouts) (c *smtp.Client, hangUp func(), f *Failure) {
	d := net.Dialer{Timeout: t.Dial}
	raw, err := d.DialContext(ctx, "tcp", srv.addr)
	if err != nil {
		return nil, nil, classify(ctx, "connect", err)
	}
	stop := context.AfterFunc(ctx, func() { raw.Close() })
	hangUp = func() { stop(); raw.Close() }
	c, f = s.greet(ctx, &timedConn{Conn: raw, write: t.Write, command: t.Command}, srv, t)
	if f != nil {
		hangUp()
		return nil, nil, f
	}
	return c, hangUp, nil
}

func (s *Sender) greet(ctx context.Context, conn *timedConn, srv server, t Timeouts) (*smtp.Client, *Failure) {
	cfg := s.TLS.Clone()
	if cfg == nil {
		cfg = &tls.Config{}
	}
	cfg.ServerName = srv.host
	cfg.MinVersion = max(cfg.MinVersion, tls.VersionTLS12)

	var c *smtp.Client
	var err error
	stage := "connect"
	switch srv.scheme {
	case "smtps":
		stage = "tls"
		c = smtp.NewClient(tls.Client(conn, cfg))
	case "smtp+starttls":
		stage = "tls"
		if c, err = smtp.NewClientStartTLS(conn, cfg); err != nil {
			return nil, starttlsFailure(ctx, err)
		}
	default:
		c = smtp.NewClient(conn)
	}
	c.CommandTimeout, c.SubmissionTimeout = t.Command, t.Final
	name := s.Hello
	if name == "" {
		name = "localhost"
	}
	// The TLS handshake happens with these first bytes.
	if err := c.Hello(name); err != nil {
		return nil, classifyHello(ctx, stage, err)
	}
	conn.ready = true
	return c, s.auth(ctx, c)
}

// starttlsFailure tells a server that is busy from one that will not encrypt.
func starttlsFailure(ctx context.Context, err error) *Failure {
	f := classify(ctx, "connect", err)
	if 500 <= f.Code && f.Code <= 504 || strings.Contains(err.Error(), "support STARTTLS") {
		return failed(KindTLS, "tls", "the server does not offer STARTTLS, or someone on the way removed it ("+f.Text+")", err)
	}
	return f
}

// classifyHello reads a reply given over TLS as a reply, and everything else that
// happens during the handshake as trouble with TLS.
func classifyHello(ctx context.Context, stage string, err error) *Failure {
	if reply := (*smtp.SMTPError)(nil); errors.As(err, &reply) {
		return classify(ctx, "connect", err)
	}
	return classify(ctx, stage, err)
}

func (s *Sender) auth(ctx context.Context, c *smtp.Client) *Failure {
	switch {
	case s.Route.Pass != nil:
		return s.present(ctx, c, s.Route.Pass)
	case s.Route.User == "":
		return nil
	}
	return plain(ctx, c, s.Route.User, s.Route.Password)
}

func plain(ctx context.Context, c *smtp.Client, user, password string) *Failure {
	if !c.SupportsAuth(sasl.Plain) {
		return failed(KindAuth, "auth", "the server does not offer AUTH PLAIN", nil)
	}
	if err := c.Auth(sasl.NewPlainClient("", user, password)); err != nil {
		return classify(ctx, "auth", err)
	}
	return nil
}

// present authenticates by the inbox's token. Where there is none, or the inbox does
// not know it, this computer enrols; it may have been taken in before.
func (s *Sender) present(ctx context.Context, c *smtp.Client, p *enrol.Pass) *Failure {
	g, ok := p.Grant()
	if ok {
		if f := plain(ctx, c, g.Name, g.Token); f == nil || f.Kind != KindAuth {
			return f
		}
	}
	wait, cancel := context.WithTimeout(ctx, s.Timeouts.withDefaults().Command)
	defer cancel()
	unlock, err := p.Lock(wait)
	if err != nil {
		return stored(ctx, err)
	}
	defer unlock()
	if now, ok := p.Grant(); ok && now != g { // another program enrolled meanwhile
		return plain(ctx, c, now.Name, now.Token)
	}
	if !c.SupportsAuth(enrol.Mechanism) {
		return enrolment(failed(KindAuth, "auth", "the server does not take enrolments", nil))
	}
	if err := c.Auth(p.Client()); err != nil {
		return stored(ctx, err)
	}
	return nil
}

// stored tells our own disk from what the inbox says.
func stored(ctx context.Context, err error) *Failure {
	if own := (*enrol.StoreError)(nil); errors.As(err, &own) {
		return failed(KindDisk, "auth", err.Error(), err)
	}
	return enrolment(classify(ctx, "auth", err))
}

func enrolment(f *Failure) *Failure {
	if f.Kind == KindAuth {
		f.Fix = "ask the vendor for a configuration with a new enrolment code; with it, outbox retry"
	}
	return f
}
