package main

import (
	"encoding/binary"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"vmrecord/backdoor/wire"
	"vmrecord/configs"
	"vmrecord/vmm"
	"vmrecord/vmm/cpu"
)

// code is 64-bit machine code of a guest without a kernel.
type code []byte

func (c code) add(hex ...byte) code { return append(c, hex...) }

func (c code) mov(opcode byte, v uint32) code {
	return binary.LittleEndian.AppendUint32(append(c, opcode), v)
}

// call is one IN EAX,DX of the backdoor on the channel in R8D.
func (c code) call(cx, bx uint32) code {
	c = c.add(0x44, 0x89, 0xc2) // mov edx, r8d
	return c.mov(0xb8, wire.Magic).mov(0xb9, cx).mov(0xbb, bx).add(0xed)
}

// ask sends a request of our extension.
func (c code) ask(text string) code { return c.rpc(wire.Prefix + text) }

// rpc sends a request, whose reply nobody reads.
func (c code) rpc(text string) code {
	c = c.add(0x41, 0xb8).add(0x58, 0x56, 0, 0) // mov r8d, port
	c = c.call(wire.CmdMessage|wire.MsgOpen<<16, wire.ProtocolRPCI).add(0x41, 0x89, 0xd0)
	c = c.call(wire.CmdMessage|wire.MsgSendSize<<16, uint32(len(text)))
	for ; text != ""; text = text[min(4, len(text)):] {
		var b [4]byte
		copy(b[:], text)
		c = c.call(wire.CmdMessage|wire.MsgSendPayload<<16, binary.LittleEndian.Uint32(b[:]))
	}
	return c.call(wire.CmdMessage|wire.MsgClose<<16, 0)
}

// print sends text to COM1.
func (c code) print(text string) code {
	c = c.add(0x66, 0xba, 0xf8, 0x03)
	for _, b := range []byte(text) {
		c = c.add(0xb0, b, 0xee)
	}
	return c
}

// The ends that a guest may come to.
func (c code) panics() code   { return c.add(0x66, 0xba, 0x05, 0x05, 0xb0, 1, 0xee) }
func (c code) quits() code    { return c.add(0x66, 0xba, 0xf4, 0, 0xb0, 0, 0xee) }
func (c code) triples() code  { return c.add(0x0f, 0x01, 0x1c, 0x25, 0, 0x90, 0, 0, 0xcc) } // LIDT of zeros, INT3
func (c code) hangs() code    { return c.add(0xfa, 0xf4) }
func (c code) reboots() code  { return c.add(0xb0, 0xfe, 0xe6, 0x64, 0xeb, 0xfe) }
func (c code) sleeps() code   { return c.add(0xfb, 0xf4, 0xeb, 0xfd) }
func (c code) reports() code  { return c.ask("start x").ask("fail the total is 7").ask("stop keep") }
func (c code) goesWell() code { return c.ask("stop drop").quits() }

const triggersConfig = `[appliance]
name = "test"
version = "1"
[machine]
memory = "16M"
kernel = "guest"
pvpanic = true
[record]
features = ["other"]
RECORD
[consent]
mode = "never"
`

func TestTriggers(t *testing.T) {
	start := slices.Clip(code(nil).ask("start x")) // each guest goes on with a copy
	const feature = "[[record.feature]]\nname = \"x\"\n"
	long := strings.Repeat("x", maxLineBytes)
	for _, c := range []struct {
		name, config string
		guest        code
		events       []string // regular expressions of what --events says; ! none does
	}{
		{"a line", "", start.print("one\n[1.5] BUG: unable\nBUG: then\n").goesWell(), []string{`"fail".*"\[1\.5\] BUG: unable"`, `"stop".*"kept":true`, `!BUG: then`}},
		{"a line before the start", "", code(nil).print("BUG: x\n").ask("start x").goesWell(), []string{`"start"`, `!"fail"`, `!"kept"`}},
		{"half a line", "", start.print("BUG: x").goesWell(), []string{`"stop"`, `!"fail"`, `!"kept"`}},
		{"behind what counts of a line", "", start.print(long + "BUG: x\n").goesWell(), []string{`"stop"`, `!"fail"`}},
		{"a pattern of one's own", "[record.triggers]\nserial = ['^boom \\d']\n", start.print("BUG: x\nboom 7\n").goesWell(), []string{`"fail".*"boom 7"`, `"kept":true`}},
		{"no pattern", "[record.triggers]\nserial = []\n", start.print("BUG: x\n").goesWell(), []string{`"stop"`, `!"fail"`}},
		{"pvpanic", "", start.panics().goesWell(), []string{`"fail".*pvpanic`, `"kept":true`}},
		{"triple fault", "", start.triples(), []string{`"fail".*triple fault at instant`, `"kept":true`}},
		{"hung", "", start.hangs(), []string{`"fail".*nothing will ever wake it`, `"kept":true`}},
		{"a tail behind the guest's stop", "tail = 1\n", code(nil).reports().sleeps(), []string{`"fail".*"the total is 7"`, `"stop".*"kept":true`, `"end".*max-instants`}},
		{"a tail that the guest does not end", "tail = 1\n", start.ask("fail y").sleeps(), []string{`"fail"`, `"stop".*"kept":true`}},
		{"a tail cut by the next start", "tail = 1\n", code(nil).reports().ask("start x").goesWell(), []string{`"start","uid":1`, `"kept":true`, `"start","uid":2`, `"stop","uid":2`}},
		{"a cap", "day_cap = 1\n", code(nil).reports().reports().quits(), []string{`"stop","uid":1.*"kept":true`, `"stop","uid":2`, `!"stop","uid":2.*"kept"`}},
		{"a cooldown", "cooldown = 3600\n", code(nil).reports().reports().quits(), []string{`"kept":true`, `"skip","name":"x","text":"cooldown`, `!"uid":2`}},
		{"a sample", "sample = 4294967295\n", code(nil).reports().quits(), []string{`"skip".*sample of 1 in`, `!"start"`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSandbox(t)
			s.write("guest", bzImage(c.guest))
			record := feature + c.config
			s.write("a.toml", []byte(strings.Replace(triggersConfig, "RECORD", record, 1)))
			r := s.run("vmappliance", "run", "a.toml", "--seed", "1", "--debug-exit", "--max-instants", "8000000000", "--serial", "none", "--events", "events")
			b, err := os.ReadFile(s.path("events"))
			if err != nil {
				t.Fatalf("%v: status %d: %s", err, r.status, r.errors)
			}
			for _, want := range c.events {
				want, none := strings.CutPrefix(want, "!")
				if regexp.MustCompile(want).Match(b) == none {
					t.Errorf("status %d, %s; is there %s: %v\n%s", r.status, r.errors, want, none, b)
				}
			}
		})
	}
}

