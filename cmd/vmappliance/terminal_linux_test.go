package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"vmrecord/vmm/host"
)

// A screen is the far end of a pseudo-terminal: what a user sees and types.
type screen struct {
	t      *testing.T
	master *os.File
	tty    *os.File
	was    unix.Termios

	mu   sync.Mutex
	seen bytes.Buffer
}

func newScreen(t *testing.T) *screen {
	t.Helper()
	m, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	fd := int(m.Fd())
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	err = errors.Join(err, unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0),
		unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 80}))
	if err != nil {
		t.Fatal(err)
	}
	tty, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	s := &screen{t: t, master: m, tty: tty}
	s.was = *s.modes()
	go s.watch()
	t.Cleanup(func() { tty.Close(); m.Close() })
	return s
}

func (s *screen) modes() *unix.Termios {
	m, err := unix.IoctlGetTermios(int(s.tty.Fd()), unix.TCGETS)
	if err != nil {
		s.t.Fatal(err)
	}
	return m
}

func (s *screen) watch() {
	b := make([]byte, 4096)
	for {
		n, err := s.master.Read(b)
		s.mu.Lock()
		s.seen.Write(b[:n])
		s.mu.Unlock()
		if err != nil {
			return
		}
	}
}

func (s *screen) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seen.String()
}

// await waits for a text behind what was awaited before.
func (s *screen) await(text string) {
	s.t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		s.mu.Lock()
		_, rest, ok := bytes.Cut(s.seen.Bytes(), []byte(text))
		if ok {
			rest = bytes.Clone(rest)
			s.seen.Reset()
			s.seen.Write(rest)
		}
		s.mu.Unlock()
		if ok {
			return
		}
	}
	s.t.Fatalf("the screen does not show %q:\n%q", text, s.text())
}

func (s *screen) types(keys string) {
	s.t.Helper()
	if _, err := io.WriteString(s.master, keys); err != nil {
		s.t.Fatal(err)
	}
}

// start runs a program at the terminal, which is its controlling one.
func (s *screen) start(c *exec.Cmd) {
	s.t.Helper()
	c.Stdin, c.Stdout, c.Stderr = s.tty, s.tty, s.tty
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := c.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = c.Process.Kill() })
}

// ends waits for the program, which must leave the terminal as it was.
func (s *screen) ends(c *exec.Cmd, status int) {
	s.t.Helper()
	done := make(chan struct{})
	go func() { _ = c.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		s.t.Fatalf("it does not end:\n%q", s.text())
	}
	if got := c.ProcessState.ExitCode(); got != status {
		s.t.Errorf("status %d, want %d\n%s", got, status, s.text())
	}
	s.restored()
}

func (s *screen) restored() {
	s.t.Helper()
	if now := *s.modes(); now != s.was {
		s.t.Errorf("the terminal's modes are\n%+v, were\n%+v", now, s.was)
	}
}

// A guest at a terminal: every key is its own but Ctrl-].
func TestTerminal(t *testing.T) {
	s, box := newScreen(t), newSandbox(t)
	c := box.command("vmappliance", "run", "--kernel", "keys-guest", "--memory", "4M", "--recordings", "recs")
	s.start(c)
	s.await("Ctrl-] ? this help   q quit")
	s.await("any other work")
	if now := s.modes(); now.Lflag&(unix.ICANON|unix.ECHO|unix.ISIG) != 0 {
		t.Errorf("the terminal is not raw: %+v", now)
	}
	s.types("x") // echoed by the guest, which works
	s.await("x")
	s.await("round 00000002")
	s.types("\x03") // Ctrl-C is the guest's
	s.await("\x03")
	s.await("round 00000003")
	s.types("\x1d?")
	s.await("Ctrl-] ? this help")
	s.types("\x1dm")
	s.await("nothing is recording; to start: Ctrl-] .")

	s.types("\x1d.")
	s.await("recording starts")
	s.await("\x1b[1;23r")          // the bottom row is taken from the guest
	s.await("\x1b]0;● REC manual") // and the title
	s.await("\x1b[24;1H\x1b[0;7m● REC manual")
	s.types("\x1dm")
	s.await("marked")
	s.types("\x1d.")
	s.await("recording stops, and is kept")
	s.await("● REC manual: ")
	s.await("\x1b[r\x1b[24;1H\x1b[2K") // and given back

	s.types("\x1d\x1d") // twice, the guest's once
	s.await("\x1d")
	s.types("\x1dq")
	s.ends(c, 0)
	box.want(0, []string{"vmbundle", "pack", "recs/000001", "a.vmb"})
	box.want(0, []string{"vmbundle", "inspect", "a.vmb"}, `"manual"`, `"mark"`)
}

