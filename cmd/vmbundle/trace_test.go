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
		{"", 2, "required flag"},
		{"--what all", 2, "want one of insn, block, call, syscall, irq, io, sched"},
		{"--what irq --regs", 2, "--what insn only"},
		{"--what irq --mem", 2, "--mem goes with --what insn only"},
		{"--what sched --module vmlinux", 2, "--module does not go with"},
		{"--what sched", 3, "no Linux"},
		{"--what irq --format xml", 2, "text, ndjson, perfetto"},
		{"--what irq --from 50% --to 10%", 2, "is behind"},
		{"--what irq --from @nowhere", 2, "no such mark"},
		{"--what irq -o " + file, 1, "--force"},
		{"--what syscall", 3, "no Linux"},
	} {
		vmbundle(t, "", strings.Fields("trace "+m.file+" "+c.args)...).want(t, c.status, c.says)
	}
	vmbundle(t, "", "trace", "none.vmb", "--what", "irq").want(t, 3)
}