// A recording that the host found to have failed replays: the guest saw none of it.
// What the guest told of itself stands in the manifest.
func TestTriggeredReplays(t *testing.T) {
	s := newSandbox(t)
	s.write("guest", bzImage(code(nil).rpc(wire.FormatFact("kernel.build-id", "abcd")).ask("start x").print("BUG: x\n").panics().ask("fail y").sleeps()))
	s.write("a.toml", []byte(strings.Replace(triggersConfig, "RECORD", "[[record.feature]]\nname = \"x\"\ntail = 1\n", 1)))
	s.want(8, []string{"vmappliance", "run", "a.toml", "--seed", "1", "--max-instants", "8000000000", "--recordings", "recs"}, "failure: BUG: x", "kept")
	s.want(0, []string{"vmbundle", "pack", "recs/000001", "x.vmb"})
	s.want(0, []string{"vmbundle", "verify", "x.vmb"}, "identical")
	s.want(0, []string{"vmbundle", "inspect", "x.vmb", "--json"}, `"facts": {`, `"kernel.build-id": "abcd"`)
	s.want(0, []string{"vmbundle", "replay", "x.vmb", "--until", "failure"})
}

// What the guest told of itself goes with every report, and is shown before.
func TestPreviewFacts(t *testing.T) {
	s := newSandbox(t)
	s.write("guest", bzImage(code(nil).rpc(wire.FormatFact("note", "ghp_0123TOKENTOKENTOKENTOKENTOKENTOKEN01")).reports().quits()))
	s.write("a.toml", asking("guest", "1"))
	s.want(1, []string{"vmappliance", "run", "a.toml", "--debug-exit", "--serial", "none"}, "it waits for your consent")
	list := s.want(0, []string{"vmappliance", "outbox", "list"})
	id := regexp.MustCompile(`R-[0-9A-Z-]{9}`).FindString(list.out)
	s.want(0, []string{"vmappliance", "preview", id}, "\nfact      note=ghp_0123TOKEN", "GitHub token: 1")
}

// Caps hold over several runs.
func TestCapsLast(t *testing.T) {
	s := newSandbox(t)
	s.write("guest", bzImage(code(nil).reports().quits()))
	s.write("a.toml", []byte(strings.Replace(triggersConfig, "RECORD", "[[record.feature]]\nname = \"x\"\nday_cap = 2\n", 1)))
	run := []string{"vmappliance", "run", "a.toml", "--debug-exit", "--recordings", "recs"}
	s.want(1, run, ", kept")
	s.want(1, run, ", kept")
	s.want(1, run, "not kept: 2 of this failure were kept today", ", dropped")
}

