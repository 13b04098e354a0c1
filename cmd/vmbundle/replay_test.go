package main

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"vmrecord/bundle"
)

// A replay is the same however it is cut and scheduled.
func TestReplaysAreIdentical(t *testing.T) {
	m := newMade(t)
	var first string
	for i, v := range []struct {
		args []string
		env  []string
	}{
		{nil, nil},
		{[]string{"--slice", "1009"}, nil},
		{nil, []string{"GOMAXPROCS=1"}},
	} {
		r := command(t, "", v.env, append([]string{"vmbundle", "replay", m.file, "--json"}, v.args...)...)
		r.want(t, 0, `"identical": true`, `"ended": true`, `"consoleEqual": true`)
		var doc map[string]any
		ok(t, json.Unmarshal([]byte(r.out), &doc))
		for _, k := range []string{"wallSeconds", "cpuSeconds", "mips"} {
			delete(doc, k)
		}
		b, err := json.Marshal(doc)
		ok(t, err)
		got := string(b) + r.errors // the console
		if i == 0 {
			first = got
		}
		if got != first || doc["heartbeatsCompared"].(float64) < 10 || doc["inputsDelivered"].(float64) < 3 || len(doc["endHash"].(string)) != 64 {
			t.Errorf("%+v:\n%s\nwant\n%s", v, got, first)
		}
	}
}

// opened is what a replay may open besides the bundle: what Go's runtime asks the
// host's kernel about itself.
var opened = regexp.MustCompile(`^(/sys/kernel/mm/.*|/sys/fs/cgroup/.*|/proc/self/.*|/dev/null)$`)

// A new process in an empty folder, the recording gone, opens the bundle and
// nothing else.
func TestReplayOpensOnlyTheBundle(t *testing.T) {
	if testing.Short() {
		t.Skip("strace is slow")
	}
	m := newMade(t)
	ok(t, os.RemoveAll(filepath.Dir(m.dir)))
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Fatalf("%v; install it: apt-get install strace", err)
	}
	bin, log := filepath.Join(t.TempDir(), "vmbundle"), filepath.Join(t.TempDir(), "log")
	build := exec.Command("go", "build", "-o", bin, ".") // as it is shipped, static
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	command(t, "", nil, strace, "-f", "-qq", "-e", "trace=open,openat,openat2,connect", "-o", log,
		bin, "replay", m.file).want(t, 0, "identical: ")
	b, err := os.ReadFile(log)
	ok(t, err)
	found := false
	for line := range strings.Lines(string(b)) {
		if strings.Contains(line, "resumed") || strings.Contains(line, "--- SIG") || strings.Contains(line, "+++") {
			continue
		}
		name := regexp.MustCompile(`open(?:at2?)?\((?:AT_FDCWD, )?"([^"]*)"`).FindStringSubmatch(line)
		switch {
		case name == nil:
			t.Errorf("not an open of a file: %s", line)
		case name[1] == m.file:
			found = true
		case !opened.MatchString(name[1]):
			t.Errorf("it opens %s", name[1])
		}
	}
	if !found {
		t.Errorf("it does not open the bundle:\n%s", b)
	}
}

// Replaying to a position stops there, at the same place for each way to say it.
func TestUntil(t *testing.T) {
	m := newMade(t)
	for _, c := range []struct{ until, at string }{
		{"8ms", `"At": 32000000,`}, // at 4 GHz
		{"32000000", `"At": 32000000,`},
		{"@middle", `"At": 32000000,`},
		{"failure", `"At": 48000000,`},
		{"@late", `"At": 48000000,`},
		{"start", `"At": 0,`},
	} {
		vmbundle(t, "", "replay", m.file, "--quiet", "--json", "--until", c.until).want(t, 0, c.at, `"ended": false`, `"identical": false`)
	}
	vmbundle(t, "", "replay", m.file, "--quiet", "--json", "--until", "end").want(t, 0, `"ended": true`, `"identical": true`)
	half := vmbundle(t, "", "replay", m.file, "--until", "50%").want(t, 0, "equal so far")
	if strings.Contains(half.out, " sum ") && strings.Contains(half.out, " pit ") {
		t.Errorf("the console's end is there: %s", half.out)
	}
	for _, c := range []struct{ until, why string }{
		{"@nothing", "the tape has @middle, @late"},
		{"101%", "between 0% and 100%"},
		{"1h", "the tape is "},
		{"x", "an instant, 12.5s, -3s, 50%, @mark, failure, start or end"},
	} {
		vmbundle(t, "", "replay", m.file, "--until", c.until).want(t, 2, c.why)
	}
}

