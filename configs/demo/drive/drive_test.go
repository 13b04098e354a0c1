package main

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// lostSays are what testdata/lost.gdb must have gdb say, in this order.
var lostSays = []string{
	`\n#\d+ +0x\w+ in main\.play \(.*\) at vmrecord/configs/demo/ledger/main\.go:\d+\n\d+\t.*recorder\.Guard\(`, // the program's own frame, and its source
	`\$1 = \d+\n`, `\$2 = \{`,
	`hit Hardware watchpoint 1: `, `Old value = (\d+)\nNew value = (\d+)\n`, `main\.\(\*account\)\.post \(a=0x\w+, amount=-?\d+\) at \S+/ledger\.go:\d+\n`,
	`hit Hardware watchpoint 1: `, `Old value = (\d+)\nNew value = (\d+)\n`, `main\.\(\*account\)\.post \(a=0x\w+, amount=-?\d+\) at \S+/ledger\.go:\d+\n`,
	`hit Breakpoint 2, main\.\(\*account\)\.post \(a=0x\w+, amount=-?\d+\)`, `\na = 0x\w+\namount = -?\d+\n`, `= \{.*v = \d+\}\n`,
	`"ledger" hit Breakpoint 3, 0x\w+ in tick_do_update_jiffies64 \(\)`, `in hrtimer_interrupt \(\)`, `<signal handler called>`, `in main\.\S+ \(.*\.go:\d+\n`,
}

// lostMonitor is what monitor's commands must say there.
var lostMonitor = []string{
	`program symbols: \S+/vendor/symbols/ledger\n`, `failure: "total is `, `last lines on the console:\n`, `ledger: total is `, `process \d+ ledger, thread \d+, ring 3\n`,
	`was last written at .*\n  by 0x\w+ <main\.\(\*account\)\.post ledger\.go:\d+>, process \d+ ledger, thread \d+, ring 3\n  was \d+\n  is  \d+\n`,
	`read +\d+ +main\.\(\*account\)\.post ledger\.go:\d+\n`, `write \d+ -> \d+ +main\.\(\*account\)\.post ledger\.go:\d+\n`,
	` <tick_do_update_jiffies64>, process \d+ ledger`,
}

// The demonstration loses an update; who? names the line, and gdb stops at it.
// A session says the same twice.
func TestLost(t *testing.T) {
	if testing.Short() {
		t.Skip("boots a kernel")
	}
	t.Chdir("../../..")
	dir := t.TempDir()
	d := &demo{bin: filepath.Join(dir, "bin"), out: filepath.Join(dir, "out"), seed: "2", limit: 600}
	for _, name := range []string{"vmappliance", "vmbundle"} {
		if out, err := exec.Command("go", "build", "-o", d.bin+"/", "./cmd/"+name).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	d.begin()
	for _, act := range []func() error{d.prepare, d.live, d.inspect, d.who} {
		if err := act(); err != nil {
			t.Fatal(err)
		}
	}
	if !strings.HasPrefix(d.sum.Culprit, "main.(*account).post ledger.go:") {
		t.Fatalf("who? names %q", d.sum.Culprit)
	}
	out, said := d.lost(t)
	inOrder(t, out, lostSays)
	inOrder(t, said, lostMonitor)
	values := regexp.MustCompile(`Old value = (\d+)\nNew value = (\d+)\n`).FindAllStringSubmatch(out, -1)
	if len(values) != 2 || values[0][2] != values[1][1] {
		t.Errorf("backwards, the values are %q", values)
	}
	_, line, _ := strings.Cut(d.sum.Culprit, " ")
	if !strings.Contains(out, "/"+line+"\n") {
		t.Errorf("gdb does not stop at %s: %s", line, out)
	}
	hash := regexp.MustCompile(`(?m)^[0-9a-f]{64}$`).FindAllString(said, -1)
	if len(hash) != 3 || hash[0] != hash[2] || hash[0] == hash[1] {
		t.Errorf("100 steps back and forward lead from %q", hash)
	}
	if again, also := d.lost(t); again != out || also != said {
		t.Errorf("the second time: %s%s\nthe first: %s%s", again, also, out, said)
	}
}

// lost plays testdata/lost.gdb to gdb, from the bundle.
func (d *demo) lost(t *testing.T) (out, said string) {
	var o, e strings.Builder
	c := d.command(".", "vmbundle", "gdb", d.bundle, "--process", "ledger", "--symbols", d.symbols(), "--source", ".",
		"--", "-nx", "-batch", "-ex", "set $suspect = "+d.suspect, "-x", "configs/demo/drive/testdata/lost.gdb")
	c.Stdout, c.Stderr = &o, &e
	if err := c.Run(); err != nil {
		t.Fatalf("%v: %s%s", err, o.String(), e.String())
	}
	return o.String(), e.String()
}

// inOrder holds a text against regular expressions.
func inOrder(t *testing.T, text string, want []string) {
	t.Helper()
	rest := text
	for _, w := range want {
		at := regexp.MustCompile(w).FindStringIndex(rest)
		if at == nil {
			t.Errorf("%s is not there, or too early, in\n%s", w, text)
			continue
		}
		rest = rest[at[1]:]
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