// What a test of the ISV's wants to know of a run is whether the guest failed.
func TestGuestStatus(t *testing.T) {
	s := newSandbox(t)
	config := []byte(strings.Replace(triggersConfig, "RECORD", "keep = \"all\"\n[[record.feature]]\nname = \"x\"\n", 1))
	s.write("a.toml", config)
	s.write("ask.toml", []byte(strings.NewReplacer(`"guest"`, `"bad"`, `"never"`, "\"ask\"\nencryption = \"off\"", "[record]", "[vendor]\nmail = \"a@b.example\"\nsubmit = \"smtp://127.0.0.1:1\"\n[record]").Replace(string(config))))
	s.write("bad", bzImage(code(nil).reports().reboots()))
	for _, c := range []struct {
		name   string
		guest  code
		run    string
		status int
	}{
		{"fails", code(nil).reports().reboots(), "a.toml --guest-status", 10},
		{"fails, and nobody asks", code(nil).reports().reboots(), "a.toml", 0},
		{"goes well, and is kept", code(nil).ask("start x").ask("stop keep").reboots(), "a.toml --guest-status", 0},
		{"fails, and the report waits for consent", nil, "ask.toml --guest-status", 10},
		{"fails, and the limit comes", code(nil).reports().sleeps(), "a.toml --guest-status --max-instants 1000000", 8},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.guest != nil {
				s.write("guest", bzImage(c.guest))
			}
			s.want(c.status, append([]string{"vmappliance", "run", "--no-reboot", "--recordings", "recs"}, strings.Fields(c.run)...))
		})
	}
}

// A guest that reboots has no more recordings than one that does not, and at the disk's
// limit there are none.
func TestLimits(t *testing.T) {
	for _, c := range []struct {
		name, limit string
		starts      int
		says        string
	}{
		{"recordings", "recordings = 2", 2, "2 recordings were started in this run, which is record.limits.recordings"},
		{"disk", "disk = 1000", 1, "bytes of recordings: .* the limit is 1000; drop recordings"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSandbox(t)
			s.write("guest", bzImage(code(nil).reports().reboots()))
			s.write("a.toml", []byte(strings.Replace(triggersConfig, "RECORD", "[[record.feature]]\nname = \"x\"\n[record.limits]\n"+c.limit+"\n", 1)))
			r := s.command("vmappliance", "run", "a.toml", "--serial", "none", "--events", "events")
			var said strings.Builder
			r.Stderr = &said
			if err := r.Start(); err != nil {
				t.Fatal(err)
			}
			b, ok := waitFor(s.path("events"), regexp.MustCompile(`(?s)("event":"boot".*){4}`))
			_ = r.Process.Kill()
			_ = r.Wait()
			if n := strings.Count(string(b), `"event":"start"`); !ok || n != c.starts || !regexp.MustCompile(c.says).MatchString(said.String()) {
				t.Errorf("%d started, want %d, it said %s\n%s", n, c.starts, said.String(), b)
			}
		})
	}
}

func TestNoProgress(t *testing.T) {
	m := &vmm.Machine{CPU: new(cpu.State), Board: vmm.NewBoard(nil, vmm.Config{Hz: 1000})}
	w := newTriggers(configs.Triggers{NoProgress: 2}, 1000)
	w.attach(m)
	for i, step := range []struct {
		now    vmm.Instant
		rip    uint64
		halted bool
		found  bool
	}{
		{0, 0x5000, false, false}, {1999, 0x5fff, false, false}, {2000, 0x5010, false, true}, {2010, 0x5010, false, false},
		{4000, 0x5010, false, true}, {5999, 0x6000, false, false}, {6500, 0x5000, false, false}, {7000, 0x5000, true, false},
		{8999, 0x5000, false, false}, {9000, 0x5000, false, true},
	} {
		m.SetNow(step.now)
		m.CPU.RIP, m.CPU.Halted = step.rip, step.halted
		if w.look(m); (w.take() != "") != step.found {
			t.Errorf("step %d: found %v", i, !step.found)
		}
	}
}

func TestSignature(t *testing.T) {
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{"total is 999 993", "total is 1 000", true},
		{"fault at 0x7fff1a2b", "fault at 0x401000", true},
		{"total is 7", "sum is 7", false},
		{"", "", true},
	} {
		if got := signature("x", c.a) == signature("x", c.b); got != c.same {
			t.Errorf("%q and %q: one failure: %v", c.a, c.b, got)
		}
	}
	if signature("x", "a") == signature("y", "a") {
		t.Error("two features have one failure")
	}
}

// The console may come in any pieces.
func TestConsolePieces(t *testing.T) {
	text := "a\nBUG: here\nb\n"
	for cut := range len(text) {
		w := newTriggers(configs.Triggers{Serial: configs.DefaultSerial()}, 1)
		w.console([]byte(text[:cut]))
		w.console([]byte(text[cut:]))
		if got := w.take(); got != "BUG: here" {
			t.Errorf("cut at %d: %q", cut, got)
		}
	}
}

func FuzzCounts(f *testing.F) {
	f.Add([]byte(`{"schema":"vmappliance.policy/1","day":"2026-01-01","failures":{"a":1}}`))
	f.Add([]byte(`{}`))
	name := f.TempDir() + "/" + policyFile
	f.Fuzz(func(t *testing.T, b []byte) {
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if c, err := readCounts(name); err == nil && c.Failures == nil {
			t.Errorf("accepted %q", b)
		}
	})
}
