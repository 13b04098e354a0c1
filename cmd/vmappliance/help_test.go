package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"vmrecord/configs"
	"vmrecord/configs/bare"
)

// aptGet, aptCache and dpkgDeb play Debian's programs; the kernel that they bring
// is our guest.
const (
	aptCache = "#!/bin/sh\ncase $1 in\ndepends) echo '  Depends: linux-image-9-cloud';;\n" +
		"show) echo 'Version: 9-1'; echo 'SHA256: 9cfa1468c93fc18652e34a000f0c6614b0fa18f6f4887477ad9b0d36ca6a7eaa';;\nesac\n"
	aptGet  = "#!/bin/sh\nprintf deb >k.deb\n"
	dpkgDeb = "#!/bin/sh\nmkdir -p root/boot && cp \"$HELP_KERNEL\" root/boot/vmlinuz-9\n"
)

// commands finds what a page of help shows to type: indented lines that begin with
// one of our programs, or with what prepares for it. Two blanks begin an
// explanation; what is in brackets is a form, not a command.
func commands(page string) (lines []string) {
	for line := range strings.Lines(page) {
		text, _, _ := strings.Cut(strings.TrimSpace(line), "  ")
		if regexp.MustCompile(`^ +(vmappliance|vmbundle|printf|cp|sed) `).MatchString(line) && !strings.Contains(text, "[") {
			lines = append(lines, text)
		}
	}
	return lines
}

// Everything that help shows to type works as it stands, in the order it stands.
func TestCommandsInHelp(t *testing.T) {
	s := newSandbox(t)
	s.prepare()
	seen := map[string]bool{}
	for _, page := range []struct {
		args  []string
		least int
	}{
		{[]string{"vmappliance", "help", "isv"}, 8},
		{[]string{"vmappliance", "run", "--help"}, 2},
		{[]string{"vmappliance", "build", "--help"}, 2},
		{[]string{"vmappliance", "--help"}, 3},
		{[]string{"vmappliance", "help", "user"}, 5},
		{[]string{"vmbundle", "help", "engineer"}, 7},
		{[]string{"vmbundle", "--help"}, 2},
		{[]string{"vmbundle", "help", "engine"}, 9},
	} {
		lines := commands(s.want(0, page.args).out)
		if len(lines) < page.least {
			t.Errorf("%q shows %d commands, want %d: %q", page.args, len(lines), page.least, lines)
		}
		for _, line := range lines {
			if !seen[line] {
				seen[line] = true
				s.enter(line)
			}
		}
	}
	for _, want := range []string{"vmappliance init appliance.toml", "vmappliance run appliance.toml", "vmappliance outbox cancel R-XXXX-XXXX",
		"vmbundle inbox serve", "vmbundle replay R-XXXX-XXXX.vmb", "vmbundle golive R-XXXX-XXXX.vmb --at 50%"} {
		if !seen[want] {
			t.Errorf("help does not show %q", want)
		}
	}
}

// prepare puts there what the pages suppose: programs, a network, a report.
func (s *sandbox) prepare() {
	for name, text := range map[string]string{"bin/apt-cache": aptCache, "bin/apt-get": aptGet, "bin/dpkg-deb": dpkgDeb} {
		_ = os.Mkdir(s.path("bin"), 0o700)
		if err := os.WriteFile(s.path(name), []byte(text), 0o700); err != nil {
			s.t.Fatal(err)
		}
	}
	t := s.t.(*testing.T)
	t.Setenv("PATH", s.path("bin")+string(os.PathListSeparator)+os.Getenv("PATH"))
	t.Setenv("HELP_KERNEL", s.path("guest"))
	for _, name := range []string{"vmagent", "program", "ledger"} {
		s.write(name, []byte("a program"))
	}
	s.write("vmlinuz", bare.Image(bare.Options{}))
	s.write("down.toml", configuration("guest", "1"))
	r := s.want(75, []string{"vmappliance", "run", "down.toml", "--record-from-start", "all"})
	id := regexp.MustCompile(`R-\w{4}-\w{4}`).FindString(r.errors)
	s.want(0, []string{"vmappliance", "outbox", "export", id, id + ".vmb"})
	_ = os.Mkdir(s.path("mails"), 0o700)
	s.want(0, []string{"vmbundle", "split", id + ".vmb", "mails"})
}

// enter runs one line as a user would, with the report's real name in it.
func (s *sandbox) enter(line string) {
	s.t.Helper()
	files, err := filepath.Glob(s.path("R-*.vmb"))
	if err != nil || len(files) != 1 {
		s.t.Fatal(files, err)
	}
	id := strings.TrimSuffix(filepath.Base(files[0]), ".vmb")
	line = strings.ReplaceAll(strings.ReplaceAll(line, "R-XXXX-XXXX", id), " FILE", " "+id+".vmb")
	status := 0
	switch {
	case strings.Contains(line, "inbox serve"):
		s.enterServe(line)
		return
	case line == "vmappliance outbox retry", strings.HasPrefix(line, "vmappliance send "):
		status = 75 // nobody is there
	case strings.HasPrefix(line, "vmappliance build --golden"):
		status = 1 // the guest powers off at once
	case strings.HasPrefix(line, "vmbundle ps"), strings.HasPrefix(line, "vmbundle probe"), strings.HasSuffix(line, "--what syscall"),
		strings.HasPrefix(line, "vmbundle gdb") && strings.Contains(line, "--symbols"), strings.HasPrefix(line, "vmbundle base add"):
		status = 3 // the guest is no Linux, no program has symbols, and there is no golden
	case strings.HasSuffix(line, "build --initramfs initramfs.cpio --file init=./vmagent --file ledger=./ledger"):
		line += " --force" // another page made it before
	case strings.HasPrefix(line, "vmbundle join"):
		line += " --force" // it is there
	}
	c := s.command("sh", "-c", line)
	out, _ := c.CombinedOutput()
	if got := c.ProcessState.ExitCode(); got != status {
		s.t.Errorf("%s: status %d, want %d\n%s", line, got, status, out)
	}
}

