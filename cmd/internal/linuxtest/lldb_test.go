package linuxtest

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"vmrecord/vmm/texttest"
)

// lldbSession is played to LLDB: to the kernel's timer interrupt by name.
const lldbSession = `breakpoint set -n tick_do_update_jiffies64
continue
thread backtrace
stepi
register read rip rflags cr3
monitor when
detach
`

var lldbFacts = []string{
	`\* thread #\d+, name = 'init', stop reason = breakpoint 1.1\n +frame #0: 0x\w+ kernel.elf` + "`tick_do_update_jiffies64\n",
	`frame #0: 0x\w+ kernel.elf` + "`tick_do_update_jiffies64\n", "`hrtimer_interrupt ", "`sysvec_apic_timer_interrupt ", `frame #\d+: 0x0000000000\w+\n`,
	`stop reason = instruction step into\n +frame #0: 0x\w+ kernel.elf` + "`tick_do_update_jiffies64 \\+ \\d+\n",
	` rip = 0x\w+ +kernel.elf` + "`tick_do_update_jiffies64", `eflags = 0x\w+\n +cr3 = 0x\w+\n`, `process \d+ init.*, ring 0\n`, `detached\n`,
}

// lldb starts LLDB as vmbundle says that it can be, and has it obey lines.
func lldb(t *testing.T, vmbundle, file, lines string, flags ...string) string {
	t.Helper()
	script := filepath.Join(t.TempDir(), "session.lldb")
	if err := os.WriteFile(script, []byte(lines), 0o600); err != nil {
		t.Fatal(err)
	}
	stub := onBundle(t, vmbundle, file, append([]string{"gdb", file, "--stub-only"}, flags...)...)
	says, err := stub.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := stub.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = stub.Process.Signal(os.Interrupt), stub.Wait() }()
	command := ""
	for s := bufio.NewScanner(says); command == "" && s.Scan(); {
		command = regexp.MustCompile(`^ +lldb -s \S+$`).FindString(s.Text())
	}
	// LLDB says on its standard error that a module of Python's is not there.
	c := exec.CommandContext(t.Context(), "sh", "-c", command+" -x -b -s "+script+" 2>/dev/null")
	c.Env = append(os.Environ(), "HOME="+t.TempDir(), "TERM=dumb")
	out, err := c.Output()
	if err != nil {
		t.Fatalf("%s: %v: %s; to have it: apt install lldb", command, err, out)
	}
	return regexp.MustCompile(`127\.0\.0\.1:\d+|/\S*/`).ReplaceAllString(string(out), "")
}

// debuggedByAnother is debugged, with LLDB.
func debuggedByAnother(t *testing.T, vmbundle, file string) {
	first := lldb(t, vmbundle, file, lldbSession)
	texttest.InOrder(t, first, lldbFacts)
	if again := lldb(t, vmbundle, file, lldbSession); again != first {
		t.Errorf("the second time: %s\nthe first: %s", again, first)
	}
}
