package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A window's trace is the same file each time, on both engines; without one it
// ends at the failure.
func TestTrace(t *testing.T) {
	m := newMade(t)
	file := filepath.Join(t.TempDir(), "out")
	var first string
	for i, a := range []string{"-o -", "--output " + file, "--engine interp"} {
		r := vmbundle(t, "", strings.Fields("trace "+m.file+" --what insn --regs --from @middle --to 32010000 "+a)...)
		r.want(t, 0)
		if strings.HasPrefix(a, "--output") {
			b, err := os.ReadFile(file)
			ok(t, err)
			r.out = string(b)
		}
		if i == 0 {
			first = r.out
		}
		if r.out != first || strings.Count(first, "\n") < 1000 {
			t.Errorf("%s: %d bytes, the first had %d", a, len(r.out), len(first))
		}
	}
	vmbundle(t, "", "trace", m.file, "--what", "io").want(t, 0, "out 0x03f8")
	for _, c := range []struct {
		args   string
		status int
		says   string
	}{
		{"--what", 2, "needs an argument"},
		{"", 2, "needs --what"},
		{"--what all", 2, "want one of insn, block, call, syscall, irq, io, sched"},
		{"--what irq --regs", 2, "--what insn only"},
		{"--what irq --mem", 2, "--mem goes with --what insn only"},
		{"--what sched --module vmlinux", 2, "--module does not go with"},
		{"--what sched", 3, "no Linux"},
		{"--what irq --format xml", 2, "text, ndjson, perfetto"},
		{"--what sycall", 2, "did you mean syscall?"},
		{"--what irq --force -o /dev/null", 1, "is no file"},
		{"--what irq --from 50% --to 10%", 2, "is behind"},
		{"--what irq --from @nowhere", 2, "no such mark"},
		{"--what irq -o " + file, 1, "--force"},
		{"--what syscall", 3, "no Linux"},
	} {
		vmbundle(t, "", strings.Fields("trace "+m.file+" "+c.args)...).want(t, c.status, c.says)
	}
	vmbundle(t, "", "trace", "none.vmb", "--what", "irq").want(t, 3)
}

// Two windows' traces are compared line by line; instants only where they are
// asked for.
func TestTraceDiff(t *testing.T) {
	m, dir := newMade(t), t.TempDir()
	file := func(name string) string { return filepath.Join(dir, name) }
	for name, args := range map[string]string{"one": "--from 100000 --to 100500", "same": "--from 100000 --to 100500 --engine interp", "longer": "--from 100000 --to 100600",
		"regs": "--from 100000 --to 100500 --regs"} {
		vmbundle(t, "", strings.Fields("trace "+m.file+" --what insn -o "+file(name)+" "+args)...).want(t, 0)
	}
	b, err := os.ReadFile(file("one"))
	ok(t, err)
	ok(t, os.WriteFile(file("shifted"), []byte(strings.ReplaceAll(string(b), "\n10", "\n20")), 0o600))
	for _, c := range []struct {
		args   string
		status int
		says   string
	}{
		{"one same", 0, "the same: 500 lines"},
		{"--json one same", 0, `"equal":true`},
		{"one longer", 7, "they differ from line 501 on\n  100495 "},
		{"-C 1 one longer", 7, "they differ from line 501 on\n  100499 "},
		{"one shifted", 7, "they differ from line 2 on\n  100000 "},
		{"--no-instants one shifted", 0, "the same"},
		{"--json one shifted", 7, `"line":2`},
		{"one regs", 7, "  ; "},
		{"one none", 3, "there is no such file"},
		{"one", 2, "2"},
		{"--context -1 one same", 2, "--context"},
	} {
		var args []string
		for _, a := range strings.Fields("trace diff " + c.args) {
			switch a {
			case "one", "same", "longer", "regs", "shifted", "none":
				a = file(a)
			}
			args = append(args, a)
		}
		r := vmbundle(t, "", args...)
		if r.status != c.status || !strings.Contains(strings.ReplaceAll(r.out+r.errors, `": `, `":`), c.says) {
			t.Errorf("%s: status %d, want %d and %q, in\n%s%s", c.args, r.status, c.status, c.says, r.out, r.errors)
		}
	}
}
