package main

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"vmrecord/cmd/internal/exit"
)

// gdbOn runs gdb on a bundle with a script, and with nothing of the user's own.
func gdbOn(t testing.TB, file, lines string, flags ...string) result {
	name := filepath.Join(filepath.Dir(file), "test.gdb")
	ok(t, os.WriteFile(name, []byte(lines), 0o600))
	args := append(append([]string{"gdb", file}, flags...), "--", "-nx", "-batch", "-x", name)
	return vmbundle(t, "", args...)
}

// gdb goes through a recording both ways: at its failure first, and twice the
// same.
func TestGDB(t *testing.T) {
	r := newMade(t)
	const session = `info threads
monitor when
stepi
reverse-stepi
monitor events
monitor mark here
goto @middle
when
goto @here
watch -l *(long*)$rsp
reverse-continue
when
stepi
continue
when
monitor why 0x18cfc8
monitor who 0x18cfc8 3
monitor trace irq start 1000
monitor trace insn
monitor when
monitor hash
delete
continue
reverse-continue
monitor process nobody
monitor process all
monitor golive
monitor bogus
echo not reached\n
`
	first := gdbOn(t, r.file, session)
	first.want(t, 1, `failure: "late", at 48000000+2`, "last lines on the console:\n  bare: polled", `Thread 4194305 "cpu" (ring 0)`,
		"48000000+2 (0.012000 s) of 0.0", `input com1/rx "y"`, "you are here", `fail "late"`, "@here is ",
		"\n32000000+2 (0.008000 s) of ", "Hardware watchpoint 1: -location *(long*)$rsp", "was last written at ", "THREAD PROCESS          ACCESS", " - sysret\n", "No more reverse-execution history",
		"recording ends here: power-off", `wait for "nobody" alone`, "vmbundle golive "+r.file+" --at 0+0", `no command "bogus"; see: monitor help`)
	if strings.Contains(first.out, "not reached") {
		t.Errorf("a script goes on behind a command that failed: %s", first)
	}
	if again := gdbOn(t, r.file, session); again != first {
		t.Errorf("another time: %s\nwas: %s", again, first)
	}
	gdbOn(t, r.file, "x/i $pc\n", "--at", "start").want(t, 0, "0+0 (0.000000 s) of")
	gdbOn(t, r.file, "stepi 1000\nmonitor when\n", "--at", "12ms", "--engine", "interp").want(t, 0, "of 0.01")
	gdbOn(t, r.file, "break *0x1234\ncontinue\n", "--process", "ledger").want(t, 0, `no process "ledger" is here`)
	gdbOn(t, r.file, "", "--at", "99s").want(t, int(exit.Usage), "instants long")
	gdbOn(t, r.file, "", "--symbols", "/nowhere/to/be/found").want(t, int(exit.NotFound), "no such file")
	vmbundle(t, "", "gdb", "no-such.vmb").want(t, int(exit.NotFound), "no such file")
	vmbundle(t, "", "gdb", "R-ABCD-EFGH").want(t, int(exit.NotFound), "inbox list")
	vmbundle(t, "", "ps", r.file).want(t, int(exit.NotFound), "no Linux is to be seen")
	vmbundle(t, "", "gdb", r.file, "--listen", "0.0.0.0:1").want(t, int(exit.Usage), "vmbundle: --listen 0.0.0.0:1: whoever connects")
	command(t, "", []string{"PATH=/nowhere"}, path(t, "vmbundle"), "gdb", r.file).want(t, int(exit.NotFound), "apt install gdb", "--listen")
}

func path(t testing.TB, name string) string {
	p, err := exec.LookPath(name)
	ok(t, err)
	return p
}

// who lists accesses with the last at the end, as many as wanted, and comes to
// the same twice.
func TestWho(t *testing.T) {
	r := newMade(t)
	var doc whoDocument
	for _, n := range []int{4, 2} {
		said := vmbundle(t, "", "who", r.file, "0x18cfc8", "-n", fmt.Sprint(n), "--json").want(t, 0)
		last := doc
		doc = whoDocument{}
		ok(t, json.Unmarshal([]byte(said.out), &doc))
		if len(doc.Accesses) != n || doc.Schema != "vmbundle.who/1" || doc.All || len(last.Accesses) > n && !slices.Equal(last.Accesses[len(last.Accesses)-n:], doc.Accesses) {
			t.Errorf("the last %d: %+v, after %+v", n, doc, last)
		}
	}
	a := doc.Accesses
	if p, q := a[0].Position, a[1].Position; p.At >= q.At || a[0].Seconds < a[1].Seconds || a[0].Is != a[1].Was {
		t.Errorf("out of order: %+v", a)
	}
	vmbundle(t, "", "who", r.file, "0x18cfc8", "-n", "2").want(t, 0, "      BEFORE   THREAD PROCESS", fmt.Sprintf("%#x\n", a[1].RIP))
	vmbundle(t, "", "who", r.file, "0x18cfc8", "--at", "start").want(t, 0, "before these 0, none since the recording's start")
	vmbundle(t, "", "who", r.file, "jiffies").want(t, int(exit.NotFound), "is no number", "no Linux is to be seen")
	vmbundle(t, "", "who", r.file, "0x18cfc8", "--process", "ledger").want(t, int(exit.NotFound), "no Linux")
	vmbundle(t, "", "who", r.file, "1", "--symbols", "/nowhere").want(t, int(exit.NotFound), "no such file")
	vmbundle(t, "", "who", r.file, "1", "-n", "0").want(t, int(exit.Usage), "list 1 to 1000")
}

// Without a gdb of its own, the stub serves one after another, and ends when it
// is interrupted.
func TestStub(t *testing.T) {
	r := newMade(t)
	c := exec.CommandContext(t.Context(), path(t, "vmbundle"), "gdb", r.file, "--stub-only")
	out, err := c.StderrPipe()
	ok(t, err)
	ok(t, c.Start())
	said, buf := "", make([]byte, 4096)
	told := regexp.MustCompile(`gdb -x (\S+) -ex 'target remote (\S+)' -x (\S+)\n`)
	for told.FindString(said) == "" {
		n, err := out.Read(buf)
		if said += string(buf[:n]); err != nil {
			t.Fatalf("%v: %s", err, said)
		}
	}
	m := told.FindStringSubmatch(said)
	for range 2 {
		g := command(t, "", nil, "gdb", "-nx", "-batch", "-x", m[1], "-ex", "target remote "+m[2], "-x", m[3], "-ex", "when", "-ex", "stepi")
		g.want(t, 0, "\n#0  0x", " s) of 0.01")
	}
	command(t, "", nil, "lldb", "-x", "-b", "-s", filepath.Join(filepath.Dir(m[1]), "start.lldb"), "-o", "stepi", "-o", "monitor when", "-o", "detach").want(t, 0,
		"instruction step into", " s) of 0.01", "detached")
	if c, err := net.Dial("tcp", m[2]); err != nil {
		t.Error(err)
	} else {
		c.Close() // one that goes away without a word
	}
	ok(t, c.Process.Signal(os.Interrupt))
	ok(t, c.Wait())
}
