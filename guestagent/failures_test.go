package guestagent

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vmrecord/backdoor/wire"
	"vmrecord/guestagent/recorder"
)

// recording is an sdk in a guest that is being recorded.
func recording(log *[]string) sdk {
	s := note(log, true, false)
	_ = s.start("r")
	*log = nil
	return s
}

func TestCrash(t *testing.T) {
	long := strings.Repeat("x", wire.MaxReason)
	for _, c := range []struct{ name, text, calls string }{
		{"ended well", "", ""},
		{"a panic", "panic: total is 999 993\n\ngoroutine 7 [running]:\nmain.post(...)\n\t/b/main.go:12 +0x1d\n\ngoroutine 1 [sleep]:\ntime.Sleep(0x1)\n",
			"fail panic: total is 999 993; goroutine 7 [running]:; main.post(...); /b/main.go:12 +0x1d|stop keep=true"},
		{"longer than a reason", "panic: a\n" + long + "\n", "fail panic: a|stop keep=true"},
		{"one line longer than that", "panic: " + long, "fail panic: " + long + "|stop keep=true"},
		{"longer than is looked at", "panic: b\n\n\n" + strings.Repeat("y", 1<<20), "fail panic: b|stop keep=true"},
	} {
		var calls []string
		var out bytes.Buffer
		in := strings.NewReader(c.text)
		status := agent{recording(&calls), in, &out, &out, nil}.run([]string{"crash"})
		if got := strings.Join(calls, "|"); status != exitOK || got != c.calls || out.Len() != 0 || in.Len() != 0 {
			t.Errorf("%s: status %d, calls %q, printed %q, %d bytes left", c.name, status, got, out.String(), in.Len())
		}
	}
}

// elfNote is one note.
func elfNote(name string, kind uint32, desc []byte) []byte {
	b := binary.LittleEndian.AppendUint32(nil, uint32(len(name)+1))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(desc)))
	b = binary.LittleEndian.AppendUint32(b, kind)
	b = append(append(b, name...), make([]byte, 4-len(name)%4)...)
	return append(append(b, desc...), make([]byte, (4-len(desc)%4)%4)...)
}

// coreFile is a core file of 64 bits with these notes.
func coreFile(notes []byte) []byte {
	le := binary.LittleEndian
	b := make([]byte, 64+56)
	copy(b, "\x7fELF\x02\x01\x01")
	le.PutUint16(b[16:], 4)  // ET_CORE
	le.PutUint16(b[18:], 62) // EM_X86_64
	le.PutUint32(b[20:], 1)
	le.PutUint64(b[32:], 64) // e_phoff
	le.PutUint16(b[52:], 64)
	le.PutUint16(b[54:], 56)
	le.PutUint16(b[56:], 1)
	le.PutUint32(b[64:], 4) // PT_NOTE
	le.PutUint64(b[64+8:], uint64(len(b)))
	le.PutUint64(b[64+32:], uint64(len(notes)))
	return append(b, notes...)
}

func TestCore(t *testing.T) {
	status := make([]byte, 336)
	binary.LittleEndian.PutUint64(status[240:], 0x401136)
	for _, c := range []struct {
		name, args, core string
		status           int
		calls, prints    string
	}{
		{"with registers", "999999999|11|a b", string(coreFile(elfNote("CORE", notePRStatus, status))), 0,
			"fail a b ended by a signal: segmentation fault at 0x401136|stop keep=true", ""},
		{"short registers", "999999999|6|x", string(coreFile(elfNote("CORE", notePRStatus, status[:100]))), 0, "fail x ended by a signal: aborted|stop keep=true", ""},
		{"no core", "999999999|6|x", "", 0, "fail x ended by a signal: aborted|stop keep=true", ""},
		{"not a process", "../../etc|6|x", "", 1, "", "no process"},
		{"not a signal", "1|six|x", "", 1, "", "no process and signal"},
		{"nothing", "", "", 2, "", "--install"},
	} {
		var calls []string
		var out bytes.Buffer
		args := []string{"core"}
		if c.args != "" {
			args = append(args, strings.Split(c.args, "|")...)
		}
		got := agent{recording(&calls), strings.NewReader(c.core), &out, &out, nil}.run(args)
		if got != c.status || strings.Join(calls, "|") != c.calls || !strings.Contains(out.String(), c.prints) {
			t.Errorf("%s: status %d, calls %q, printed %q", c.name, got, calls, out.String())
		}
	}
}

func TestInstallCore(t *testing.T) {
	pattern := filepath.Join(t.TempDir(), "core_pattern")
	if err := installCore(pattern); err != nil {
		t.Fatal(err)
	}
	self, _ := os.Executable()
	if b, _ := os.ReadFile(pattern); string(b) != "|"+self+" core %P %s %e" {
		t.Errorf("%q", b)
	}
}

