package main

import (
	"bufio"
	"io"
	"net"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"vmrecord/cmd/internal/exit"
	"vmrecord/vmm/texttest"
)

// A debugged run waits for gdb.
type debugged struct {
	s      *sandbox
	run    *exec.Cmd
	keys   io.WriteCloser
	lines  *bufio.Reader
	remote string // the command that connects to it
}

// debug runs the guest that obeys keys with --gdb.
func (s *sandbox) debug(flags ...string) *debugged {
	s.t.Helper()
	d := &debugged{s: s, run: s.command(append([]string{"vmappliance", "run", "--gdb=127.0.0.1:0", "--kernel", "keys-guest", "--memory", "4M"}, flags...)...)}
	said, err := d.run.StderrPipe()
	if err == nil {
		d.keys, err = d.run.StdinPipe()
	}
	if err == nil {
		err = d.run.Start()
	}
	if err != nil {
		s.t.Fatal(err)
	}
	d.lines = bufio.NewReader(said)
	all := ""
	for told := regexp.MustCompile(`gdb -ex '(target remote \S+)'`); d.remote == ""; {
		l, err := d.lines.ReadString('\n')
		if all += l; err != nil {
			s.t.Fatalf("%v: %s", err, all)
		}
		if m := told.FindStringSubmatch(l); m != nil {
			d.remote = m[1]
		}
	}
	return d
}

// gdb has gdb connect and obey commands; one that fails does not end it.
func (d *debugged) gdb(commands ...string) result {
	d.s.t.Helper()
	args := []string{"gdb", "-nx", "-batch", "-ex", d.remote}
	for _, x := range commands {
		args = append(args, "-ex", x)
	}
	return d.s.run(args...)
}

// interrupted has the guest go on, and stops it by ^C: as gdb does it.
func (d *debugged) interrupted() {
	d.s.t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(d.remote, "target remote "))
	if err != nil {
		d.s.t.Fatal(err)
	}
	defer c.Close()
	said, b := "", make([]byte, 4096)
	for _, send := range []string{"$vCont;c#a8\x03", "$D#44"} {
		if _, err := io.WriteString(c, send); err != nil {
			d.s.t.Fatal(err)
		}
		for ended := regexp.MustCompile(`\$(T02.*|OK)#..$`); !ended.MatchString(said); {
			n, err := c.Read(b)
			if said += string(b[:n]); err != nil {
				d.s.t.Fatalf("%v: %s", err, said)
			}
		}
		said = ""
	}
}

// end waits for the run.
func (d *debugged) end() (status int, said string) {
	d.s.t.Helper()
	b, err := io.ReadAll(d.lines)
	if err != nil {
		d.s.t.Fatal(err)
	}
	_ = d.run.Wait() // the status says it
	return d.run.ProcessState.ExitCode(), string(b)
}

// A live machine is debugged while it is recorded: the recording ends in the state
// in which it ends without gdb, and replays.
func TestLiveGDB(t *testing.T) {
	s := newSandbox(t)
	s.write("keys", []byte("5ms \"a\"\n+2ms \"b\"\n+2ms \"q\"\n"))
	flags := func(dir string) []string {
		return []string{"--serial", "none", "--seed", "7", "--keys", "keys", "--recordings", dir, "--record-from-start", "all"}
	}
	d := s.debug(flags("looked")...)
	g := d.gdb("monitor when", "stepi 1000", "monitor when", "set $there = $pc", "set $rax = 1", "set *(int*)0x1ed000 = 1",
		"break *$there", "continue", "printf \"at it: %d\\n\", $pc == $there", "delete",
		"watch *(long*)0x18cfc8", "continue", "continue", "stepi", "delete", "reverse-stepi", "monitor ps", "monitor bogus", "info threads", "monitor when", "continue", "x/i $pc")
	texttest.InOrder(t, g.out, []string{`in \?\? \(\)\n`, `hit Breakpoint 1|Breakpoint 1, 0x`, `at it: 1\n`, `Hardware watchpoint 2: `, `Old value = (-?\d+)\nNew value = (-?\d+)\n`, `Old value = `,
		`Thread 4194305 "cpu" \(ring 0\)`, `=> 0x`})
	texttest.InOrder(t, g.errors, []string{`(?m)^0\+1, at 0x100200, ring 0$`, `(?m)^1\d\d\d\+1, at 0x\w+, ring 0$`, `Could not write register "rax".*would not replay`,
		`Cannot access memory at address 0x1ed000`, `a live machine does not go back; .* vmbundle gdb`, `no Linux is to be seen`,
		`"bogus" is no command of a live machine; see: monitor help`, `(?m)^\d{4,}\+\d, at 0x\w+, ring \d$`, `the machine has ended: power-off`})
	if status, said := d.end(); status != 0 {
		t.Errorf("status %d: %s", status, said)
	}
	s.want(0, append([]string{"vmappliance", "run", "--kernel", "keys-guest", "--memory", "4M"}, flags("plain")...))
	ends := map[string]string{}
	for _, dir := range []string{"looked", "plain"} {
		s.want(0, []string{"vmbundle", "pack", dir + "/000001", dir + ".vmb"})
		s.want(0, []string{"vmbundle", "verify", dir + ".vmb"}, "identical: ")
		ends[dir] = regexp.MustCompile(`(?m)^end .*$`).FindString(s.want(0, []string{"vmbundle", "inspect", dir + ".vmb"}, "3 keys").out)
	}
	if ends["looked"] != ends["plain"] || ends["plain"] == "" {
		t.Errorf("the recordings end differently: %q", ends)
	}
}

// Debuggers come and go while the guest runs, or sleeps, in real time; keys reach
// it, and whoever ends the run does not wait for gdb.
func TestLiveComeAndGo(t *testing.T) {
	s := newSandbox(t)
	d := s.debug("--recordings", "recs", "--record-from-start", "all")
	for range 3 {
		g := d.gdb("stepi", "monitor when", "detach")
		texttest.InOrder(t, g.errors, []string{`(?m)^\d+\+\d+, at 0x\w+, ring \d$`})
	}
	d.interrupted()
	if _, err := io.WriteString(d.keys, "abq"); err != nil {
		t.Fatal(err)
	}
	if status, said := d.end(); status != 0 {
		t.Errorf("status %d: %s", status, said)
	}
	s.want(0, []string{"vmbundle", "pack", "recs/000001", "a.vmb"})
	s.want(0, []string{"vmbundle", "verify", "a.vmb"}, "identical: ")

	d = s.debug()
	if err := d.run.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if status, said := d.end(); status != int(exit.Interrupted) {
		t.Errorf("status %d: %s", status, said)
	}
	s.want(int(exit.Usage), []string{"vmappliance", "run", "--gdb=0.0.0.0:1", "--kernel", "keys-guest"}, "loopback")
}
