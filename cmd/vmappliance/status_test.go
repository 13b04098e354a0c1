package main

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"vmrecord/bundle/inbox"
)

// A letterbox is a mail server that hands on what it gets.
type letterbox chan string

func (x letterbox) NewSession(*smtp.Conn) (smtp.Session, error) { return x, nil }
func (x letterbox) Reset()                                      {}
func (x letterbox) Logout() error                               { return nil }
func (x letterbox) Mail(string, *smtp.MailOptions) error        { return nil }
func (x letterbox) Rcpt(string, *smtp.RcptOptions) error        { return nil }
func (x letterbox) Data(r io.Reader) error {
	m, err := io.ReadAll(r)
	x <- string(m)
	return err
}

// arrives is what comes, within two minutes.
func arrives[T any](t *testing.T, from <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-from:
	case <-time.After(2 * time.Minute):
		t.Fatal("nothing comes")
	}
	return v
}

// What becomes of a report comes back to its sender, by mail and to the outbox, and an
// engineer is told what to type.
func TestWayBack(t *testing.T) {
	s, letters, notices := newSandbox(t), make(letterbox, 10), make(chan inbox.Notice, 10)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	relay := smtp.NewServer(letters)
	go relay.Serve(l)
	defer relay.Close()
	chat := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var n inbox.Notice
		if err := json.NewDecoder(r.Body).Decode(&n); err != nil {
			t.Error(err)
		}
		notices <- n
	}))
	defer chat.Close()
	c := s.command("vmbundle", "inbox", "serve", "--listen", "127.0.0.1:0", "--ready", "ready", "--dir", "in", "--to", "demo@vendor.example",
		"--reply", "--relay", "smtp://"+l.Addr().String(), "--notify", "webhook:"+chat.URL)
	c.Stderr = os.Stderr
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Process.Signal(os.Interrupt); _ = c.Wait() }()
	b, ok := waitFor(s.path("ready"), regexp.MustCompile(`\n`))
	if !ok {
		t.Fatalf("the inbox is not ready: %q", b)
	}
	_, port, _ := strings.Cut(strings.TrimSpace(string(b)), ":")
	s.write("up.toml", configuration("guest", port))
	t.Setenv("VMRECORD_MAIL_FROM", "ann@user.example")
	r := s.want(0, []string{"vmappliance", "run", "up.toml", "--record-from-start", "all"})
	id := regexp.MustCompile(`R-\w{4}-\w{4}`).FindString(r.errors)
	if n := arrives(t, notices); n.Report != id || n.Command != "vmbundle gdb "+id || n.Verdict != inbox.Reproduced {
		t.Errorf("%+v of %s", n, id)
	}
	for _, want := range []string{"received", "reproduced"} {
		m := arrives(t, letters)
		if !strings.Contains(m, "Subject: ["+id+"] "+want+"\r\n") || !strings.Contains(m, "To: <ann@user.example>\r\n") {
			t.Errorf("no %q in\n%s", want, m)
		}
	}
	s.want(0, []string{"vmappliance", "outbox", "status"}, id+"  reproduced\n")
	s.want(0, []string{"vmappliance", "outbox", "list"}, " reproduced ")
	s.want(0, []string{"vmbundle", "inbox", "fix", id, "--in", "1.2", "--dir", "in"}, id+"  fixed")
	if m := arrives(t, letters); !strings.Contains(m, "Subject: ["+id+"] fixed in 1.2\r\n") {
		t.Errorf("%s", m)
	}
	// Another report asks by itself.
	r = s.want(0, []string{"vmappliance", "run", "up.toml", "--record-from-start", "all"}, "report "+id+": fixed in 1.2")
	s.want(0, []string{"vmappliance", "outbox", "list", "--json"}, `"status": "fixed:1.2"`)
	if r := s.run("vmappliance", "outbox", "status"); strings.Contains(r.out, id) {
		t.Errorf("it is asked again what is known: %s", r.out)
	}
	s.want(0, []string{"vmbundle", "inbox", "letters", "--dir", "in"}, "["+id+"] fixed in 1.2", " sent ")
	s.want(0, []string{"vmbundle", "inbox", "letters", "--dir", "in", "--json"}, `"schema": "vmbundle.inbox-letters/1"`)
}
