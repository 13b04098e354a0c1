package linuxtest

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"testing"

	"vmrecord/configs/guestkernel"
	"vmrecord/vmm/guestos"
	"vmrecord/vmm/host"
)

// TestGuestOS boots testdata/tasks and holds what package guestos reads in the
// guest's memory against what the guest's kernel says.
func TestGuestOS(t *testing.T) {
	if testing.Short() {
		t.Skip("boots a kernel for real")
	}
	f, err := bootFiles(guestkernel.Cloud, "amd64", "init=./testdata/tasks")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, append string
		moved        bool
	}{{"kaslr", quick, true}, {"nokaslr", quick + " nokaslr", false}} {
		t.Run(c.name, func(t *testing.T) {
			g := f.boot(t, c.append)
			g.connect(host.Virtual)
			if _, err := g.guestOS(); err == nil || !strings.Contains(err.Error(), "LSTAR is 0") {
				t.Errorf("before the kernel: %v", err)
			}
			g.until(t, "== computing")
			l, err := g.guestOS()
			if err != nil {
				t.Fatal(err)
			}
			if l.Release() != f.release || (l.KASLR() != 0) != c.moved || len(l.BuildID()) != 40 {
				t.Errorf("release %s, moved by %#x, build id %s; want %s, moved %v", l.Release(), l.KASLR(), l.BuildID(), f.release, c.moved)
			}
			if info, err := l.Vmcoreinfo(); err != nil || info["OSRELEASE"] != f.release || info["BUILD-ID"] != l.BuildID() {
				t.Errorf("VMCOREINFO: %v %v", info, err)
			}
			said := sections(g.tx.String())
			sameSymbols(t, l, said["kallsyms"])
			sameTasks(t, l, said["tasks"])
			for name, text := range said {
				if pid, ok := strings.CutPrefix(name, "sleeper "); ok {
					sameSleeper(t, l, pid, text)
				}
			}
			if c.moved {
				t.Run("gdb", func(t *testing.T) { debugged(t, g, f.kernel) })
				t.Run("export", func(t *testing.T) { exported(t, g, f.release) })
			}
			g.runsInit(t, l)
		})
	}
}

func (g *guest) guestOS() (*guestos.Linux, error) {
	return guestos.Find(guestos.RAM(g.Mem.B), guestos.Of(g.CPU))
}

// sameSymbols compares with /proc/kallsyms: some lines, and the sum of all.
func sameSymbols(t *testing.T, l *guestos.Linux, text string) {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	sum := sha256.New()
	for i, y := range l.Symbols() {
		line := fmt.Sprintf("%016x %c %s\n", y.Addr, y.Type, y.Name)
		if _, _ = sum.Write([]byte(line)); i%1000 == 0 && !slices.Contains(lines, strings.TrimSpace(line)) {
			t.Errorf("symbol %d: %s", i, line)
		}
	}
	if got, want := fmt.Sprintf("%d %x", len(l.Symbols()), sum.Sum(nil)), lines[len(lines)-1]; got != want || len(lines) < 50 {
		t.Errorf("symbols and their sum: %s, want %s", got, want)
	}
	y, ok := l.Symbol("schedule")
	if at, off, found := l.SymbolAt(y.Addr + 1); !ok || !found || at != y || off != 1 {
		t.Errorf("schedule is at %#x, and there is %s+%d", y.Addr, at.Name, off)
	}
}

