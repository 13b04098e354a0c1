package linuxtest

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"vmrecord/backdoor"
	"vmrecord/bundle/base"
	"vmrecord/bundle/recording"
	"vmrecord/cmd/internal/machine"
	"vmrecord/configs/guestkernel"
	"vmrecord/vmm"
	"vmrecord/vmm/mem"
)

// computed is what another processor computes for the worker.
const computed = "279.53293941464847 2286e04f"

// TestKernels boots Debian's kernels for any PC to vmagent, which runs a program
// that has itself recorded while somebody types.
func TestKernels(t *testing.T) {
	if testing.Short() {
		t.Skip("boots kernels for real")
	}
	for _, c := range []struct {
		kernel guestkernel.Flavour
		arch   string
		append string
	}{
		{guestkernel.AMD64, "amd64", quick},
		{guestkernel.I686, "386", quick + " noisapnp"},
	} {
		t.Run(c.kernel.String(), func(t *testing.T) {
			t.Parallel()
			f, err := bootFiles(c.kernel, c.arch, "init=vmrecord/cmd/vmagent", "worker=./testdata/worker")
			if err != nil {
				t.Fatal(err)
			}
			shelf, err := recording.OpenShelf(t.TempDir(), recording.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			const typed = "a line"
			g := f.boot(t, c.append+" vmagent.run=/worker")
			sum := g.recordsItself(t, shelf, typed+"\r")
			console := strings.ReplaceAll(g.tx.String(), "\r", "")
			for _, want := range []string{"\n== up " + c.arch + " " + f.release + "\n", "\nkaslr true\n", "\nread \"" + typed + "\"\n",
				"\n0123456789\n", "\ncomputed " + computed + "\n", "\n== recorded\n", "reboot: Power down"} {
				if !strings.Contains(console, want) {
					t.Errorf("the console has no %q", want)
				}
			}
			if bad := regexp.MustCompile(`.*(WARNING:|BUG:|Call Trace|calibration failed|unstable|unchecked MSR|FAILED).*`).FindString(console); bad != "" {
				t.Error(bad)
			}
			if t.Failed() {
				t.Fatal(console)
			}
			replays(t, shelf, sum, uint64(len(typed)*20))
			unpacked(t, f)
		})
	}
}

// unpacked checks that the base of a kernel has what its payload unpacks to.
func unpacked(t *testing.T, f bootable) {
	name := filepath.Join(t.TempDir(), "vmlinuz")
	if err := os.WriteFile(name, f.kernel, 0o600); err != nil {
		t.Fatal(err)
	}
	all, err := base.Folder{Dir: t.TempDir()}.Take(name)
	if err != nil {
		t.Fatal(err)
	}
	defer base.CloseAll(all)
	p := make([]byte, mem.PageBytes)
	for n := range all[0].Pages {
		if err := all[0].Page(n, p); err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(p, []byte("Linux version "+f.release)) {
			return
		}
	}
	t.Errorf("none of the %d pages of the base has the kernel's banner", all[0].Pages)
}

// visit is a door through which, every millisecond from the instant given, the
// clock leaps and, every 20 of them, a key is pressed.
func visit(from vmm.Instant, typed string) *vmm.Scripted {
	const millisecond, every = vmm.DefaultHz / 1000, 20
	var s vmm.Scripted
	for i := range every * len(typed) {
		at := from + vmm.Instant(i+1)*millisecond
		if i%every == 0 {
			s.Left = append(s.Left, vmm.Input{At: at, Inlet: machine.ConsoleIn, Data: []byte{typed[i/every]}})
		}
		s.Left = append(s.Left, vmm.Input{At: at, Inlet: vmm.InletLeap, Data: binary.LittleEndian.AppendUint64(nil, millisecond*3/4+uint64(i))})
	}
	return &s
}

// recordsItself runs the guest until it is off. Its recording has a visitor; it ends
// with the guest at the latest.
func (g *guest) recordsItself(t *testing.T, shelf *recording.Shelf, typed string) (sum recording.Summary) {
	t.Helper()
	var r *recording.Recording
	var heard []backdoor.Event
	g.Door = new(vmm.Scripted)
	g.OnOutput(machine.Control, func(p []byte) {
		e, err := backdoor.ParseEvent(p)
		if err != nil {
			t.Errorf("%q: %v", p, err)
		}
		heard = append(heard, e)
	})
	g.OnOutput(machine.ConsoleOut, func(p []byte) {
		if g.tx.Write(p); r != nil {
			r.Console(p)
		}
	})
	for {
		switch e := g.Run(g.Now() + piece); {
		case e == vmm.Stopped:
			if r != nil {
				var err error
				if sum, err = r.Stop(true, "the guest stopped"); err != nil {
					t.Fatal(err)
				}
			}
			return sum
		case e == vmm.Beat:
			r.Beat()
		case e == vmm.Control:
			g.TakeControl()
		case e != vmm.Reached || g.Now() > longest:
			t.Fatalf("exit %d at %s: %v\n%s", e, g.Position(), g.Err(), tail(g.tx.Bytes()))
		}
		for _, e := range heard {
			var err error
			switch e.Kind {
			case backdoor.Started:
				t.Logf("%d million instructions to user space", g.Retired()/1e6)
				g.Door = visit(g.Now(), typed)
				r, err = shelf.Start(g.Machine, recording.Options{Period: 1 << 19, Seed: seed,
					Meta: recording.Meta{Machine: spec.Text(), Console: machine.ConsoleOut, Feature: e.Text}})
			case backdoor.Attr:
				r.Attr(e.Key, e.Text)
			case backdoor.Marked:
				r.Mark(e.Text)
			case backdoor.Stopped:
				sum, err = r.Stop(e.Text == "keep", "stopped by request")
				r = nil
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if heard = nil; r != nil {
			r.Slice()
		}
	}
}
