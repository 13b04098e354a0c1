package linuxtest

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"vmrecord/bundle"
	"vmrecord/bundle/recording"
	"vmrecord/cmd/internal/machine"
	"vmrecord/vmm"
	"vmrecord/vmm/host"
	"vmrecord/vmm/texttest"
)

// kernelSession is played to gdb: to the kernel's timer interrupt by name, and
// there back and forth.
const kernelSession = `set language c
info threads
info symbol $pc
break tick_do_update_jiffies64
continue
bt
monitor when
stepi 100
reverse-stepi 100
monitor when
delete
watch *(long *)&jiffies_64
continue
monitor when
continue
reverse-continue
reverse-continue
monitor when
monitor why jiffies_64
stepi
monitor why jiffies_64
monitor sym tick_do_update_jiffies64
monitor ps
delete
break main.main
reverse-continue
monitor when
`

// kernelFacts are what gdb must say, in this order.
var kernelFacts = []string{
	`\* 1 +Thread \d+ "init" \(running, `, `Thread 2 "kthreadd" \(sleeps\) +0x\w+ in __schedule`, `"sleeper" \(sleeps, of process \d+\)`,
	`\w\.\w+ \+ \d+ in section \.text of `,
	`Thread \d+ "init" hit Breakpoint 1, 0x\w+ in tick_do_update_jiffies64 \(\)`, `#0 +0x\w+ in tick_do_update_jiffies64 \(\)`, `#1 +0x\w+ in tick_\w+ \(\)`,
	`in hrtimer_interrupt \(\)`, `in sysvec_apic_timer_interrupt \(\)`, `<signal handler called>`, `#\d+ +(0x\w+ in )?\w+\.\w+ \(.*\.go:\d+\n`,
	`Hardware watchpoint 2: \*\(long \*\)&jiffies_64`,
	`Old value = (\d+)\nNew value = (\d+)\n0x\w+ in tick_do_update_jiffies64 \(\)`, `Old value = (\d+)\nNew value = (\d+)\n`, // forwards
	`Old value = (\d+)\nNew value = (\d+)\n`, `Old value = (\d+)\nNew value = (\d+)\n`, // and back
	`No more reverse-execution history`,
}

// monitorSays are what monitor's commands must say, in this order.
var monitorSays = []string{
	`kernel symbols: the kernel's own list`, `program symbols: \S+/init\n`, `process \d+ init(, thread \d+)?, ring \d\n`,
	`at 0x\w+ <tick_do_update_jiffies64>, process \d+ init(, thread \d+)?, ring 0\n`,
	`No instruction between the recording's start and here writes to `,
	`was last written at .*\n +by 0x\w+ <tick_do_update_jiffies64\+0x\w+>, process \d+ init(, thread \d+)?, ring 0\n +was .*\n +is `,
	`0x\w+ tick_do_update_jiffies64\n`, `\* +1 +0 +running +/init\n`, `\d+ +1 +sleeps +sleeper a b  --c\n`,
}

