package linuxtest

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	elffiles "vmrecord/bundle/debug/program"
	"vmrecord/cmd/internal/machine"
	"vmrecord/configs/guestkernel"
	"vmrecord/vmm"
	"vmrecord/vmm/host"
	"vmrecord/vmm/trace"
)

// A player runs a guest that has no tape, until it sleeps for good.
type player struct {
	g    *guest
	last vmm.Exit
}

func (p *player) Ended() bool { return p.last != vmm.Reached && p.last != vmm.Struck }

func (p *player) Run(until vmm.Position) (vmm.Exit, error) {
	p.last = p.g.Run(until.At)
	return p.last, p.g.Err()
}

// TestSyscallTrace holds the trace of testdata/caller's system calls against
// what the program did, and both engines' traces against one another.
func TestSyscallTrace(t *testing.T) {
	if testing.Short() {
		t.Skip("boots a kernel for real")
	}
	f, err := bootFiles(guestkernel.Cloud, "amd64", append(natives(), "init=./testdata/caller", "pie=./testdata/pie.c")...)
	if err != nil {
		t.Fatal(err)
	}
	ready := f.boot(t, quick)
	ready.connect(host.Virtual)
	ready.until(t, "== calling")
	const long = 100_000_000
	window := func(e machine.Engine) string {
		g := ready.forkOn(t, e)
		g.connect(host.Virtual)
		var b bytes.Buffer
		from := vmm.Position{At: g.Now()}
		o := trace.Options{What: trace.Syscall, From: from, To: vmm.Position{At: from.At + long}, Process: "init", Hz: spec.Hz}
		if err := trace.Write(t.Context(), trace.Run{Machine: g.Machine, Player: &player{g: g}}, o, &b); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	got := window(machine.Auto)
	at := 0
	for _, want := range []string{
		`openat(AT_FDCWD, "/note", O_RDWR|O_CREAT`,
		`, 0640) = `,
		`"one\ttwo\n", 8) = 8`,
		`, "two\n", 100, 4) = 4`,
		`mkdirat(AT_FDCWD, "/made", 0755) = 0`,
		`unlinkat(AT_FDCWD, "/made", 0x200) = 0`,
		`openat(AT_FDCWD, "/missing", O_RDONLY) = -1 ENOENT`,
		`close(`,
		`getpid() = 1`,
		`kill(1, 0) = 0`,
		`write(1, "== called\n", 10) = 10`,
	} {
		i := strings.Index(got[at:], want)
		if i < 0 {
			t.Fatalf("%s is not where it should be; the trace:\n%s", want, got)
		}
		at += i + len(want)
	}
	if other := window(machine.Interp); other != got {
		t.Errorf("the reference's trace is another:\n%s\n%s", other, got)
	}
	t.Run("probes", func(t *testing.T) { probed(t, ready) })
	t.Run("natives", func(t *testing.T) { nativesDebugged(t, ready) })
}

// TestStrace holds the trace of a program's system calls against what strace says
// of the same program on the host: the same calls, arguments and results, but for
// addresses and processes' numbers. Its other traces are the same on both
// engines.
func TestStrace(t *testing.T) {
	if testing.Short() {
		t.Skip("boots a kernel for real")
	}
	const source = "testdata/calls/calls.c"
	f, err := bootFiles(guestkernel.Cloud, "amd64", "init="+source)
	if err != nil {
		t.Fatal(err)
	}
	ready := f.boot(t, quick)
	ready.connect(host.Virtual)
	ready.until(t, "== calling")
	from := ready.Now()
	window := func(e machine.Engine, o trace.Options, long vmm.Instant) string {
		g := ready.forkOn(t, e)
		g.connect(host.Virtual)
		var b bytes.Buffer
		o.From, o.To, o.Hz = vmm.Position{At: from}, vmm.Position{At: from + long}, spec.Hz
		if err := trace.Write(t.Context(), trace.Run{Machine: g.Machine, Player: &player{g: g}}, o, &b); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	got, want := window(machine.Auto, trace.Options{What: trace.Syscall, Process: "init"}, 100_000_000), straced(t, source)
	if calls(got) != want {
		t.Errorf("the trace:\n%s\nstrace:\n%s", calls(got), want)
	}
	if _, err := fmt.Sscan(got, &from); err != nil { // right before the first call
		t.Fatal(err)
	}
	for _, c := range []struct {
		o     trace.Options
		wants string
	}{
		{trace.Options{What: trace.Insn, Process: "init", Module: "init", Mem: true, Regs: true, Names: symbols(t, source)}, " _start+0x"},
		{trace.Options{What: trace.Insn, Process: "1", Module: "vmlinux"}, " do_syscall_64+0x0 "},
		{trace.Options{What: trace.Block}, " init/1 "},
		{trace.Options{What: trace.Sched}, " to swapper/0/0 in state S after "},
	} {
		long := vmm.Instant(200_000)
		if c.o.What == trace.Sched {
			long *= 100
		}
		first := window(machine.Auto, c.o, long)
		if !strings.Contains(first, c.wants) {
			t.Errorf("%+v: %q is not in %d bytes that begin %.1000s", c.o, c.wants, len(first), first)
		}
		if other := window(machine.Interp, c.o, long); other != first {
			t.Errorf("%+v: the reference's trace is another", c.o)
		}
	}
}

// symbols are those of a program, by its name in the guest.
func symbols(t *testing.T, source string) trace.Names {
	t.Helper()
	b, err := program("amd64", source)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "init"), b, 0o600); err != nil {
		t.Fatal(err)
	}
	files, err := elffiles.OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	return files.Names
}

// straced is what strace says of a program.
func straced(t *testing.T, source string) string {
	t.Helper()
	b, err := program("amd64", source)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	name, out := filepath.Join(dir, "calls"), filepath.Join(t.TempDir(), "out")
	if err := os.WriteFile(name, b, 0o700); err != nil {
		t.Fatal(err)
	}
	c := exec.Command("strace", "-o", out, name)
	c.Dir = dir
	if b, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, b)
	}
	text, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return calls(string(text))
}

// calls are the lines of a trace from sched_yield to what the program writes
// last, without columns before the call, errors in words, and numbers that
// differ.
func calls(text string) string {
	text = regexp.MustCompile(`(?m)^\d+ init/1 `).ReplaceAllString(text, "")
	text = regexp.MustCompile(`(?m) += (.*?)( \([A-Z][^()]*\))?$`).ReplaceAllString(text, " = $1")
	text = regexp.MustCompile(`0x[0-9a-f]{4,}`).ReplaceAllString(text, "ADDRESS")
	text = regexp.MustCompile(`(?m)^(getpid\(\) = |kill\()\d+`).ReplaceAllString(text, "${1}PID")
	from, to := strings.Index(text, "sched_yield"), strings.LastIndex(text, `write(1, "== called`)
	if from < 0 || to < from {
		return text
	}
	return text[from:to]
}