// enterServe runs a server until it listens; the port may be taken on this computer.
func (s *sandbox) enterServe(line string) {
	line, _, _ = strings.Cut(line, " --listen")
	c := s.command("sh", "-c", "exec "+line+" --listen 127.0.0.1:0 --ready listening")
	if err := c.Start(); err != nil {
		s.t.Fatal(err)
	}
	_, ok := waitFor(s.path("listening"), regexp.MustCompile(`\n`))
	_ = c.Process.Signal(os.Interrupt)
	if err := c.Wait(); err != nil || !ok {
		s.t.Errorf("%s: %v, listening: %v", line, err, ok)
	}
	_ = os.Remove(s.path("listening"))
}

// Help comes at once; ten times the 100 ms that are promised are allowed.
func TestHelpIsQuick(t *testing.T) {
	s := newSandbox(t)
	for _, args := range [][]string{{"vmappliance", "--help"}, {"vmappliance", "recordings", "list"}, {"vmbundle", "--help"}} {
		best := time.Hour
		for range 3 { // the computer may be busy otherwise
			from := time.Now()
			s.want(0, args)
			best = min(best, time.Since(from))
		}
		if best > time.Second {
			t.Errorf("%q took %s", args, best)
		}
	}
}

// Every document for programs begins with its schema's name.
func TestDocumentsHaveSchemas(t *testing.T) {
	s := newSandbox(t)
	s.write("mail.toml", configuration("guest", "1"))
	run := s.want(75, []string{"vmappliance", "run", "mail.toml", "--record-from-start", "all", "--serial", "none", "--json"})
	id := regexp.MustCompile(`R-\w{4}-\w{4}`).FindString(run.errors)
	s.want(0, []string{"vmappliance", "outbox", "export", id, "a.vmb"})
	s.write("init", []byte("x"))
	docs := map[string]string{"vmappliance.run/1": run.out}
	for want, args := range map[string]string{
		"vmappliance.recordings/1": "vmappliance recordings list --json",
		"vmappliance.recording/1":  "vmappliance recordings show 000001",
		"vmappliance.outbox/1":     "vmappliance outbox list --json",
		"vmappliance.consent/1":    "vmappliance consent --json",
		"vmappliance.build/1":      "vmappliance build --initramfs i.cpio --file init=init --json",
		"vmappliance.preview/1":    "vmappliance preview --json " + id,
		"vmappliance.doctor/1":     "vmappliance doctor --json",
		"vmbundle.pack/1":          "vmbundle pack state/recordings/000001 b.vmb --json",
		"vmbundle.inspect/1":       "vmbundle inspect a.vmb --json",
		"vmbundle.replay/1":        "vmbundle replay a.vmb --json",
		"vmbundle.tree/1":          "vmbundle tree a.vmb --json",
		"vmbundle.version/1":       "vmbundle version --json",
		"vmbundle.ingest/1":        "vmbundle ingest a.vmb --json",
		"vmbundle.enroll/1":        "vmbundle inbox enroll list --json",
		"vmbundle.tokens/1":        "vmbundle inbox tokens list --json",
	} {
		docs[want] = s.want(0, strings.Fields(args)).out
	}
	docs["vmbundle.replay/1 "] = s.want(0, strings.Fields("vmbundle verify a.vmb --json")).out
	docs["vmbundle.inbox-list/1"] = s.want(0, strings.Fields("vmbundle inbox list --json")).out
	docs["vmbundle.inbox/1"] = s.want(0, []string{"vmbundle", "inbox", "show", id}).out
	for want, text := range docs {
		want = strings.TrimSpace(want)
		var d struct{ Schema string }
		if err := json.Unmarshal([]byte(text), &d); err != nil || d.Schema != want || !strings.HasPrefix(text, "{\n  \"schema\":") {
			t.Errorf("want %s, have %q %v:\n%.300s", want, d.Schema, err, text)
		}
	}
}

// What init writes is a configuration that works once its files are there.
func TestInitIsAConfiguration(t *testing.T) {
	s := newSandbox(t)
	s.want(0, []string{"vmappliance", "init"})
	a, err := configs.Load(s.path("appliance.toml"))
	if err != nil || a.Consent.Mode != configs.ConsentNever || len(a.Record.Features) == 0 || a.Machine.Kernel != configs.KernelDebian {
		t.Errorf("%+v, %v", a, err)
	}
}

// The three SDKs are what their languages' tools take.
func TestSDK(t *testing.T) {
	s := newSandbox(t)
	s.want(0, []string{"vmappliance", "sdk", "go", "go"})
	s.want(0, []string{"vmappliance", "sdk", "sh", "sh"})
	s.want(0, []string{"vmappliance", "sdk", "c", "c"}, "vmrecord.h")
	c := exec.Command("go", "build", "./...")
	c.Dir = s.path("go")
	c.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOPROXY=off", "GOWORK=off")
	if out, err := c.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	s.want(0, []string{"sh", "-n", "sh/vmrecord.sh"})
}
