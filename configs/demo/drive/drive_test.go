package main

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"vmrecord/vmm/texttest"
)

// The demonstration loses an update; who? names the line, and gdb stops at it.
// A session says the same of smaller bundles of the same recording: one without what
// is in the initramfs, and one of what its replay and debuggers use.
func TestLost(t *testing.T) {
	if testing.Short() {
		t.Skip("boots a kernel")
	}
	t.Chdir("../../..")
	dir := t.TempDir()
	bin := filepath.Join(dir, "bin")
	for _, name := range []string{"vmappliance", "vmbundle"} {
		if out, err := exec.Command("go", "build", "-o", bin+"/", "./cmd/"+name).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	d, writes := played(t, bin, dir)
	if !strings.HasPrefix(d.sum.Culprit, "main.(*account).post ledger.go:") {
		t.Fatalf("who? names %q", d.sum.Culprit)
	}
	out, said := d.session(t, len(writes)-1)
	_, line, _ := strings.Cut(d.sum.Culprit, " ")
	texttest.InOrder(t, out, lostSays(writes, line))
	texttest.InOrder(t, said, lostMonitor(writes[len(writes)-1]))
	hash := regexp.MustCompile(`(?m)^[0-9a-f]{64}$`).FindAllString(said, -1)
	if len(hash) != 3 || hash[0] != hash[2] || hash[0] == hash[1] {
		t.Errorf("100 steps back and forward lead from %q", hash)
	}
	for _, level := range []string{"L2", "L1"} {
		d.bundle = d.packed(t, level)
		again, also := d.session(t, len(writes)-1)
		if again != out || unhashed(also) != unhashed(said) {
			t.Errorf("from %s: %s%s\nfrom all of it: %s%s", level, again, also, out, said)
		}
	}
}

// packed makes a bundle of the recording that failed, against the initramfs.
func (d *demo) packed(t *testing.T, level string) string {
	t.Helper()
	recordings, err := filepath.Glob(filepath.Join(d.out, "state", "recordings", "0*"))
	if err != nil || len(recordings) != 1 {
		t.Fatal(recordings, err)
	}
	out := filepath.Join(d.out, level+".vmb")
	if err := d.tool(".", "vmbundle", "pack", recordings[0], out, "--level", level, "--base", filepath.Join(d.out, "appliance", "initramfs.cpio")); err != nil {
		t.Fatal(err)
	}
	return out
}

// unhashed is what monitor's commands said but for hashes of the machine: where pages
// are left out, memory has another.
func unhashed(said string) string {
	return regexp.MustCompile(`(?m)^[0-9a-f]{64}$`).ReplaceAllString(said, "")
}

// played plays demonstrations until one loses an update in a way that gdb can see, and
// returns its writes that undone finds.
func played(t *testing.T, bin, dir string) (*demo, []access) {
	t.Helper()
	const first, last = 1, 5 // the first fails in its second round, as the programs are now
	for seed := first; seed <= last; seed++ {
		d := &demo{bin: bin, out: filepath.Join(dir, fmt.Sprint(seed)), seed: fmt.Sprint(seed), limit: 600}
		d.begin()
		for _, act := range []func() error{d.prepare, d.live, d.inspect, d.who} {
			if err := act(); err != nil {
				t.Fatal(err)
			}
		}
		if writes := undone(d.accesses); writes != nil {
			return d, writes
		}
		t.Logf("seed %d: the write that lost an update, or the one that it undid, changes nothing: %v", seed, d.accesses)
	}
	t.Fatalf("with none of the seeds %d to %d do the two writes that matter change the balance: gdb's watchpoints see only what does", first, last)
	return nil, nil
}

// undone are the writes that a debugger sees on its way back, the last first, up to
// the one that lost an update and the one that this undid; nil if it does not see both.
func undone(all []access) (writes []access) {
	found := false
	for i, a := range slices.Backward(all) {
		if !a.Write {
			continue
		}
		changes, now := a.Was != a.Is, !found && lost(all[:i+1]) != 0
		if (found || now) && !changes {
			return nil
		}
		if changes {
			writes = append(writes, a)
		}
		if found {
			return writes
		}
		found = now
	}
	return nil
}

// session plays testdata/lost.gdb to gdb, from the bundle: to the n-th write from the
// end, and on.
func (d *demo) session(t *testing.T, n int) (out, said string) {
	t.Helper()
	var o, e strings.Builder
	c := d.command(".", "vmbundle", "gdb", d.bundle, "--process", "ledger", "--symbols", d.symbols(), "--source", ".",
		"--", "-nx", "-batch", "-ex", fmt.Sprintf("set $suspect = %s", d.suspect), "-ex", fmt.Sprintf("set $writes = %d", n),
		"-x", "configs/demo/drive/testdata/lost.gdb")
	c.Stdout, c.Stderr = &o, &e
	if err := c.Run(); err != nil {
		t.Fatalf("%v: %s%s", err, o.String(), e.String())
	}
	progress := regexp.MustCompile(`(?m)^[a-z ]+ \[[#.]+\] .*\n`) // where the host is slow
	return o.String(), progress.ReplaceAllString(e.String(), "")
}

// lostSays are what testdata/lost.gdb must have gdb say, in this order, of writes of
// a line.
func lostSays(writes []access, line string) []string {
	says := []string{
		`\n#\d+ +0x\w+ in main\.play \(.*\) at vmrecord/configs/demo/ledger/main\.go:\d+\n\d+\t.*recorder\.Guard\(`, // the program's own frame, and its source
		`\$1 = \d+\n`, `\$2 = \{`,
	}
	for _, a := range writes {
		says = append(says, `hit Hardware watchpoint 1: `, fmt.Sprintf("Old value = %s\nNew value = %s\n", a.Is, a.Was),
			`main\.\(\*account\)\.post \(a=0x\w+, amount=-?\d+\) at \S+/`+regexp.QuoteMeta(line)+`\n`)
	}
	return append(says,
		`hit Breakpoint 2, main\.\(\*account\)\.post \(a=0x\w+, amount=-?\d+\)`, `\na = 0x\w+\namount = -?\d+\n`, `= \{.*v = \d+\}\n`,
		`"ledger" hit Breakpoint 3, 0x\w+ in tick_do_update_jiffies64 \(\)`, `in hrtimer_interrupt \(\)`, `<signal handler called>`, `in main\.\S+ \(.*\.go:\d+\n`)
}

// lostMonitor is what monitor's commands must say there, of the write that is undone.
func lostMonitor(w access) []string {
	return []string{
		`program symbols: \S+/vendor/symbols/ledger\n`, `failure: "total is `, `last lines on the console:\n  \S.*\n`, `process \d+ ledger, thread \d+, ring 3\n`,
		fmt.Sprintf(`was last written at .*\n  by 0x\w+ <main\.\(\*account\)\.post ledger\.go:%d>, process \d+ ledger, thread %d, ring 3\n  was %s\n  is  %s\n`, w.Line, w.Thread, w.Was, w.Is),
		`read +\d+ +main\.\(\*account\)\.post ledger\.go:\d+\n`, fmt.Sprintf(`%d ledger +write %s -> %s +main\.\(\*account\)\.post ledger\.go:%d\n`, w.Thread, w.Was, w.Is, w.Line),
		` <tick_do_update_jiffies64>, process \d+ ledger`,
	}
}

// An update is lost where another thread wrote between a thread's read and write.
func TestUndone(t *testing.T) {
	r, w := func(t int) access { return access{Thread: t} }, func(t int) access { return access{Thread: t, Write: true} }
	for _, c := range []struct {
		all  []access
		want int
	}{
		{[]access{r(1), r(2), w(2), w(1)}, 2}, {[]access{r(1), w(2), w(3), w(1)}, 3}, {[]access{w(2), r(1), w(1)}, 0},
		{[]access{r(1), w(1), w(2), w(1)}, 0}, {[]access{r(1), w(2), r(1)}, 0}, {[]access{w(2), w(1)}, 0},
	} {
		if got := lost(c.all); got != c.want {
			t.Errorf("%+v: thread %d, want %d", c.all, got, c.want)
		}
	}
}

// Of a loss, both writes must be seen; writes behind it are passed by.
func TestSeen(t *testing.T) {
	r := func(t int) access { return access{Thread: t} }
	w := func(t int, was, is string) access { return access{Thread: t, Write: true, Was: was, Is: is} }
	for _, c := range []struct {
		all  []access
		want string
	}{
		{[]access{r(1), r(2), w(2, "5", "7"), w(1, "7", "6")}, "1>6 2>7 "},
		{[]access{r(1), r(2), w(2, "5", "7"), w(1, "7", "6"), r(2), w(2, "6", "9"), w(2, "9", "9")}, "2>9 1>6 2>7 "},
		{[]access{r(1), r(2), w(2, "5", "7"), w(1, "7", "7")}, ""},
		{[]access{r(1), r(2), w(2, "5", "5"), w(1, "5", "7")}, ""},
		{[]access{r(1), w(1, "5", "7"), r(2), w(2, "7", "8")}, ""},
	} {
		got := ""
		for _, a := range undone(c.all) {
			got += fmt.Sprintf("%d>%s ", a.Thread, a.Is)
		}
		if got != c.want {
			t.Errorf("%+v: %s, want %s", c.all, got, c.want)
		}
	}
}
