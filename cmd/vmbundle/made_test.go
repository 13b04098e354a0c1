package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vmrecord/bundle"
	"vmrecord/bundle/recording"
	"vmrecord/cmd/internal/live"
	"vmrecord/cmd/internal/machine"
	"vmrecord/configs/bare"
	"vmrecord/hwdevices/firmware"
	"vmrecord/hwdevices/pc"
	"vmrecord/vmm"
	"vmrecord/vmm/host"
)

// A made is a recording of our guest from power-on to power-off, and its bundle.
// Keys arrive at 5, 7 and 15 ms; "middle" is marked at 8 ms, and a failure, "late",
// at 12 ms.
type made struct {
	dir  string // of the recording
	file string // of the bundle
}

const ramBytes = 4 << 20

func newMade(t testing.TB) made { return newMadeBy(t, "y") }

// newMadeBy is newMade with another second key.
func newMadeBy(t testing.TB, second string) (r made) {
	t.Helper()
	spec := machine.Spec{Memory: ramBytes, Hz: vmm.DefaultHz, UUID: strings.Repeat("07", 16)}
	m, free, err := spec.Build(1_790_000_000, 7)
	ok(t, err)
	defer free()
	ok(t, pc.BootLinux(m, firmware.Linux{Kernel: bare.Image(bare.Options{Keys: true, Work: 400_000})}))
	con, err := live.OpenConsole("none", nil, nil)
	ok(t, err)
	s := &live.Session{M: m, Door: host.NewDoor(host.Config{Pace: host.Virtual}), Console: con}
	s.Connect(host.Script{Keys: []host.Key{{At: 5 * time.Millisecond, Data: []byte("x")}, {At: 7 * time.Millisecond, Data: []byte(second)},
		{At: 15 * time.Millisecond, Data: []byte("q")}}})
	shelf, err := recording.OpenShelf(filepath.Join(t.TempDir(), "recs"), recording.Limits{})
	ok(t, err)
	rec, err := shelf.Start(m, recording.Options{Period: 1 << 15, Seed: 7,
		Keys: func(in vmm.Input) uint64 { return uint64(len(in.Data)) }, Meta: recording.Meta{
			Feature: "test", Appliance: "our guest", Version: "1", Machine: spec.Text(), Console: machine.ConsoleOut}})
	ok(t, err)
	s.Beat, s.Slice, s.Heard = rec.Beat, rec.Slice, rec.Console
	for _, stop := range []struct {
		ms uint64
		do func()
	}{{8, func() { rec.Mark("middle") }}, {12, func() { rec.Fail("late") }}, {1000, nil}} {
		s.Limit = vmm.Instant(stop.ms * vmm.DefaultHz / 1000)
		e := s.Run()
		if stop.do == nil {
			if e.Outcome != "power-off" {
				t.Fatalf("%+v", e)
			}
			break
		}
		stop.do()
	}
	sum, err := rec.Stop(true, "power-off")
	ok(t, err)
	ok(t, con.Close())
	ok(t, shelf.Close())
	r.dir = shelf.Dir(sum.Name)
	r.file = pack(t, r.dir)
	return r
}

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// pack makes a recording's bundle in a folder of its own.
func pack(t testing.TB, dir string) string {
	t.Helper()
	p, err := bundle.Pack(dir, t.TempDir(), bundle.PackOptions{})
	ok(t, err)
	return p.Path
}

// A result is how a program ended.
type result struct {
	status      int
	out, errors string
}

// vmbundle runs the program in an empty folder.
func vmbundle(t testing.TB, stdin string, args ...string) (r result) {
	t.Helper()
	return command(t, stdin, nil, append([]string{"vmbundle"}, args...)...)
}

func command(t testing.TB, stdin string, env []string, args ...string) (r result) {
	t.Helper()
	c := exec.Command(args[0], args[1:]...)
	c.Dir = t.TempDir()
	c.Env = append(append(os.Environ(), "VMRECORD_CACHE="+t.TempDir()), env...) // no checkpoints yet
	c.Stdin = strings.NewReader(stdin)
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	err := c.Run()
	if x := (*exec.ExitError)(nil); err != nil && !errors.As(err, &x) {
		t.Fatalf("%q: %v", args, err)
	}
	return result{c.ProcessState.ExitCode(), out.String(), errs.String()}
}

func (r result) String() string { return fmt.Sprintf("status %d\n%s%s", r.status, r.out, r.errors) }

// want checks a status and texts that were said.
func (r result) want(t testing.TB, status int, texts ...string) result {
	t.Helper()
	if r.status != status {
		t.Errorf("want status %d: %s", status, r)
	}
	for _, x := range texts {
		if !strings.Contains(r.out+r.errors, x) {
			t.Errorf("want %q: %s", x, r)
		}
	}
	return r
}