// debugged debugs a running Linux with gdb, from its bundle alone, and twice the
// same; and the same from thin bundles with the kernel's image as base.
func debugged(t *testing.T, ready *guest, kernel []byte) {
	dir := t.TempDir()
	file, vmbundle, symbols := filepath.Join(dir, "linux.vmb"), buildVMBundle(t, dir), filepath.Join(dir, "symbols")
	recorded := computing(t, ready.fork(t), file)
	init, err := program("amd64", "./testdata/tasks")
	if err != nil {
		t.Fatal(err)
	}
	image := filepath.Join(dir, "vmlinuz")
	if err := errors.Join(os.WriteFile(image, kernel, 0o600), os.Mkdir(symbols, 0o700), os.WriteFile(filepath.Join(symbols, "init"), init, 0o600)); err != nil {
		t.Fatal(err)
	}
	first := gdb(t, vmbundle, file, kernelSession, "--symbols", symbols, "--process", "init")
	if got := gdb(t, vmbundle, file, kernelSession, "--symbols", symbols, "--process", "init"); got != first {
		t.Errorf("the second time: %s\nthe first: %s", got, first)
	}
	for _, level := range []string{"L2", "L1"} {
		thin := filepath.Join(dir, level+".vmb")
		out, err := onBundle(t, vmbundle, file, "pack", recorded, thin, "--level", level, "--base", image).CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v: %s", level, err, out)
		}
		if got := gdb(t, vmbundle, thin, kernelSession, "--symbols", symbols, "--process", "init"); got != first {
			t.Errorf("on level %s: %s\nthe first: %s", level, got, first)
		}
	}
	texttest.InOrder(t, first[0], kernelFacts)
	texttest.InOrder(t, first[1], monitorSays)
	values := regexp.MustCompile(`Old value = (\d+)\nNew value = (\d+)\n`).FindAllStringSubmatch(first[0], -1)
	if len(values) < 4 || values[0][1] != values[3][2] || values[1][1] != values[2][2] || values[0][2] != values[1][1] {
		t.Errorf("back and forth, values are not the same: %q", values)
	}
	when := regexp.MustCompile(`(?m)^\d+\+\d+ \([\d.]+ s\) of`).FindAllString(first[1], -1)
	if len(when) < 6 || when[1] != when[2] || when[1] == when[3] {
		t.Errorf("100 steps and 100 back lead from %q", when)
	}
	debuggedByAnother(t, vmbundle, file)
}

// onBundle is a command of the vendor's program, which keeps all it keeps beside
// the bundle: the second command has the first one's checkpoints.
func onBundle(t *testing.T, vmbundle, file string, args ...string) *exec.Cmd {
	c := exec.CommandContext(t.Context(), vmbundle, args...)
	dir := filepath.Dir(file)
	c.Env = append(os.Environ(), "VMRECORD_CACHE="+filepath.Join(dir, "cache"), "VMRECORD_STATE="+filepath.Join(dir, "state"),
		"VMRECORD_BASES="+filepath.Join(dir, "bases"), "VMRECORD_KEYS=")
	return c
}

// buildVMBundle puts the vendor's program into dir.
func buildVMBundle(t *testing.T, dir string) string {
	t.Helper()
	b, err := program(runtime.GOARCH, "vmrecord/cmd/vmbundle")
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, "vmbundle")
	if err := os.WriteFile(name, b, 0o700); err != nil {
		t.Fatal(err)
	}
	return name
}

// gdb has gdb obey lines on a bundle, and returns what it and monitor said.
func gdb(t *testing.T, vmbundle, file, lines string, flags ...string) [2]string {
	t.Helper()
	script := filepath.Join(t.TempDir(), "session.gdb")
	if err := os.WriteFile(script, []byte(lines), 0o600); err != nil {
		t.Fatal(err)
	}
	var out, errs strings.Builder
	c := onBundle(t, vmbundle, file, append(append([]string{"gdb", file}, flags...), "--", "-nx", "-batch", "-x", script)...)
	c.Stdout, c.Stderr = &out, &errs
	if err := c.Run(); err != nil {
		t.Fatalf("%v: %s%s", err, out.String(), errs.String())
	}
	return [2]string{out.String(), errs.String()}
}

// computing records process 1 at work, packs the bundle, and returns the recording's
// folder.
func computing(t *testing.T, g *guest, name string) string {
	g.connect(host.Virtual)
	shelf, err := recording.OpenShelf(t.TempDir(), recording.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	defer shelf.Close()
	r, err := shelf.Start(g.Machine, recording.Options{Period: 1 << 22, Seed: seed,
		Meta: recording.Meta{Machine: spec.Text(), Console: machine.ConsoleOut}})
	if err != nil {
		t.Fatal(err)
	}
	g.OnOutput(machine.ConsoleOut, r.Console)
	for end := g.Now() + 20*piece; g.Now() < end; r.Slice() {
		if e := g.Run(min(end, g.Now()+piece)); e == vmm.Beat {
			r.Beat()
		} else if e != vmm.Reached {
			t.Fatalf("exit %d at %s: %v", e, g.Position(), g.Err())
		}
	}
	sum, err := r.Stop(true, "the test has what it wants")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bundle.Pack(shelf.Dir(sum.Name), name, bundle.PackOptions{}); err != nil {
		t.Fatal(err)
	}
	return shelf.Dir(sum.Name)
}
