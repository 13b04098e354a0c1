package mail_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"vmrecord/bundle/inbox"
	"vmrecord/bundle/mail"
)

// TestMain lets the test binary be a child process that can be killed or limited.
func TestMain(m *testing.M) {
	if job := os.Getenv("VMRECORD_TEST_CHILD"); job != "" {
		if err := child(job, os.Args[1:]); err != nil {
			fmt.Println("error:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func child(job string, args []string) error {
	ck := clock{time.Unix(1_790_000_000, 0)}
	sp, err := mail.OpenSpool(args[0], mail.Options{Now: ck.now, Jitter: func() float64 { return 0.5 }})
	if err != nil {
		return err
	}
	switch job {
	case "send": // SPOOL ADDRESS
		_, err := sp.DeliverDue(context.Background(), by(&mail.Sender{Route: route("smtp://"+args[1], 10_000)}), func(it mail.Item, res mail.Result, err error) {
			fmt.Println(it.State, res, err)
		})
		return err
	case "add": // SPOOL FILE, for ever
		for n := 0; ; n++ {
			u := fmt.Sprintf("%s%04x", uuid[:32], n)
			if _, err := sp.Add(args[1], id, u); err != nil {
				return err
			}
			fmt.Println(u)
		}
	case "add-full": // SPOOL FILE, on a disk that takes 10 000 bytes
		signal.Ignore(syscall.SIGXFSZ)
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 10_000, Max: 10_000}); err != nil {
			return err
		}
		_, err := sp.Add(args[1], id, uuid)
		return err
	}
	return errors.New("no such job")
}

func spawn(job string, args ...string) *exec.Cmd {
	c := exec.Command(os.Args[0], args...)
	c.Env = append(os.Environ(), "VMRECORD_TEST_CHILD="+job)
	return c
}

// serve runs an inbox on loopback until the test ends.
func serve(t *testing.T, opt inbox.ServerOptions) (b *inbox.Inbox, addr string) {
	b, err := inbox.Open(t.TempDir(), inbox.Options{Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
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
	return b, l.Addr().String()
}

func sameFile(t *testing.T, b *inbox.Inbox, ref string, want []byte) {
	t.Helper()
	r, err := b.Show(ref)
	if err != nil || r.State != inbox.Complete || r.Problem != "" {
		t.Fatalf("%+v, %v", r, err)
	}
	if got, err := os.ReadFile(r.File); err != nil || !bytes.Equal(got, want) {
		t.Fatalf("the assembled file differs (%v)", err)
	}
}

// The line a user sees, and the file the vendor gets.
func TestArrivesWhole(t *testing.T) {
	data := noise(7, 300_000)
	b, addr := serve(t, inbox.ServerOptions{Recipients: []string{"Inbox@vendor.example"}})
	sp := queue(t, newClock(), data)
	it, res, err := sp.Deliver(t.Context(), id, &mail.Sender{Route: route("smtp://"+addr, 64_000)})
	if err != nil || it.State != mail.Sent {
		t.Fatalf("%+v, %v", it, err)
	}
	if want := "smtp " + addr + `  5 parts  "250 2.6.0 VMB1 id=R-7K2M-93QF have=1-5"`; res.String() != want {
		t.Errorf("%s, want %s", res, want)
	}
	sameFile(t, b, id, data)
	if _, res, err := sp.Deliver(t.Context(), id, &mail.Sender{}); err != nil || res.ExitCode() != 0 || res.Sent != 0 {
		t.Errorf("again: %v, %v", res, err)
	}
}

// An address, a quota or a size the inbox does not like comes back as advice.
func TestInboxRefuses(t *testing.T) {
	_, addr := serve(t, inbox.ServerOptions{Recipients: []string{"someone@vendor.example"}})
	it, res, err := queue(t, newClock(), noise(7, 3000)).Deliver(t.Context(), id, &mail.Sender{Route: route("smtp://"+addr, 0)})
	if err != nil || it.State != mail.Halted || res.Failure.Kind != mail.KindAddress || res.Failure.Stage != "rcpt" {
		t.Errorf("unknown recipient: %+v, %+v, %v", it, res.Failure, err)
	}
	b, addr := serve(t, inbox.ServerOptions{})
	g := enrolled(t, b, addr)
	for _, c := range []struct {
		user, password string
		state          mail.State
	}{{"", "", mail.Halted}, {g.Name, "wrong", mail.Halted}, {g.Name, g.Token, mail.Sent}} {
		r := route("smtp://"+addr, 0)
		r.User, r.Password = c.user, c.password
		it, res, err := queue(t, newClock(), noise(7, 3000)).Deliver(t.Context(), id, &mail.Sender{Route: r})
		if err != nil || it.State != c.state || c.state != mail.Sent && res.ExitCode() != 4 {
			t.Errorf("user %q, %q: %+v, %+v, %v", c.user, c.password, it, res.Failure, err)
		}
	}
}

// No server: queued, 75. Later there is one: retry sends.
func TestServerDown(t *testing.T) {
	data := noise(8, 30_000)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	ck := newClock()
	sp := queue(t, ck, data)
	it, res, err := sp.Deliver(t.Context(), id, &mail.Sender{Route: route("smtp://"+l.Addr().String(), 0)})
	if err != nil || it.State != mail.Waiting || res.ExitCode() != 75 || !it.NextTry.Equal(ck.Add(time.Minute)) {
		t.Fatalf("%+v, %+v, %v", it, res, err)
	}
	b, addr := serve(t, inbox.ServerOptions{})
	snd := &mail.Sender{Route: route("smtp://"+addr, 0)}
	if next, err := sp.DeliverDue(t.Context(), by(snd), nil); err != nil || !next.Equal(it.NextTry) {
		t.Fatalf("sent before its time: %s, %v", next, err)
	}
	if _, err := sp.Retry(id); err != nil {
		t.Fatal(err)
	}
	if next, err := sp.DeliverDue(t.Context(), by(snd), nil); err != nil || !next.IsZero() {
		t.Fatalf("next try %s, %v", next, err)
	}
	sameFile(t, b, id, data)
}

// kill -9 of the sender after each part in turn, just when the receiver has it and
// the sender has not heard so: nothing is lost, and one report comes of it.
func TestSenderKilled(t *testing.T) {
	data := noise(9, 45_000)
	var mu sync.Mutex
	var victim *os.Process
	b, addr := serve(t, inbox.ServerOptions{Received: func(a inbox.Accepted, err error) {
		mu.Lock()
		defer mu.Unlock()
		if err != nil {
			t.Error(err)
		}
		if victim != nil && !a.Duplicate {
			victim.Kill()
			victim = nil
		}
	}})
	sp := queue(t, newClock(), data)
	its, err := sp.List()
	if err != nil {
		t.Fatal(err)
	}
	spool := filepath.Dir(filepath.Dir(its[0].Path))
	for killed := 0; ; killed++ {
		c := spawn("send", spool, addr)
		mu.Lock()
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		if killed < 5 {
			victim = c.Process
		}
		mu.Unlock()
		err := c.Wait()
		its, lerr := sp.List()
		if lerr != nil || len(its) != 1 {
			t.Fatalf("%+v, %v", its, lerr)
		}
		if err == nil {
			if killed != 5 || its[0].State != mail.Sent {
				t.Errorf("after %d kills: %+v", killed, its[0])
			}
			break
		}
		if its[0].State != mail.Queued || its[0].Reason == "" {
			t.Errorf("killed item is %+v", its[0])
		}
	}
	sameFile(t, b, id, data)
	if all, err := b.List(); err != nil || len(all) != 1 {
		t.Errorf("%d reports, %v", len(all), err)
	}
}

// kill -9 of a process that queues: all it reported as queued is there, whole, and
// what it had begun is cleared away.
func TestAddKilled(t *testing.T) {
	file := filepath.Join(t.TempDir(), "x.vmb")
	if err := os.WriteFile(file, noise(10, 200_000), 0o600); err != nil {
		t.Fatal(err)
	}
	spool := filepath.Join(t.TempDir(), "spool")
	var queued []string
	for round := range 4 {
		c := spawn("add", spool, file)
		out, err := c.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		for sc := bufio.NewScanner(out); sc.Scan(); {
			queued = append(queued, sc.Text())
			if len(queued) > 3*round+1 {
				c.Process.Kill()
			}
		}
		c.Wait()
	}
	sp := openSpool(t, spool, newClock())
	its, err := sp.List()
	if err != nil {
		t.Fatal(err)
	}
	state := map[string]mail.State{}
	for _, it := range its {
		state[it.UUID] = it.State
	}
	for _, u := range queued {
		if state[u] != mail.Queued {
			t.Errorf("%s was queued and is %q", u, state[u])
		}
	}
	if len(queued) < 4 {
		t.Errorf("only %d were queued", len(queued))
	}
	es, _ := filepath.Glob(spool + "/.new-*/lock")
	if len(es) > 0 {
		t.Errorf("left behind: %s", es)
	}
}

// A full disk at the sender: an error that says so, and no entry.
func TestAddDiskFull(t *testing.T) {
	file := filepath.Join(t.TempDir(), "x.vmb")
	if err := os.WriteFile(file, noise(10, 200_000), 0o600); err != nil {
		t.Fatal(err)
	}
	spool := filepath.Join(t.TempDir(), "spool")
	out, err := spawn("add-full", spool, file).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "file too large: nothing was queued") {
		t.Errorf("%s, %v", out, err)
	}
	es, err := os.ReadDir(spool)
	if err != nil || len(es) != 0 {
		t.Errorf("left behind: %v, %v", es, err)
	}
}

// Two processes do not send one entry at once, and a second sees it being sent.
func TestBusy(t *testing.T) {
	sp := queue(t, newClock(), noise(11, 5000))
	srv := &script{}
	inside := false
	snd := &mail.Sender{Route: route("smtp://"+srv.start(t), 0), Progress: func(mail.Progress) {
		inside = true
		if its, err := sp.List(); err != nil || its[0].State != mail.Sending {
			t.Errorf("%+v, %v", its, err)
		}
		if _, _, err := sp.Deliver(t.Context(), id, &mail.Sender{}); !errors.Is(err, mail.ErrBusy) {
			t.Errorf("second sender: %v", err)
		}
		if _, err := sp.Cancel(id); !errors.Is(err, mail.ErrBusy) {
			t.Errorf("cancel: %v", err)
		}
	}}
	if _, res, err := sp.Deliver(t.Context(), id, snd); err != nil || res.ExitCode() != 0 || !inside {
		t.Errorf("%v, %v", res, err)
	}
	if _, _, err := sp.Deliver(t.Context(), "R-0000-0000", snd); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("unknown: %v", err)
	}
}

// A bundle that changed in the spool is not sent and not removed.
func TestBundleRotted(t *testing.T) {
	sp := queue(t, newClock(), noise(11, 5000))
	its, _ := sp.List()
	if err := os.WriteFile(its[0].Path, noise(12, 5000), 0o600); err != nil {
		t.Fatal(err)
	}
	srv := &script{}
	snd := &mail.Sender{Route: route("smtp://"+srv.start(t), 0)}
	if _, _, err := sp.Deliver(t.Context(), id, snd); err == nil || !strings.Contains(err.Error(), "SHA-256 has changed") || srv.said("") > 0 {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(its[0].Path); err != nil {
		t.Error(err)
	}
}

// What is held goes nowhere, whatever asks, until it is released.
func TestHeld(t *testing.T) {
	data := noise(9, 30_000)
	b, addr := serve(t, inbox.ServerOptions{})
	sp := openSpool(t, t.TempDir(), newClock())
	file := filepath.Join(t.TempDir(), "a.vmb")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	snd := &mail.Sender{Route: route("smtp://"+addr, 0)}
	stays := func(when string) {
		t.Helper()
		if _, err := sp.DeliverDue(t.Context(), by(snd), func(mail.Item, mail.Result, error) { t.Errorf("%s: sent", when) }); err != nil {
			t.Fatal(err)
		}
		if _, _, err := sp.Deliver(t.Context(), id, snd); !errors.Is(err, mail.ErrHeld) {
			t.Errorf("%s: deliver: %v", when, err)
		}
		if _, err := sp.Retry(id); !errors.Is(err, mail.ErrHeld) {
			t.Errorf("%s: retry: %v", when, err)
		}
		if it, err := sp.Find(id); err != nil || it.State != mail.Held || it.Reason == "" {
			t.Errorf("%s: %+v %v", when, it, err)
		}
	}
	if _, err := sp.AddHeld(file, id, uuid, "consent"); err != nil {
		t.Fatal(err)
	}
	stays("added")
	if it, err := sp.Add(file, id, uuid); err != nil || it.State != mail.Held {
		t.Errorf("added again: %+v %v", it, err)
	}
	if it, err := sp.Release(id); err != nil || it.State != mail.Queued || it.Reason != "" {
		t.Fatalf("%+v %v", it, err)
	}
	if _, err := sp.Hold(id, "consent was revoked"); err != nil {
		t.Fatal(err)
	}
	stays("held back")
	if _, err := sp.Release(id); err != nil {
		t.Fatal(err)
	}
	if it, res, err := sp.Deliver(t.Context(), id, snd); err != nil || it.State != mail.Sent {
		t.Fatalf("%+v %v %v", it, res, err)
	}
	sameFile(t, b, id, data)
	for _, again := range []func() (mail.Item, error){
		func() (mail.Item, error) { return sp.Hold(id, "late") }, func() (mail.Item, error) { return sp.Release(id) },
	} {
		if it, err := again(); err != nil || it.State != mail.Sent {
			t.Errorf("once it was sent: %+v %v", it, err)
		}
	}
}

// A try goes as far as a bundle would, and leaves nothing.
func TestTry(t *testing.T) {
	b, addr := serve(t, inbox.ServerOptions{})
	g := enrolled(t, b, addr)
	for _, c := range []struct {
		submit, password string
		want             mail.Kind
	}{
		{"smtp://" + addr, g.Token, ""},
		{"smtp://" + addr, "wrong", mail.KindAuth},
		{"smtps://" + addr, g.Token, mail.KindTLS},
		{"smtp+starttls://" + addr, g.Token, mail.KindTLS},
		{"smtp://127.0.0.1:1", "right", mail.KindNetwork},
		{"http://x", "right", mail.KindLocal},
	} {
		r := route(c.submit, 0)
		r.User, r.Password = g.Name, c.password
		got := mail.Kind("")
		if f := (&mail.Sender{Route: r}).Try(t.Context()); f != nil {
			got = f.Kind
		}
		if got != c.want {
			t.Errorf("%s %s: %q, want %q", c.submit, c.password, got, c.want)
		}
	}
	if all, err := b.List(); err != nil || len(all) != 0 {
		t.Errorf("%+v %v", all, err)
	}
}

// A consent that is taken back in the middle of a bundle ends it before the next part.
func TestNotAllowedAnyMore(t *testing.T) {
	b, addr := serve(t, inbox.ServerOptions{})
	sp := queue(t, newClock(), noise(7, 200_000))
	asked := 0
	snd := &mail.Sender{Route: route("smtp://"+addr, 64_000), Allowed: func() error {
		if asked++; asked > 2 {
			return errors.New("consent was revoked")
		}
		return nil
	}}
	it, res, err := sp.Deliver(t.Context(), id, snd)
	if err != nil || it.State != mail.Held || it.Reason != "consent was revoked" || res.ExitCode() != 4 || res.Sent != 2 {
		t.Fatalf("%+v, %v, %v", it, res, err)
	}
	if r, err := b.Show(id); err != nil || r.Have != "1-2" {
		t.Errorf("the inbox has %+v, %v", r, err)
	}
	if _, _, err := sp.Deliver(t.Context(), id, snd); !errors.Is(err, mail.ErrHeld) || asked != 3 {
		t.Errorf("again: %v, asked %d times", err, asked)
	}
}
