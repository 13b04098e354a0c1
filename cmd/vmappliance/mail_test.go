package main

import (
	"bytes"
	"net"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// serve starts an inbox that stops after its first bundle, and returns its port.
func (s *sandbox) serve(port, dir string) (got string, stop func()) {
	s.t.Helper()
	_ = os.Remove(s.path("ready"))
	c := s.command("vmbundle", "inbox", "serve", "--listen", "127.0.0.1:"+port, "--ready", "ready", "--dir", dir)
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
