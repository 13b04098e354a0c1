package crosstest

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"vmrecord/bundle"
	"vmrecord/bundle/recording"
	"vmrecord/cmd/internal/machine"
	"vmrecord/vmm"
)

const (
	seed   = 7
	epoch  = 1_790_000_123 // the date at which guests are switched on
	period = 1 << 20       // instructions between heartbeats
	rooted = 8             // heartbeats between two hashes of all memory
)

// A host is a kind of computer.
type host struct {
	arch     string // as Go calls it
	emulator string // of its programs; "": this processor runs them
}

// skipped are the tests that take long, and that hold our own tables and methods
// against other ones: on another host that shows nothing. What comes out there to
// the last bit, the goldens say.
const skipped = "TestSpecial|TestRepCut|TestEveryEncoding|TestTableIsCurrent|TestNoHoles|TestAgainstX86asm|TestTransRounding|TestTransMonotone"

// others returns the hosts other than this one.
func others(t *testing.T) []host {
	t.Helper()
	if runtime.GOARCH != "amd64" {
		t.Fatalf("this test wants an amd64 host, which runs 386 programs too; this is %s", runtime.GOARCH)
	}
	for _, n := range []string{"qemu-aarch64", "qemu-aarch64-static"} {
		if path, err := exec.LookPath(n); err == nil {
			return []host{{"arm64", path}, {arch: "386"}}
		}
	}
	t.Fatal("nothing here runs programs for arm64; install Debian's package qemu-user")
	return nil
}

// tool runs the go command for a host.
func (h host) tool(t *testing.T, arg ...string) {
	t.Helper()
	c := exec.Command("go", arg...)
	c.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOFLAGS=", "GOARCH="+h.arch)
	if out, err := c.CombinedOutput(); err != nil {
		t.Errorf("GOARCH=%s %v: %v\n%s", h.arch, c.Args, err, out)
	}
}

// replays has the host's vmbundle replay recordings, and returns its reports
// and what the guest wrote on its console.
func (h host) replays(t *testing.T, names []string) (out []string) {
	t.Helper()
	program := filepath.Join(t.TempDir(), "vmbundle-"+h.arch)
	h.tool(t, "build", "-o", program, "vmrecord/cmd/vmbundle")
	for _, n := range names {
		out = append(out, h.replay(t, program, n))
	}
	return out
}

// replay is the report on one recording, without its times.
func (h host) replay(t *testing.T, program, name string) string {
	t.Helper()
	arg := []string{program, "replay", "--json", name}
	if h.emulator != "" {
		arg = append([]string{h.emulator}, arg...)
	}
	c := exec.Command(arg[0], arg[1:]...)
	var console bytes.Buffer
	c.Stderr = &console
	b, err := c.Output()
	report := map[string]any{}
	if err := errors.Join(err, json.Unmarshal(b, &report)); err != nil {
		t.Fatalf("%v: %v\n%s%s", arg, err, b, console.Bytes())
	}
	t.Logf("%s: %.1f s, %v", filepath.Base(name), report["wallSeconds"], report["endHash"])
	if n, _ := report["heartbeatsCompared"].(float64); report["identical"] != true || n < 10 {
		t.Errorf("%v: it compared too little:\n%s", arg, b)
	}
	for _, k := range []string{"wallSeconds", "cpuSeconds", "mips"} {
		delete(report, k)
	}
	b, err = json.MarshalIndent(report, "", "  ") // keys in order
	if err != nil {
		t.Fatal(err)
	}
	text := console.Bytes()
	if said, rest, ok := bytes.Cut(text, []byte("\n")); ok && h.emulator != "" && bytes.Contains(said, []byte("has no Landlock")) {
		text = rest // of the emulator, which knows no such system call
	}
	return string(b) + "\n" + string(text)
}

// power makes a machine with nothing in it.
func power(t *testing.T, s machine.Spec, in []vmm.Input) *vmm.Machine {
	t.Helper()
	m, free, err := s.Build(epoch, seed)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(free)
	m.Door = &vmm.Scripted{Left: in}
	return m
}

// record records the next n instructions of a machine, or all to where it
// stops, and returns the bundle's file, of the given name.
func record(t *testing.T, name string, m *vmm.Machine, s machine.Spec, n uint64) string {
	t.Helper()
	shelf, err := recording.OpenShelf(t.TempDir(), recording.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	// No syncs: with them the tape would depend on the host's clock.
	r, err := shelf.Start(m, recording.Options{Period: period, Seed: seed, Every: 24 * time.Hour,
		Meta: recording.Meta{Machine: s.Text(), Console: machine.ConsoleOut}})
	if err != nil {
		t.Fatal(err)
	}
	m.OnOutput(machine.ConsoleOut, r.Console)
	e := vmm.Reached
	for from, beats := m.Retired(), 0; m.Retired()-from < n && e != vmm.Stopped; r.Slice() {
		switch e = m.Run(m.Now() + 1<<21); e {
		case vmm.Beat:
			if r.Beat(); beats%rooted == 0 {
				r.Mark("all of memory")
			}
			beats++
		case vmm.Control:
			m.TakeControl()
		case vmm.Reached, vmm.Stopped:
		default:
			t.Fatalf("exit %d at %s: %v", e, m.Position(), m.Err())
		}
	}
	sum, err := r.Stop(true, "the test has what it wants")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), name+".vmb")
	if _, err := bundle.Pack(shelf.Dir(sum.Name), file, bundle.PackOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := shelf.Close(); err != nil {
		t.Error(err)
	}
	return file
}
