package guestagent

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"syscall"
	"testing"

	"vmrecord/backdoor/wire"
	"vmrecord/guestagent/recorder"
)

func TestParseConfig(t *testing.T) {
	base := Config{Run: []string{"/ledger"}, Dir: "/", AtEnd: "poweroff"}
	for _, c := range []struct {
		file, cmdline string
		change        func(*Config)
		err           string
	}{
		{"run = /ledger", "", func(*Config) {}, ""},
		{"# a comment\n\n  run=/ledger  \n", "console=ttyS0 quiet", func(*Config) {}, ""},
		{"", "console=ttyS0 vmagent.run=/ledger\n", func(*Config) {}, ""},
		{"run = /other", "vmagent.run=/ledger", func(*Config) {}, ""},
		{"", `vmagent.run="/ledger -rounds 5" ro`, func(c *Config) { c.Run = []string{"/ledger", "-rounds", "5"} }, ""},
		{"", `"vmagent.run=/ledger -rounds 5"`, func(c *Config) { c.Run = []string{"/ledger", "-rounds", "5"} }, ""},
		{"run = /ledger\nenv.A = b = c\nenv.B =", "", func(c *Config) { c.Env = []string{"A=b = c", "B="} }, ""},
		{"run = /ledger\ndir = /srv\nat-end = halt", "vmagent.at-end=reboot", func(c *Config) { c.Dir, c.AtEnd = "/srv", "reboot" }, ""},
		{"run = /ledger\nserve = /ledger /srv/b", "", func(c *Config) { c.Serve = []string{"/ledger", "/srv/b"} }, ""},
		{"", "vmagent.run=/ledger vmagent.serve", func(c *Config) { c.Serve = []string{} }, ""},
		{"", "", nil, "nothing to run"},
		{"run = /ledger\nrun", "", nil, "line 2: want key = value"},
		{"run =", "", nil, `line 1: run cannot be ""`},
		{"dir = srv", "", nil, `dir cannot be "srv"`},
		{"at-end = explode", "", nil, "at-end cannot be"},
		{"rum = /ledger", "", nil, `unknown setting "rum"`},
		{"env. = x", "", nil, "unknown setting"},
		{"", "vmagent.sing", nil, `kernel command line: unknown setting "sing"`},
	} {
		got, err := ParseConfig(c.file, c.cmdline)
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%q, %q: error %v, want one with %q", c.file, c.cmdline, err, c.err)
			}
			continue
		}
		want := base
		c.change(&want)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q, %q: %+v, %v, want %+v", c.file, c.cmdline, got, err, want)
		}
	}
}

func FuzzParseConfig(f *testing.F) {
	f.Add("run = a\nenv.X = y", `vmagent.run="a b`)
	f.Fuzz(func(t *testing.T, file, cmdline string) {
		c, err := ParseConfig(file, cmdline)
		if err == nil && (len(c.Run) == 0 || c.Dir == "" || c.AtEnd == "") {
			t.Fatalf("%q, %q: %+v", file, cmdline, c)
		}
	})
}

// note is an sdk that writes down its calls; refuse makes start fail.
func note(log *[]string, inVM, refuse bool) sdk {
	now := wire.Status{UID: 7}
	add := func(format string, a ...any) error {
		*log = append(*log, fmt.Sprintf(format, a...))
		return nil
	}
	return sdk{
		inVM: func() bool { return inVM },
		start: func(n string, _ ...recorder.Option) error {
			if refuse {
				return errors.New("refused")
			}
			now = wire.Status{State: wire.Recording, UID: 8, Name: n}
			return add("start %s", n)
		},
		stop: func(v recorder.Verdict) error {
			now.State = wire.Idle
			return add("stop keep=%v", v == recorder.Keep)
		},
		mark:   func(s string) error { return add("mark %s", s) },
		fail:   func(s string) error { return add("fail %s", s) },
		save:   func(s string) error { return add("save %s", s) },
		fact:   func(k, v string) error { return add("fact %s=%s", k, v) },
		attr:   func(k, v string) error { return add("attr %s=%s", k, v) },
		status: func() (wire.Status, error) { return now, nil },
	}
}