// A terminal that knows no escape sequences gets none: lines say what is recorded.
func TestDumbTerminal(t *testing.T) {
	s, box := newScreen(t), newSandbox(t)
	c := box.command("vmappliance", "run", "--kernel", "keys-guest", "--memory", "4M", "--recordings", "recs")
	c.Env = append(c.Env, "TERM=dumb")
	s.start(c)
	s.await("any other work")
	s.types("\x1d.")
	s.await("\r\nvmappliance: ● REC manual\r\n")
	s.types("\x1d.")
	s.await("● REC manual: ")
	s.types("\x1dq")
	s.ends(c, 0)
	if strings.Contains(s.text(), "\x1b") {
		t.Errorf("an escape sequence: %q", s.text())
	}
}

// Whatever ends the program, the terminal is given back, with its bottom row.
func TestTerminalIsRestored(t *testing.T) {
	for _, x := range []struct {
		name   string
		end    func(s *screen, c *exec.Cmd)
		status int
	}{
		{"quit", func(s *screen, _ *exec.Cmd) { s.types("\x1dq") }, 0},
		{"power-off", func(s *screen, _ *exec.Cmd) { s.types("q") }, 0},
		{"terminated", func(_ *screen, c *exec.Cmd) { _ = c.Process.Signal(syscall.SIGTERM) }, 130},
		{"hung up", func(_ *screen, c *exec.Cmd) { _ = c.Process.Signal(syscall.SIGHUP) }, 130},
	} {
		t.Run(x.name, func(t *testing.T) {
			s, box := newScreen(t), newSandbox(t)
			c := box.command("vmappliance", "run", "--kernel", "keys-guest", "--memory", "4M", "--recordings", "recs", "--record-from-start", "all")
			s.start(c)
			s.await("any other work")
			s.await("● REC all")
			x.end(s, c)
			s.ends(c, x.status)
			s.await("\x1b[r\x1b[24;1H\x1b[2K")
		})
	}
}

// A panic gives the terminal back before its trace is printed.
func TestTerminalAfterPanic(t *testing.T) {
	s := newScreen(t)
	term, err := host.OpenTerminal(s.tty, s.tty)
	if err != nil {
		t.Fatal(err)
	}
	term.Status("● REC")
	said := func() (r any) {
		defer func() { r = recover(); s.restored() }()
		defer term.Guard()
		panic("a bug")
	}()
	if fmt.Sprint(said) != "a bug" {
		t.Error(said)
	}
	s.await("\x1b[r\x1b[24;1H\x1b[2K")
}

// Going live, the engineer's terminal is the guest's.
func TestGoliveAtATerminal(t *testing.T) {
	s, box := newScreen(t), newSandbox(t)
	box.write("keys", []byte("20ms \"x\"\n+200ms \"q\""))
	box.want(0, strings.Fields("vmappliance run --kernel keys-guest --memory 4M --recordings recs --record-from-start all --keys keys --pace virtual"))
	box.want(0, []string{"vmbundle", "pack", "recs/000001", "a.vmb"})
	c := box.command("vmbundle", "golive", "a.vmb", "--at", "50%")
	s.start(c)
	s.await("● LIVE from ")
	s.types("\x1d?")
	s.await("Ctrl-] ? this help")
	s.types("y")
	s.await("round ")
	s.types("\x1dq")
	s.ends(c, 0)
}

