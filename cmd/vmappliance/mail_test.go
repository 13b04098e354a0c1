package main

import (
	"bytes"
	"math/rand/v2"
	"net"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"vmrecord/bundle/mail/relaytest"
	"vmrecord/configs/cpio"
)

// serve starts an inbox that stops after its first bundle, and returns its port.
func (s *sandbox) serve(port, dir string, more ...string) (got string, stop func()) {
	s.t.Helper()
	_ = os.Remove(s.path("ready"))
	c := s.command(append([]string{"vmbundle", "inbox", "serve", "--listen", "127.0.0.1:" + port, "--ready", "ready", "--dir", dir}, more...)...)
	if err := c.Start(); err != nil {
		s.t.Fatal(err)
	}
	stop = func() { _ = c.Process.Signal(os.Interrupt); _ = c.Wait() }
	s.t.Cleanup(stop)
	b, ok := waitFor(s.path("ready"), regexp.MustCompile(`\n`))
	if !ok {
		s.t.Fatalf("the inbox is not ready: %q", b)
	}
	_, got, _ = strings.Cut(strings.TrimSpace(string(b)), ":")
	return got, stop
}

// A report that met no server is sent by a later program, once there is one, and
// once only.
func TestRetry(t *testing.T) {
	s := newSandbox(t)
	port, stop := s.serve("0", "in")
	stop()
	s.write("down.toml", configuration("guest", port))
	s.want(75, []string{"vmappliance", "run", "down.toml", "--record-from-start", "all"}, "saved problem R-", "vmappliance outbox retry R-")
	s.want(75, []string{"vmappliance", "outbox", "retry"}, "R-")
	s.want(0, []string{"vmappliance", "outbox", "list"}, " waiting ")
	_, stop = s.serve(port, "in")
	s.want(0, []string{"vmappliance", "outbox", "retry"}, "250 2.6.0 VMB1 ")
	s.want(0, []string{"vmappliance", "outbox", "list"}, " sent ")
	s.want(0, []string{"vmappliance", "outbox", "retry"})
	stop()
	r := s.want(0, []string{"vmbundle", "inbox", "list", "--dir", "in"}, " complete ")
	file := regexp.MustCompile(`\S+\.vmb`).FindString(r.out)
	if n := strings.Count(r.out, "complete"); n != 1 {
		t.Errorf("%d reports:\n%s", n, r.out)
	}
	s.want(0, []string{"vmbundle", "replay", "--quiet", file}, "identical: ")
}

// All of a recording (L3), 40 MB, goes in parts through Debian's Postfix, which
// takes messages of 10 240 000 bytes, and replays where it arrives.
func TestThroughPostfix(t *testing.T) {
	s := newSandbox(t)
	noise := make([]byte, 40<<20)
	rand.NewChaCha8([32]byte{1}).Read(noise)
	img, err := cpio.BuildInitramfs([]cpio.File{{Name: "noise", Mode: 0o644, Data: noise}})
	if err != nil {
		t.Fatal(err)
	}
	s.write("noise", img)
	port, _ := s.serve("0", "in")
	relay := relaytest.Start(t, relaytest.Config{Inbox: "127.0.0.1:" + port}, relaytest.Postfix(t))
	_, port, _ = net.SplitHostPort(relay.Addr)
	s.write("a.toml", bytes.Replace(configuration("guest", port), []byte(`memory = "16M"`), []byte("memory = \"128M\"\ninitrd = \"noise\""), 1))
	r := s.want(0, []string{"vmappliance", "run", "a.toml", "--record-from-start", "all"}, " 6 parts ", "queued as")
	id := regexp.MustCompile(`saved problem (R-\w{4}-\w{4}), 4\d\.\d MB`).FindStringSubmatch(r.errors)
	if id == nil {
		t.Fatalf("no bundle of 40 MB:\n%s", r.errors)
	}
	whole, there := regexp.MustCompile(id[1]+` +complete .*?(\S+\.vmb)`), ""
	for end := time.Now().Add(2 * time.Minute); there == ""; time.Sleep(100 * time.Millisecond) { // a relay takes its time
		r := s.want(0, []string{"vmbundle", "inbox", "list", "--dir", "in"})
		if m := whole.FindStringSubmatch(r.out); m != nil {
			there = m[1]
		} else if time.Now().After(end) {
			t.Fatalf("after 2 minutes:\n%s", r.out)
		}
	}
	s.want(0, []string{"vmbundle", "inspect", there}, "L3")
	s.want(0, []string{"vmbundle", "replay", "--quiet", there}, "identical: ")
}

// A bundle that is not to be mailed can be handed over as a file.
func TestCancelAndExport(t *testing.T) {
	s := newSandbox(t)
	s.write("down.toml", configuration("guest", "1"))
	r := s.want(75, []string{"vmappliance", "run", "down.toml", "--record-from-start", "all"})
	id := regexp.MustCompile(`R-\w{4}-\w{4}`).FindString(r.errors)
	s.want(0, []string{"vmappliance", "outbox", "cancel", id}, id+" will not be sent")
	s.want(0, []string{"vmappliance", "outbox", "retry"})
	s.want(0, []string{"vmappliance", "outbox", "export", id, "out.vmb"}, "out.vmb")
	s.want(0, []string{"vmbundle", "verify", "out.vmb"}, "identical: ")
	s.want(1, []string{"vmappliance", "outbox", "export", id, "out.vmb"}, "not overwritten; choose another FILE")
}

// A server that takes the call and says nothing: Ctrl-C ends the conversation
// and the program, and the bundle stays.
func TestInterruptedMail(t *testing.T) {
	s := newSandbox(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	called := make(chan net.Conn, 8)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			called <- c
		}
	}()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	s.write("mute.toml", configuration("guest", port))
	c := s.command("vmappliance", "run", "mute.toml", "--record-from-start", "all")
	var said bytes.Buffer
	c.Stderr = &said
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	defer (<-called).Close()
	ended := make(chan struct{})
	go func() { _ = c.Wait(); close(ended) }()
	for i, done := 0, false; !done; i++ {
		if i == 300 {
			_ = c.Process.Kill()
			t.Fatal("Ctrl-C did not end it")
		}
		_ = c.Process.Signal(syscall.SIGINT) // the first may come before the guest's end
		select {
		case <-ended:
			done = true
		case <-time.After(50 * time.Millisecond):
		}
	}
	if got := c.ProcessState.ExitCode(); got != 75 {
		t.Errorf("status %d\n%s", got, said.String())
	}
	s.want(0, []string{"vmappliance", "outbox", "list"}, " queued ", "interrupted")
}