func TestVerbs(t *testing.T) {
	for _, c := range []struct {
		args   string // split at |
		status int
		calls  string
		prints string // somewhere on stdout or stderr
	}{
		{"start|two words", 0, "start two words", ""},
		{"stop|keep", 0, "stop keep=true", ""},
		{"stop|drop", 0, "stop keep=false", ""},
		{"mark|here", 0, "mark here", ""},
		{"fail|total is wrong", 0, "fail total is wrong", ""},
		{"save|it stood still", 0, "save it stood still", ""},
		{"attr|k|v", 0, "attr k=v", ""},
		{"status", 0, "", "idle 7\n"},
		{"help", 0, "", "Examples"},
		{"start|--help", 0, "", "Examples"},
		{"init|--help", 0, "", "init.conf"},
		{"exec|--feature|f|--|true", 0, "start f|stop keep=false", ""},
		{"exec|sh|-c|exit 3", 3, "start sh|fail sh -c exit 3: ended with status 3|stop keep=true", ""},
		{"exec|--feature|f|--|sh|-c|kill -9 $$", 137, "start f|fail sh -c kill -9 $$: ended by a signal: killed|stop keep=true", ""},
		{"exec|--feature|f|--|sh|-c|kill -TERM $$", 143, "start f|stop keep=false", ""},
		{"exec|--feature|f|--|sh|-c|exit 143", 143, "start f|stop keep=false", ""},
		{"exec|--feature|f|--|sh|-c|trap 'exit 4' TERM; kill -TERM $PPID; while :; do sleep 0.01; done", 4, // $PPID is vmagent
			"start f|fail sh -c trap 'exit 4' TERM; kill -TERM $PPID; while :; do sleep 0.01; done: ended with status 4|stop keep=true", ""},
		{"exec|--feature|f|--|sh|-c|echo seen", 0, "start f|stop keep=false", "seen\n"},
		{"exec|no-such-program-here", 127, "start no-such-program-here|fail no-such-program-here: exec: \"no-such-program-here\": executable file not found in $PATH|stop keep=true", "not found"},
		{"", 2, "", "Examples"},
		{"start", 2, "", "takes 1 argument"},
		{"start|two|words", 2, "", "quote a text"},
		{"stop|now", 2, "", "keep or drop"},
		{"begin|x", 2, "", `unknown verb "begin"`},
		{"exec|--feature|f", 2, "", "wants a command"},
		{"exec|--guarded|--feature|f|--|true", 2, "", "not both"},
		{"exec|--what|f", 2, "", "not defined"},
		{"status|x", 2, "", "no argument"},
		{"init", 2, "", "must be process 1"},
	} {
		var calls []string
		var out bytes.Buffer
		var args []string
		if c.args != "" {
			args = strings.Split(c.args, "|")
		}
		status := agent{note(&calls, true, false), nil, &out, &out, nil}.run(args)
		if status != c.status || strings.Join(calls, "|") != c.calls || !strings.Contains(out.String(), c.prints) {
			t.Errorf("%s: status %d, calls %q, printed %q", c.args, status, calls, out.String())
		}
	}
}

// Without a recording exec still runs its command, and touches nobody's recording.
func TestExecRefused(t *testing.T) {
	var calls []string
	var out bytes.Buffer
	status := agent{note(&calls, true, true), nil, &out, &out, nil}.run([]string{"exec", "sh", "-c", "echo ran; exit 5"})
	if status != 5 || calls != nil || !strings.Contains(out.String(), "ran\n") || !strings.Contains(out.String(), "without a recording: refused") {
		t.Errorf("status %d, calls %q, printed %q", status, calls, out.String())
	}
}

// A program that records itself has failed if it ends, however well, while it does.
func TestExecGuarded(t *testing.T) {
	idle, own := wire.Status{UID: 7}, wire.Status{State: wire.Recording, UID: 8}
	for _, c := range []struct {
		name, script  string
		before, after wire.Status
		calls         string
	}{
		{"its recording ended", "exit 3", idle, wire.Status{UID: 8}, ""},
		{"asked to end inside", "kill $$", idle, own, "stop keep=false"},
		{"died inside", "kill -9 $$", idle, own, "fail sh -c kill -9 $$: ended by a signal: killed|stop keep=true"},
		{"left inside", "exit 0", idle, own, "fail sh -c exit 0: ended while it recorded|stop keep=true"},
		{"somebody else's runs", "exit 3", own, own, ""},
		{"control is off", "exit 3", wire.Status{State: wire.Off}, wire.Status{State: wire.Off}, ""},
	} {
		var calls []string
		n := note(&calls, true, false)
		asked := 0
		n.status = func() (wire.Status, error) {
			if asked++; asked == 1 {
				return c.before, nil
			}
			return c.after, nil
		}
		var out bytes.Buffer
		agent{n, nil, &out, &out, nil}.run([]string{"exec", "--guarded", "--", "sh", "-c", c.script})
		if got := strings.Join(calls, "|"); got != c.calls || out.Len() != 0 {
			t.Errorf("%s: calls %q, printed %q", c.name, got, out.String())
		}
	}
}

// On this machine, which is no appliance, the verbs do nothing.
func TestOutside(t *testing.T) {
	for args, want := range map[string]int{"start|a": 0, "stop|keep": 0, "mark|a": 0, "status": exitOutside, "core|--install": 0, "exec|true": 0, "exec|false": 1} {
		var out bytes.Buffer
		if got := Main(strings.Split(args, "|"), nil, &out, &out); got != want {
			t.Errorf("%s: status %d, want %d; printed %q", args, got, want, out.String())
		}
	}
}

// reap takes children nobody waits for and returns with the one it was told.
func TestReap(t *testing.T) {
	attr := &os.ProcAttr{}
	var pids [3]int
	for i, script := range []string{"exit 1", "exit 2", "kill -15 $$"} {
		p, err := os.StartProcess("/bin/sh", []string{"sh", "-c", script}, attr)
		if err != nil {
			t.Fatal(err)
		}
		pids[i] = p.Pid
		_ = p.Release()
	}
	ws, err := reap(pids[2])
	if err != nil || !ws.Signaled() || ws.Signal() != syscall.SIGTERM {
		t.Fatalf("%v, %v", ws, err)
	}
}
