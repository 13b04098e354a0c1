package mail

import (
	"errors"
	"fmt"
	"net"
	netmail "net/mail"
	"net/url"
	"strings"

	"vmrecord/bundle/enrol"
)

// A Route is where bundles go and as whom.
type Route struct {
	Submit     string // smtps://HOST[:465], smtp+starttls://HOST[:587], smtp://HOST:PORT
	From, To   string // bare addresses
	User       string // with Password: AUTH PLAIN
	Password   string
	Pass       *enrol.Pass // instead of them: the token of the vendor's inbox
	AllowPlain bool        // smtp:// beyond this computer, asked for in words
	PartBytes  int64       // 0: DefaultPartBytes
}

// A server is Submit, understood.
type server struct {
	scheme, host, addr string
}

func (s server) String() string { return strings.TrimSuffix(s.scheme, "+starttls") + " " + s.addr }

// Check says what is wrong with the route before anything is sent.
func (r Route) Check() error {
	_, err := r.server()
	return err
}

func (r Route) server() (server, error) {
	for _, a := range []struct{ name, addr string }{{"sender", r.From}, {"vendor's", r.To}} {
		if err := CheckAddress(a.addr); err != nil {
			return server{}, fmt.Errorf("%s mail address %.100q: %w", a.name, a.addr, err)
		}
	}
	if r.PartBytes != 0 && (r.PartBytes < minPartBytes || r.PartBytes > MaxBundleBytes) {
		return server{}, fmt.Errorf("part size %d is not between %d and %d bytes", r.PartBytes, minPartBytes, int64(MaxBundleBytes))
	}
	u, err := url.Parse(r.Submit)
	if err != nil {
		return server{}, fmt.Errorf("submit address: %w", err)
	}
	port, known := map[string]string{"smtp": "", "smtp+starttls": "587", "smtps": "465"}[u.Scheme]
	if !known {
		return server{}, fmt.Errorf("submit address %q: want smtps://HOST, smtp+starttls://HOST or smtp://HOST:PORT", r.Submit)
	}
	if u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.Trim(u.Path, "/") != "" {
		return server{}, fmt.Errorf("submit address of scheme %s: want only HOST and PORT; user and password are settings of their own", u.Scheme)
	}
	if u.Port() != "" {
		port = u.Port()
	}
	if u.Hostname() == "" || port == "" {
		return server{}, fmt.Errorf("submit address %q: host or port is missing", r.Submit)
	}
	s := server{u.Scheme, u.Hostname(), net.JoinHostPort(u.Hostname(), port)}
	if s.scheme == "smtp" && !loopback(s.host) {
		if !r.AllowPlain {
			return server{}, fmt.Errorf("submit address %q would send without encryption to another computer: use smtps:// or smtp+starttls://, or allow plain SMTP in the configuration", r.Submit)
		}
		if r.User != "" || r.Pass != nil {
			return server{}, fmt.Errorf("submit address %q would send the password without encryption: use smtps:// or smtp+starttls://", r.Submit)
		}
	}
	return s, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// CheckAddress says what is wrong with an address as messages here have them.
func CheckAddress(a string) error {
	p, err := netmail.ParseAddress(a)
	if err != nil {
		return err
	}
	if p.Address != a || p.Name != "" {
		return errors.New("want a bare address, name@example.com")
	}
	for _, c := range a {
		if c <= ' ' || c > '~' {
			return errors.New("only plain ASCII addresses are supported")
		}
	}
	return nil
}