// At a terminal a replay in slow motion is taken over by the first key, which is
// none of ours.
func TestTakeOverAtATerminal(t *testing.T) {
	s, box := newScreen(t), newSandbox(t)
	box.write("keys", []byte("20ms \"x\"\n+2s \"q\""))
	box.want(0, strings.Fields("vmappliance run --kernel keys-guest --memory 4M --recordings recs --record-from-start all --keys keys --pace virtual"))
	c := box.command("vmbundle", "replay", "recs/000001", "--speed", "0.02x", "--takeover", "--record", "mine")
	s.start(c)
	s.await("● REPLAY at 0.02x")
	s.types("\x1d?")
	s.await("Ctrl-] ? this help")
	s.types("y")
	s.await("● LIVE from ")
	s.await("● REC mine")
	s.types("\x1dq")
	s.await("● recorded mine")
	s.ends(c, 0)
	box.want(0, []string{"vmbundle", "replay", "mine"}, "identical: ")
}

// A report that waits is shown and asked about where the user says so, and at the
// end; never in between. What is typed then is not the guest's.
func TestReviewAtATerminal(t *testing.T) {
	s, box := newScreen(t), newSandbox(t)
	box.write("ask.toml", asking("keys-guest", "1"))
	c := box.command("vmappliance", "run", "ask.toml")
	s.start(c)
	s.await("Ctrl-] ? this help")
	s.await("to refuse: vmappliance consent revoke")
	s.await("any other work")
	s.types("\x1dr")
	s.await("no report waits for you")
	record := func() {
		s.types("\x1d.")
		s.await("recording starts")
		s.await("● REC manual")
		s.types("\x1d.")
		s.await("● saved problem R-")
		s.await(": Ctrl-] r to review")
	}
	record()
	s.types("x") // still the guest's
	s.await("round ")
	s.types("\x1dr")
	s.await("to        demo@vendor.example\r\n")
	s.await("in the clear: ")
	s.await("console at the end")
	s.await(question)
	s.types("l") // not the guest's, which would do a round
	s.await("is kept here; to send it: vmappliance send R-")
	s.types("\x1dr")
	s.await(question)
	s.types("y")
	s.await(" will be sent")
	s.await("mail R-")
	record()
	record()
	record()
	s.types("q") // the guest powers off
	s.await(question)
	s.types("n")
	s.await(" will not be sent")
	s.await(question)
	s.types("v")
	s.await(" will not be sent, nor will others")
	s.await(" is kept here")
	s.ends(c, 75)
	if strings.Contains(s.text(), question) {
		t.Errorf("asked once more: %q", s.text())
	}
	r := box.want(0, []string{"vmappliance", "outbox", "list"})
	if strings.Count(r.out, " cancelled ") != 2 || strings.Count(r.out, " waiting ") != 1 {
		t.Error(r.out)
	}
	box.want(0, []string{"vmappliance", "consent"}, " never ")
}

// A signal ends the question, and what was not answered waits: for the verb that asks
// without a guest.
func TestUnansweredReview(t *testing.T) {
	s, box := newScreen(t), newSandbox(t)
	box.write("ask.toml", asking("keys-guest", "1"))
	c := box.command("vmappliance", "run", "ask.toml", "--record-from-start", "all")
	s.start(c)
	s.await("any other work")
	s.types("q")
	s.await(question)
	if err := c.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	s.ends(c, 4)
	c = box.command("vmappliance", "review")
	s.start(c)
	s.await(question)
	s.types("a\n")
	s.await("and those to come without asking")
	s.ends(c, 75)
	box.want(0, []string{"vmappliance", "consent"}, " always ")
}
