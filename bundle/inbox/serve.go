package inbox

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-smtp"
)

// ServerOptions say how to listen. The zero value serves loopback only, without
// TLS, takes any recipient and 32 connections.
type ServerOptions struct {
	Domain      string        // in the greeting; "" is localhost
	Recipients  []string      // accepted addresses, without regard to case; none: all
	TLS         *tls.Config   // offers STARTTLS
	ImplicitTLS bool          // TLS from the first byte (port 465)
	AllowPlain  bool          // mail without TLS from other computers, asked for in words
	MaxConns    int           // at once; 0: 32
	IdleTimeout time.Duration // silence from a client; 0: 3 min
	Open        bool          // take mail from others than those who were taken in
	// Received, if set, is told of every message taken or refused.
	Received func(Accepted, error)
	Logf     func(format string, args ...any) // may be nil
}

// Safe tells why Serve would not listen at addr: for other computers without TLS, unless
// AllowPlain says so.
func (b *Inbox) Safe(addr net.Addr, opt ServerOptions) error {
	if opt.ImplicitTLS && opt.TLS == nil {
		return errors.New("serve: implicit TLS needs a certificate")
	}
	if isLoopback(addr) || opt.TLS != nil {
		return nil
	}
	if !opt.AllowPlain {
		return fmt.Errorf("serve %s: it would take mail from other computers without encryption: give a certificate (--tls-cert, --tls-key), or take it in the clear (--allow-plain)", addr)
	}
	guarded, _ := b.Guarded() // what is wrong with it, MAIL says: the senders wait
	if guarded && !opt.Open {
		return fmt.Errorf("serve %s: computers that enroll need encryption for their tokens: give a certificate (--tls-cert, --tls-key)", addr)
	}
	return nil
}

// Serve receives mail on l until ctx ends, where that is Safe.
func (b *Inbox) Serve(ctx context.Context, l net.Listener, opt ServerOptions) error {
	if err := b.Safe(l.Addr(), opt); err != nil {
		return err
	}
	local := isLoopback(l.Addr())
	if opt.MaxConns == 0 {
		opt.MaxConns = 32
	}
	if opt.IdleTimeout == 0 {
		opt.IdleTimeout = 3 * time.Minute
	}
	if opt.Logf == nil {
		opt.Logf = func(string, ...any) {}
	}
	var busy sync.RWMutex // read-held while a message is taken
	s := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) {
		return &session{in: b, opt: opt, conn: c, plainOK: local || opt.AllowPlain, busy: &busy}, nil
	}))
	s.Domain = opt.Domain
	if s.Domain == "" {
		s.Domain = "localhost"
	}
	s.MaxMessageBytes = b.opt.MaxMessageBytes
	s.MaxRecipients = 8
	s.TLSConfig = opt.TLS
	s.AllowInsecureAuth = local
	s.WriteTimeout = opt.IdleTimeout
	s.ErrorLog = logger(opt.Logf)

	var in net.Listener = &limited{Listener: l, idle: opt.IdleTimeout, free: make(chan struct{}, opt.MaxConns)}
	if opt.ImplicitTLS {
		in = tls.NewListener(in, opt.TLS)
	}
	stop := context.AfterFunc(ctx, func() { s.Close() })
	defer stop()
	err := s.Serve(in)
	busy.Lock() // what has been read is kept or refused before we return
	defer busy.Unlock()
	if err != nil && ctx.Err() == nil {
		return fmt.Errorf("serve %s: %w", l.Addr(), err)
	}
	return nil
}

func isLoopback(a net.Addr) bool {
	t, ok := a.(*net.TCPAddr)
	return ok && t.IP.IsLoopback()
}

type logger func(format string, args ...any)

func (l logger) Printf(format string, args ...any) { l(format, args...) }
func (l logger) Println(args ...any)               { l("%s", fmt.Sprintln(args...)) }