// sameTasks compares with /proc/PID/task/TID/stat. Workers come and go, and
// threads of Go's.
func sameTasks(t *testing.T, l *guestos.Linux, text string) {
	all, err := l.Tasks()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]guestos.Task{}
	for _, k := range all {
		found[fmt.Sprint(k.TGID, k.PID)] = k
	}
	listed := map[string]bool{"0 0": true}
	for line := range strings.Lines(text) {
		var tgid, pid, parent, flags int
		var comm string
		if _, err := fmt.Sscanf(line, "%d %d %d %d %q", &tgid, &pid, &parent, &flags, &comm); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		listed[fmt.Sprint(tgid, pid)] = true
		k, ok := found[fmt.Sprint(tgid, pid)]
		if changes := strings.HasPrefix(comm, "kworker/"); changes && !ok {
			continue
		}
		const kernelThread = 0x200000 // PF_KTHREAD
		if !ok || k.Parent != parent || !strings.HasPrefix(comm, k.Comm) || k.Kernel != (flags&kernelThread != 0) || k.Kernel != (k.CR3 == 0) {
			t.Errorf("found %+v, want %s", k, line)
		}
	}
	for id, k := range found {
		if !listed[id] && k.TGID != 1 && !strings.HasPrefix(k.Comm, "kworker/") {
			t.Errorf("task %s (%s) is none of the guest's", id, k.Comm)
		}
		if k.Running {
			continue
		}
		r, err := k.Saved()
		if y, _, _ := l.SymbolAt(r.RIP); y.Name != "__schedule" && y.Name != "ret_from_fork" {
			t.Errorf("task %s stands in %s, %v", id, y.Name, err)
		}
	}
	if len(listed) < 40 {
		t.Errorf("%d tasks", len(listed))
	}
}

// sameSleeper compares the child, which reads its standard input, with
// /proc/PID/maps.
func sameSleeper(t *testing.T, l *guestos.Linux, pid, text string) {
	all, _ := l.Tasks()
	i := slices.IndexFunc(all, func(k guestos.Task) bool { return fmt.Sprint(k.PID) == pid })
	if i < 0 {
		t.Fatalf("no task %s", pid)
	}
	k := all[i]
	if args, err := k.Args(); err != nil || !slices.Equal(args, []string{"sleeper", "a b", "", "--c"}) {
		t.Errorf("its command line is %q, %v", args, err)
	}
	if exe, err := k.Exe(); err != nil || exe != "/mnt/programs/sleeper" {
		t.Errorf("its program is %q, %v", exe, err)
	}
	got, err := k.Maps()
	var want []string
	for line := range strings.Lines(text) { // address rights offset device inode path
		f := append(strings.Fields(line), "")
		want = append(want, strings.TrimSpace(strings.Join(append(f[:3:3], f[5]), " ")))
	}
	for i, m := range got {
		if i >= len(want) || m.String() != want[i] {
			t.Errorf("mapping %d of %d: %s", i, len(want), m)
		}
	}
	if err != nil || len(got) != len(want) {
		t.Errorf("%d mappings, %v; want\n%s", len(got), err, text)
	}
	r, err := k.User()
	const rdi, rdx = 7, 2
	if err != nil || r.OrigRAX != 0 || r.R[rdi] != 0 || r.R[rdx] != 1 || r.FSBase == 0 {
		t.Errorf("it is not in read(0, _, 1): %+v, %v", r, err)
	}
	code := make([]byte, 2)
	if n := k.Read(r.RIP-2, code); n != 2 || string(code) != "\x0f\x05" {
		t.Errorf("before its instruction pointer is % x, want SYSCALL", code[:n])
	}
}

// runsInit looks at the current task now and then, while process 1 computes.
func (g *guest) runsInit(t *testing.T, l *guestos.Linux) {
	computing := 0
	for i := range 100 {
		g.to(t, g.Now()+100_003)
		n, err := l.At(guestos.RAM(g.Mem.B), guestos.Of(g.CPU))
		if err != nil {
			t.Fatal(err)
		}
		k, err := n.Current()
		if err != nil {
			t.Errorf("look %d: %v", i, err)
		}
		if cs := g.CPU.Seg[1].Sel; cs&3 != 3 {
			continue
		}
		if k.TGID != 1 || k.Comm != "init" || !k.Running || k.CR3 != g.CPU.CR3&^0xfff {
			t.Errorf("look %d: process 1 runs with page tables at %#x, not %+v", i, g.CPU.CR3, k)
		}
		if k.PID == 1 {
			computing++
		}
	}
	if computing < 50 {
		t.Errorf("thread 1 computes at %d of 100 looks", computing)
	}
}
