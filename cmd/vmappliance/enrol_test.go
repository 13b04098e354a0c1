package main

import (
	"net"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"vmrecord/bundle/mail/relaytest"
)

// office is an inbox with TLS from the first byte, whose certificate the sandbox's
// programs trust, that takes in one computer; and the signed configuration of an
// appliance that sends there.
func (s *sandbox) office() {
	t := s.t.(*testing.T)
	own, _ := relaytest.Certificate(t, "127.0.0.1")
	cert, key := relaytest.Write(t, own, s.dir)
	t.Setenv("SSL_CERT_FILE", cert)
	code := strings.TrimSpace(s.want(0, []string{"vmbundle", "inbox", "enroll", "new", "--uses", "1", "--dir", "in"}, "takes in 1 computer").out)
	port, _ := s.serve("0", "in", "--tls", "--tls-cert", cert, "--tls-key", key)
	s.want(0, []string{"vmbundle", "keys", "new"})
	text := strings.Replace(string(configuration("guest", port)), "smtp://", "smtps://", 1)
	s.write("appliance.toml", []byte(text))
	s.want(0, []string{"vmappliance", "build", "--sign", "vendor", "--enroll", code, "appliance.toml"})
}

// TestEnrolment: the built appliance takes its computer in, over TLS, and sends by the
// token from then on; revoked, it sends nothing more, and says what helps.
func TestEnrolment(t *testing.T) {
	s := newSandbox(t)
	s.office()
	s.want(0, []string{"vmappliance", "doctor", "appliance.signed.toml"}, "it takes this computer in with its first report")
	if s.want(0, []string{"vmbundle", "inbox", "tokens", "list", "--dir", "in"}).out != "" {
		t.Error("the doctor enrolled")
	}
	run := []string{"vmappliance", "run", "appliance.signed.toml", "--record-from-start", "all"}
	for range 2 {
		s.want(0, run, "250 2.6.0 VMB1 ")
	}
	s.want(0, []string{"vmappliance", "doctor", "appliance.signed.toml"}, "and takes this computer's token")
	list := s.want(0, []string{"vmbundle", "inbox", "tokens", "list", "--dir", "in"}, " valid ").out
	name := regexp.MustCompile(`I-[0-9a-f]{16}`).FindAllString(list, -1)
	if len(name) != 1 {
		t.Fatalf("one computer enrolled:\n%s", list)
	}
	s.want(0, []string{"vmbundle", "inbox", "enroll", "list", "--dir", "in"}, "used up")
	s.want(0, []string{"vmbundle", "inbox", "tokens", "revoke", name[0], "--dir", "in"}, "may send nothing more")
	s.want(75, run, "stopped: auth: 535 5.7.8 "+name[0]+" was revoked; ask the vendor why")
	s.want(4, []string{"vmappliance", "outbox", "retry"}, "was revoked; ask the vendor why")
	// Forgotten, its code is free again.
	s.want(0, []string{"vmbundle", "inbox", "tokens", "forget", name[0], "--dir", "in"}, "is forgotten")
	s.want(0, []string{"vmappliance", "outbox", "retry"}, "250 2.6.0 VMB1 ")
}

// TestRehearsalEnrols: a rehearsal goes the whole way, with a code of its own inbox.
func TestRehearsalEnrols(t *testing.T) {
	s := newSandbox(t)
	s.office()
	s.want(0, []string{"vmappliance", "run", "appliance.signed.toml", "--record-from-start", "all", "--rehearse"}, " arrived, ")
	if s.want(0, []string{"vmbundle", "inbox", "tokens", "list", "--dir", "in"}).out != "" {
		t.Error("the real inbox took part")
	}
}

// TestNothingSendsElsewhere: whom reports go to, and what they are sealed to, is in the
// configuration and nowhere else: not in the environment, and no flag is for it.
func TestNothingSendsElsewhere(t *testing.T) {
	s := newSandbox(t)
	s.office()
	thief, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer thief.Close()
	called := make(chan struct{}, 1)
	go func() {
		if c, err := thief.Accept(); err == nil {
			c.Close()
			called <- struct{}{}
		}
	}()
	at := thief.Addr().String()
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "VMRECORD_SUBMIT", "VMRECORD_SMTP_HOST", "VMRECORD_SMTP_SERVER",
		"VMRECORD_MAIL_TO", "VMRECORD_VENDOR_SUBMIT", "VMRECORD_VENDOR_MAIL", "VMRECORD_VENDOR_KEYS", "SMTPSERVER", "MAILTO"} {
		t.Setenv(name, "smtp://"+at)
		t.Setenv(strings.ToLower(name), "smtp://"+at)
	}
	t.Setenv("VMRECORD_SMTP_USER", "thief")
	t.Setenv("VMRECORD_SMTP_PASSWORD", "secret")
	t.Setenv("VMRECORD_MAIL_FROM", "thief@elsewhere.example")
	s.want(0, []string{"vmappliance", "run", "appliance.signed.toml", "--record-from-start", "all"}, "250 2.6.0 VMB1 ")
	select {
	case <-called:
		t.Error("the environment sends elsewhere")
	default:
	}
	elsewhere := regexp.MustCompile(`submit|mail|recipient|server|smtp|vendor|proxy|seal|encrypt|^(to|key|relay|inbox)$`)
	var visit func(c *cobra.Command)
	visit = func(c *cobra.Command) {
		c.Flags().VisitAll(func(f *pflag.Flag) {
			if elsewhere.MatchString(f.Name) {
				t.Errorf("%s --%s: does it change where reports go?", c.CommandPath(), f.Name)
			}
		})
		for _, sub := range c.Commands() {
			visit(sub)
		}
	}
	visit(root())
}

// TestTokenIsPrivate: code and token lie where only their owner looks.
func TestTokenIsPrivate(t *testing.T) {
	p := &post{tokens: t.TempDir() + "/tokens"}
	const code, submit = "E-ABCDEFGHIJKLMNOPQRSTUVWXYZ", "smtps://x.example:465"
	t.Setenv("VMRECORD_KEYS", t.TempDir())
	if pass, err := p.pass(submit); pass != nil || err != nil {
		t.Errorf("without a code: %v, %v", pass, err)
	}
	for _, c := range []string{code, "", "E-BBCDEFGHIJKLMNOPQRSTUVWXYZ"} {
		if err := p.enrolBy(submit, c); err != nil {
			t.Fatal(err)
		}
		want := c
		if c == "" {
			want = code
		}
		if pass, err := p.pass(submit); err != nil || pass.Code != want {
			t.Errorf("%+v, %v, want %s", pass, err, want)
		}
	}
	for _, name := range []string{p.tokens, p.tokenFile(submit, ".code")} {
		if i, err := os.Stat(name); err != nil || i.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: %v, %v", name, i.Mode(), err)
		}
	}
}