// A limited listener turns connections away with 421 when too many are open, and
// ends those that fall silent, inside a message too.
type limited struct {
	net.Listener
	idle time.Duration
	free chan struct{}
}

func (l *limited) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		select {
		case l.free <- struct{}{}:
			return &idleConn{Conn: c, idle: l.idle, leave: sync.OnceFunc(func() { <-l.free })}, nil
		default:
			// Twenty bytes go into an empty socket buffer: this does not wait.
			c.SetDeadline(time.Now().Add(time.Second))
			io.WriteString(c, "421 4.3.2 too many connections, try again later\r\n")
			c.Close()
		}
	}
}

type idleConn struct {
	net.Conn
	idle  time.Duration
	leave func()
}

func (c *idleConn) Read(p []byte) (int, error) {
	if err := c.Conn.SetReadDeadline(time.Now().Add(c.idle)); err != nil {
		return 0, err
	}
	return c.Conn.Read(p)
}

func (c *idleConn) Close() error {
	c.leave()
	return c.Conn.Close()
}

// A session is one client's connection.
type session struct {
	in      *Inbox
	opt     ServerOptions
	conn    *smtp.Conn
	plainOK bool
	install string // who authenticated; "": nobody
	busy    *sync.RWMutex
	from    string
}

func (s *session) Reset()        { s.from = "" }
func (s *session) Logout() error { return nil }

// Mail refuses early what would be refused later.
func (s *session) Mail(from string, opts *smtp.MailOptions) error {
	if _, encrypted := s.conn.TLSConnectionState(); !encrypted && !s.plainOK {
		return &smtp.SMTPError{Code: 530, EnhancedCode: smtp.EnhancedCode{5, 7, 0}, Message: "Must issue a STARTTLS command first"}
	}
	if err := s.known(); err != nil {
		return s.refused(err)
	}
	if opts != nil {
		if err := s.in.roomFor(s.install, opts.Size); err != nil {
			return s.refused(err)
		}
	}
	s.from = from
	return nil
}

// Rcpt refuses unknown recipients.
func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	known := func(a string) bool { return strings.EqualFold(a, to) }
	if len(s.opt.Recipients) > 0 && !slices.ContainsFunc(s.opt.Recipients, known) {
		return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "no such recipient here"}
	}
	return nil
}

// Data takes a message. The library sends whatever SMTPError it is given as the
// reply, and so the receipt is one with code 250.
func (s *session) Data(r io.Reader) error {
	s.busy.RLock()
	defer s.busy.RUnlock()
	a, err := s.in.accept(&sizeReader{r}, s.install, func(*parsed) string { return s.from })
	if s.opt.Received != nil && a.Answer == "" {
		s.opt.Received(a, err)
	}
	if err == nil {
		return &smtp.SMTPError{Code: 250, EnhancedCode: smtp.EnhancedCode{2, 6, 0}, Message: cmp.Or(a.Answer, a.Receipt.String())}
	}
	return s.refused(err)
}

// refused words an error as the reply.
func (s *session) refused(err error) error {
	f := refuse(err)
	if f.Code/100 == 4 {
		s.opt.Logf("inbox: %d to %s: %s (%v)", f.Code, s.conn.Conn().RemoteAddr(), f.Text, f.err)
	}
	text := f.Text
	if f.Receipt != nil {
		text = f.Receipt.String() + " " + text
	}
	return &smtp.SMTPError{Code: f.Code, EnhancedCode: f.Enhanced, Message: replyLine(text)}
}

// replyLine keeps what a message made us say within one reply line.
func replyLine(s string) string {
	s = strings.Map(func(c rune) rune {
		if c < ' ' || c > '~' {
			return '?'
		}
		return c
	}, s)
	return s[:min(len(s), 480)]
}

// sizeReader turns the library's word for a message too long into ours.
type sizeReader struct{ r io.Reader }

func (s *sizeReader) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if errors.Is(err, smtp.ErrDataTooLarge) {
		err = errTooBig
	}
	return n, err
}
