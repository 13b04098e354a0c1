package linuxtest

import (
	"bytes"
	"strings"
	"testing"

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
	f, err := bootFiles(guestkernel.Cloud, "amd64", "init=./testdata/caller", "pie=./testdata/pie.c")
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
		`openat(AT_FDCWD, "/missing", O_RDONLY, 0) = -1 ENOENT`,
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
}