// From any position the guest lives on: it answers other keys, and powers off.
func TestGolive(t *testing.T) {
	m := newMade(t)
	for _, at := range []string{"start", "50%", "@middle", "failure", "32000000", "-5ms"} {
		// At the start the first key is lost where the guest sets up its UART.
		r := vmbundle(t, "zzzq", "golive", m.file, "--at", at)
		r.want(t, 0, "● LIVE from ", "zz", " pit ")
	}
	vmbundle(t, "", "golive", m.file, "--at", "@middle", "--max-instants", "1000000", "--pace", "virtual").want(t, 8, "--max-instants reached")
	vmbundle(t, "", "golive", m.file, "--at", "@nothing").want(t, 2, "there is no such mark")
	vmbundle(t, "", "golive", m.file, "--at", "50%", "--serial", "tcp:1").want(t, 2, "stdio, file:PATH or none")
}

// What a bundle says of itself is what was recorded.
func TestInspect(t *testing.T) {
	m := newMade(t)
	r := vmbundle(t, "", "inspect", m.file).want(t, 0, `"test" of "our guest" "1"`, "(3 keys)", `"middle"`, `"late"`)
	for _, want := range []string{`(?m)^mark +0\.008000 s`, `(?m)^fail +0\.012000 s`, `(?m)^end +[0-9a-f]{16}, "power-off"`} {
		if !regexp.MustCompile(want).MatchString(r.out) {
			t.Errorf("want %s: %s", want, r)
		}
	}
	var info bundle.Info
	ok(t, json.Unmarshal([]byte(vmbundle(t, "", "inspect", m.file, "--json").want(t, 0).out), &info))
	if filepath.Base(m.file) != info.ID+".vmb" || info.Manifest.Tape.Truncated {
		t.Errorf("%s: %+v", m.file, info)
	}
}

// Checkpoints of earlier runs that are no good are left out, and said once.
func TestKeptCheckpoints(t *testing.T) {
	m, cache := newMade(t), t.TempDir()
	b, err := bundle.Open(m.file)
	ok(t, err)
	name := filepath.Join(cache, "checkpoints", fmt.Sprintf("%x.ckpt", sha256.Sum256([]byte(b.UUID()))))
	ok(t, b.Close())
	ok(t, os.Mkdir(filepath.Dir(name), 0o700))
	run := func(flags ...string) result {
		return command(t, "", []string{"VMRECORD_CACHE=" + cache}, append([]string{"vmbundle", "trace", m.file, "--what", "irq"}, flags...)...)
	}
	const damaged = "checkpoints of earlier runs are not used, and are made again"
	plain := run("--no-cache").want(t, 0)
	ok(t, os.WriteFile(name, []byte("nonsense"), 0o600))
	if r := run("--no-cache"); r != plain {
		t.Errorf("with --no-cache they are looked at: %s", r)
	}
	if r := run().want(t, 0, damaged); r.out != plain.out {
		t.Errorf("it traces something else: %s", r)
	}
	if r := run(); r != plain {
		t.Errorf("the next time: %s", r)
	}
	ok(t, os.RemoveAll(cache))
	ok(t, os.WriteFile(cache, nil, 0o600)) // no folder can be there
	run().want(t, 0, damaged)
	run("--checkpoint-memory", "much").want(t, 2, "--checkpoint-memory", "is not a size")
}
