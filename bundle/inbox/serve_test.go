package inbox

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
)

// TestMain lets the test binary be a receiver that can be killed or limited.
func TestMain(m *testing.M) {
	if job := os.Getenv("VMRECORD_TEST_CHILD"); job != "" {
		if err := child(job, os.Args[1]); err != nil {
			fmt.Println("error:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// child serves the inbox in dir and prints its address; as "full", on a disk that
// takes files of 1500 bytes.
func child(job, dir string) error {
	if job == "full" {
		signal.Ignore(syscall.SIGXFSZ)
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 1500, Max: 1500}); err != nil {
			return err
		}
	}
	b, err := Open(dir, Options{Now: now})
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(l.Addr())
	return b.Serve(context.Background(), l, ServerOptions{})
}

func spawn(t *testing.T, job, dir string) (addr string, kill func()) {
	c := exec.Command(os.Args[0], dir)
	c.Env = append(os.Environ(), "VMRECORD_TEST_CHILD="+job)
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	kill = sync.OnceFunc(func() { c.Process.Kill(); c.Wait() })
	t.Cleanup(kill)
	addr, err = bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(addr), kill
}

func serve(t *testing.T, b *Inbox, opt ServerOptions) (addr string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := b.Serve(ctx, l, opt); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { cancel(); wg.Wait() })
	return l.Addr().String()
}

// send is one conversation with ready-made messages; it returns the last reply.
func send(t *testing.T, addr string, messages ...[]byte) string {
	t.Helper()
	c, err := smtp.Dial(addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	reply := ""
	for _, m := range messages {
		if reply, err = one(c, m); err != nil {
			var e *smtp.SMTPError
			if !errors.As(err, &e) {
				return err.Error()
			}
			return fmt.Sprintf("%d %v %s", e.Code, e.EnhancedCode, e.Message)
		}
	}
	return reply
}

func one(c *smtp.Client, m []byte) (string, error) {
	if err := c.Mail("agent@beta.example", nil); err != nil {
		return "", err
	}
	if err := c.Rcpt("inbox@vendor.example", nil); err != nil {
		return "", err
	}
	w, err := c.Data()
	if err != nil {
		return "", err
	}
	if _, err := w.Write(m); err != nil {
		return "", err
	}
	r, err := w.CloseWithResponse()
	if err != nil {
		return "", err
	}
	return r.StatusText, nil
}

// Parts out of order and twice, over SMTP, on several connections at once.
func TestServe(t *testing.T) {
	b := open(t, Options{})
	ms := messages(t, noise(20, 30_000), 4000)
	addr := serve(t, b, ServerOptions{})
	var wg sync.WaitGroup
	for n := range 4 {
		wg.Go(func() {
			for k := range ms {
				if got := send(t, addr, ms[(k*5+n*3)%len(ms)]); !strings.HasPrefix(got, "2.6.0 VMB1 id=R-7K2M-93QF have=") {
					t.Error(got)
				}
			}
		})
	}
	wg.Wait()
	if got := send(t, addr, ms[3]); got != "2.6.0 VMB1 id=R-7K2M-93QF have=1-8" {
		t.Error(got)
	}
	if g := holds(t, b); g != "complete" {
		t.Error(g)
	}
}

func TestServeRefuses(t *testing.T) {
	b := open(t, Options{MaxMessageBytes: 20_000})
	m := messages(t, noise(21, 1000), 4000)[0]
	cut := messages(t, noise(21, 900), 4000)[0]
	addr := serve(t, b, ServerOptions{})
	for _, c := range []struct {
		name    string
		message []byte
		want    string
	}{
		{"ours", m, "2.6.0 VMB1 id=R-7K2M-93QF have=1"},
		{"not ours", []byte("Subject: x\r\n\r\nx\r\n"), "554 [5 6 0] this is not"},
		{"too big", bytes.Repeat([]byte("X: y\r\n"), 5000), "552 [5 3 4] the message is too big"},
		{"cut off", cut[:len(cut)-300], "451 [4 6 0] the message ends"},
	} {
		if got := send(t, addr, c.message); !strings.HasPrefix(got, c.want) {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
	picky := serve(t, b, ServerOptions{Recipients: []string{"x@vendor.example"}})
	if got := send(t, picky, m); !strings.HasPrefix(got, "550 [5 1 1]") {
		t.Errorf("unknown recipient: %s", got)
	}
}

// Beyond the limit of connections: 421, and room again when one leaves.
func TestServeBusy(t *testing.T) {
	b := open(t, Options{})
	addr := serve(t, b, ServerOptions{MaxConns: 1})
	first, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	bufio.NewReader(first).ReadString('\n') // greeted, so counted
	second, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	if line, _ := bufio.NewReader(second).ReadString('\n'); !strings.HasPrefix(line, "421 4.3.2") {
		t.Errorf("%q", line)
	}
	fmt.Fprint(first, "QUIT\r\n")
	bufio.NewReader(first).ReadString(0) // to the end
	m := messages(t, noise(22, 1000), 4000)[0]
	for try := 0; ; try++ { // its place is free a moment after
		c, err := smtp.Dial(addr)
		if err != nil {
			t.Fatal(err)
		}
		_, err = one(c, m)
		c.Close()
		if err == nil {
			break
		}
		if try == 1000 {
			t.Fatal(err)
		}
	}
}

// A client that falls silent inside a message loses its connection, not its place
// for ever, and leaves nothing.
func TestServeSilent(t *testing.T) {
	b := open(t, Options{})
	addr := serve(t, b, ServerOptions{IdleTimeout: 50 * time.Millisecond})
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(c, "EHLO x\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\n")
	c.Write(messages(t, noise(23, 3000), 4000)[0][:2000])
	var all bytes.Buffer
	c.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := all.ReadFrom(c); err != nil {
		t.Error(err)
	}
	if g := holds(t, b); g != "" {
		t.Error(g)
	}
}

func TestServeNeedsTLS(t *testing.T) {
	b := open(t, Options{})
	l, err := net.Listen("tcp", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := b.Serve(t.Context(), l, ServerOptions{}); err == nil || !strings.Contains(err.Error(), "without encryption") {
		t.Errorf("%v", err)
	}
	if err := b.Serve(t.Context(), l, ServerOptions{ImplicitTLS: true}); err == nil {
		t.Error("TLS without a certificate passes")
	}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { b.Serve(ctx, l, ServerOptions{TLS: &tls.Config{}}) })
	_, port, _ := net.SplitHostPort(l.Addr().String())
	if got := send(t, "127.0.0.1:"+port, messages(t, noise(24, 1000), 4000)[0]); !strings.HasPrefix(got, "530 [5 7 0] Must issue a STARTTLS") {
		t.Error(got)
	}
	cancel()
	wg.Wait()
}

// kill -9 of the receiver after every reply: what it acknowledged is there.
func TestReceiverKilled(t *testing.T) {
	dir := t.TempDir() + "/inbox"
	ms := messages(t, noise(25, 10_000), 2500)
	for n, want := range []string{"have=1 need=2-4", "have=1-2 need=3-4", "have=1-3 need=4", "have=1-4"} {
		addr, kill := spawn(t, "serve", dir)
		if got := send(t, addr, ms[n]); got != "2.6.0 VMB1 id=R-7K2M-93QF "+want {
			t.Errorf("part %d: %s, want %s", n+1, got, want)
		}
		kill()
	}
	b, err := Open(dir, Options{Now: now})
	if err != nil || holds(t, b) != "complete" {
		t.Errorf("%s, %v", holds(t, b), err)
	}
}

// A full disk at the receiver: 452, nothing kept by halves; later the part arrives.
func TestReceiverDiskFull(t *testing.T) {
	dir := t.TempDir() + "/inbox"
	ms := messages(t, noise(26, 4000), 2000)
	addr, kill := spawn(t, "full", dir)
	if got := send(t, addr, ms[0]); got != "452 [4 3 1] the inbox's disk is full, try again later" {
		t.Error(got)
	}
	kill()
	// Room for the parts, not for the whole.
	ms = messages(t, noise(26, 2400), 1200)
	addr, kill = spawn(t, "full", dir)
	if got := send(t, addr, ms...); got != "452 [4 3 1] the inbox's disk is full, try again later" {
		t.Error(got)
	}
	kill()
	addr, _ = spawn(t, "serve", dir)
	if got := send(t, addr, ms[1]); got != "2.6.0 VMB1 id=R-7K2M-93QF have=1-2" {
		t.Error(got)
	}
	b, err := Open(dir, Options{Now: now})
	if err != nil || holds(t, b) != "complete" {
		t.Errorf("%s, %v", holds(t, b), err)
	}
}