func FuzzNotes(f *testing.F) {
	f.Add(coreFile(elfNote("CORE", notePRStatus, make([]byte, 336))))
	f.Add(elfNote("GNU", noteBuildID, []byte{1, 2, 3}))
	f.Add([]byte("\xff\xff\xff\xff\xff\xff\xff\xff\x03\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		corePC(b)
		buildID(b)
	})
}

func TestHear(t *testing.T) {
	for msg, want := range map[string]word{
		"": nothing, "STATUS=WATCHDOG=1": nothing, "WATCHDOG=1": alive, "STATUS=on\nWATCHDOG=1\n": alive, "READY=1": alive,
		"WATCHDOG=trigger": trouble, "WATCHDOG=1\nWATCHDOG=trigger": trouble, "STOPPING=1": leaving, "WATCHDOG=1\nSTOPPING=1": leaving,
	} {
		if got := hear(msg); got != want {
			t.Errorf("%q: %d, want %d", msg, got, want)
		}
	}
}

// A silent program is reported once, and goes on to its own end. It ends here when
// it sees the report.
func TestWatch(t *testing.T) {
	seen := filepath.Join(t.TempDir(), "seen")
	var calls []string
	s := recording(&calls)
	stop := s.stop
	s.stop = func(v recorder.Verdict) error {
		return errors.Join(stop(v), os.WriteFile(seen, nil, 0o600))
	}
	var out bytes.Buffer
	script := fmt.Sprintf("until test -e %s; do sleep 0.01; done; sleep 0.2; echo $WATCHDOG_USEC; exit 3", seen)
	status := agent{s, nil, &out, &out, nil}.run([]string{"watch", "--after", "50ms", "--", "sh", "-c", script})
	if got := strings.Join(calls, "|"); status != 3 || got != "fail no heartbeat for 50ms|stop keep=true" || out.String() != "50000\n" {
		t.Errorf("status %d, calls %q, printed %q", status, got, out.String())
	}
}

// What a program says reaches who started the watch, and so does that it is asked to
// end.
func TestWatchPasses(t *testing.T) {
	outer, name := listen(t)
	inner, inside := listen(t)
	var calls []string
	var out bytes.Buffer
	a := agent{recording(&calls), nil, &out, &out, nil}
	go a.heartbeats(inner, time.Hour, name)
	for _, msg := range []string{"READY=1\nSTATUS=on", "WATCHDOG=trigger", "STOPPING=1"} {
		if err := notify(inside, []byte(msg)); err != nil {
			t.Fatal(err)
		}
		if got := read(t, outer); got != msg {
			t.Errorf("%q was passed on as %q", msg, got)
		}
	}
	t.Setenv(notifySocket, name)
	status := a.run([]string{"watch", "--after", "1h", "--", "sh", "-c", "trap 'exit 4' TERM; kill -TERM $PPID; while :; do sleep 0.01; done"})
	if got := read(t, outer); status != 4 || got != "STOPPING=1" {
		t.Errorf("asked to end: status %d, said %q", status, got)
	}
	if got := strings.Join(calls, "|"); got != "fail the program called its watchdog|stop keep=true" || out.Len() != 0 {
		t.Errorf("calls %q, printed %q", got, out.String())
	}
}

// listen is a socket as systemd has one, and its name.
func listen(t *testing.T) (*net.UnixConn, string) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "s")
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c, name
}

func read(t *testing.T, c *net.UnixConn) string {
	t.Helper()
	b := make([]byte, 100)
	n, err := c.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	return string(b[:n])
}

func TestServe(t *testing.T) {
	root := t.TempDir()
	for name, text := range map[string]string{
		"proc/sys/kernel/osrelease": "6.1.0\n",
		"sys/kernel/vmcoreinfo":     "0x1234000 1024\n",
		"sys/kernel/notes":          string(elfNote("Linux", 1, []byte("x"))) + string(elfNote("GNU", noteBuildID, []byte{0xab, 0xcd})),
		"proc/modules":              "race 16384 0 - Live 0xffffffffc0000000 (OE)\n" + strings.Repeat("long_name 1 0 - Live 0xffffffffc0100000\n", 100),
	} {
		p := filepath.Join(root, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(p), 0o700), os.WriteFile(p, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var calls []string
	err = agent{note(&calls, true, false), nil, nil, nil, nil}.tellFacts(root, []string{"/no/such", self})
	if err == nil || !strings.Contains(err.Error(), "/no/such") {
		t.Errorf("error %v", err)
	}
	id, _ := programID(self)
	want := []string{"fact kernel.release=6.1.0", "fact kernel.build-id=abcd", "fact kernel.vmcoreinfo=0x1234000 1024",
		"fact kernel.modules=race@0xffffffffc0000000 long_name@0xffffffffc0100000", "fact program." + filepath.Base(self) + "=" + id}
	if len(calls) != len(want) || id == "" {
		t.Fatalf("%q, want %q", calls, want)
	}
	for i := range want {
		if !strings.HasPrefix(calls[i], want[i]) || len(calls[i]) > wire.MaxValue+30 {
			t.Errorf("%q, want %q", calls[i], want[i])
		}
	}
}
