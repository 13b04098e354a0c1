package linuxtest

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"vmrecord/bundle"
	"vmrecord/bundle/recording"
	"vmrecord/cmd/internal/machine"
	"vmrecord/configs/guestkernel"
	"vmrecord/vmm"
	"vmrecord/vmm/host"
	"vmrecord/vmm/texttest"
)

// breakIn is what somebody types, each line where the guest has printed what stands
// before it, and what is printed last.
var breakIn = []string{
	"login: ", "root",
	"Password: ", "secret",
	"# ", "echo eve::0:0::/:/bin/sh >>/etc/passwd",
	"# ", "base64 /etc/plan >/dev/ttyS0",
	"# ", "echo 'while :; do sleep 60; done' >/tmp/.x",
	"# ", "sh /tmp/.x &",
	"# ", "ls -l /etc",
	"plan\r\n",
}

// breakInCalls are the system calls that tell of it, in this order.
var breakInCalls = []string{
	`getty/\d+ execve\("/bin/login", \["/bin/login", "--", "root"\]`,
	entering,
	`login/\d+ execve\("/bin/sh", \["-sh"\]`,
	`sh/\d+ openat\(AT_FDCWD, "/etc/passwd", O_WRONLY\|O_CREAT\|O_APPEND, 0666\) = 3`, `sh/\d+ write\(1, "eve::0:0::/:/bin/sh\\n", 20\) = 20`,
	`sh/\d+ openat\(AT_FDCWD, "/dev/ttyS0", O_WRONLY`, `execve\("\S+", \["base64", "/etc/plan"\]`,
	`base64/\d+ openat\(AT_FDCWD, "/etc/plan", O_RDONLY`, sending,
	`sh/\d+ openat\(AT_FDCWD, "/tmp/.x", O_WRONLY`, `sh/\d+ write\(1, "while :; do sleep 60; done\\n", 27\) = 27`,
	`sh/\d+ execve\("/\S+", \["sh", "/tmp/.x"\]`,
}

// In entering the guest says who came, in sending the plan leaves it.
const (
	entering = `login/\d+ write\(3, "login\[\d+\]: root login on 'ttyS0'`
	sending  = `base64/\d+ write\(1, "` + sent + `\\n", 29\) = 29`
	sent     = "V2UgYXR0YWNrIGF0IGRhd24uCg=="
)

// TestBreakIn has somebody log in at a recorded machine, alter a file, send another
// out of the serial line and leave a program behind; what was done, and when, is
// then found with the bundle alone.
func TestBreakIn(t *testing.T) {
	if testing.Short() {
		t.Skip("boots a kernel for real")
	}
	files := []string{"bin/busybox=/bin/busybox"}
	for _, name := range []string{"init", "etc/passwd", "etc/plan"} {
		path, err := filepath.Abs(filepath.Join("testdata/breakin", name))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, name+"="+path)
	}
	f, err := bootFiles(guestkernel.Cloud, "amd64", files...)
	if err != nil {
		t.Fatalf("%v; if it is busybox that is missing: apt install busybox-static", err)
	}
	dir := t.TempDir()
	file, vmbundle := filepath.Join(dir, "breakin.vmb"), buildVMBundle(t, dir)
	f.boot(t, quick).typed(t, breakIn, file)
	run := func(args ...string) string {
		t.Helper()
		out, err := onBundle(t, vmbundle, file, args...).Output()
		if err != nil {
			t.Fatalf("%q: %v", args, err)
		}
		return string(out)
	}

	texttest.InOrder(t, run("ps", file, "--at", "end"), []string{`/bin/login -- root\n`, `-sh\n`, `sh /tmp/.x\n`, `sleep 60\n`})
	calls := run("trace", file, "--what", "syscall", "--from", "start", "--to", "end")
	texttest.InOrder(t, calls, breakInCalls)
	came, left := instant(t, calls, entering), instant(t, calls, sending)
	said := gdb(t, vmbundle, file, "monitor goto "+came+"\nmonitor events 9\nmonitor goto "+left+"\nmonitor ps\nmonitor console\nmonitor goto end\nmonitor console 30\n")
	texttest.InOrder(t, said[1], []string{
		`\n` + came + `\+\d+ .*process \d+ login`, `\d+\+\d+ \(.*\) +input com1/rx "s"`, `"e"`, `"c"`, `"r"`, `"e"`, `"t"`, `"\\r"`, `you are here`,
		`\n` + left + `\+\d+ .*process \d+ base64`, `-sh\n`, `\* .* running +base64 /etc/plan\n`, `login\[\d+\]: root login on 'ttyS0'\n`,
		`base64 /etc/plan >/dev/ttyS0\n\d+\+\d+ `, // the last on the console there: the plan follows
		`echo eve::0:0::/:/bin/sh >>/etc/passwd\n`, `base64 /etc/plan >/dev/ttyS0\n` + sent + `\n`, `sh /tmp/.x &\n`,
	})
}

// instant is when the call was made that a line tells of.
func instant(t *testing.T, calls, line string) string {
	t.Helper()
	m := regexp.MustCompile(`(?m)^(\d+) ` + line).FindStringSubmatch(calls)
	if m == nil {
		t.Fatalf("no call is %s", line)
	}
	return m[1]
}

// typed boots up to the first text and records what is typed from there on.
func (g *guest) typed(t *testing.T, lines []string, file string) {
	t.Helper()
	keys := g.connect(host.Virtual)
	g.until(t, lines[0])
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
	g.OnOutput(machine.ConsoleOut, func(p []byte) { g.tx.Write(p); r.Console(p) })
	from := 0
	for i, text := range lines {
		if i%2 == 1 {
			from = g.tx.Len()
			for i, c := range text + "\r" {
				keys.At(g.Now()+vmm.Instant(i+1)*piece/4, []byte(string(c)))
			}
			continue
		}
		for !strings.Contains(g.tx.String()[from:], text) {
			switch e := g.Run(g.Now() + piece/4); {
			case e == vmm.Beat:
				r.Beat()
			case e != vmm.Reached || g.Now() > longest:
				t.Fatalf("exit %d at %s waiting for %q: %v\n%s", e, g.Position(), text, g.Err(), tail(g.tx.Bytes()))
			}
			r.Slice()
		}
	}
	sum, err := r.Stop(true, "the test has what it wants")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bundle.Pack(shelf.Dir(sum.Name), file, bundle.PackOptions{}); err != nil {
		t.Fatal(err)
	}
}
