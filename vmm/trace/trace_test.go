package trace

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"vmrecord/configs/bare"
	"vmrecord/hwdevices/firmware"
	"vmrecord/hwdevices/pc"
	"vmrecord/vmm"
	"vmrecord/vmm/cpu"
	"vmrecord/vmm/interp"
	"vmrecord/vmm/jit"
	"vmrecord/vmm/mem"
)

const hz = 8_000_000

// A player runs a machine that has no tape.
type player struct{ m *vmm.Machine }

func (p player) Ended() bool { return false }

func (p player) Run(until vmm.Position) (vmm.Exit, error) {
	for {
		e := p.m.Run(until.At)
		if e != vmm.Control {
			return e, p.m.Err()
		}
		p.m.TakeControl()
	}
}

// engines that this host can run, by name.
func engines() map[string]func() vmm.Engine {
	e := map[string]func() vmm.Engine{"interp": func() vmm.Engine { return interp.New() }}
	if j, err := jit.New(); err == nil {
		_ = j.Close()
		e["jit"] = func() vmm.Engine {
			j, err := jit.New()
			if err != nil {
				panic(err)
			}
			return interp.NewTranslating(j, interp.Tuning{Hot: 3})
		}
	}
	return e
}

// guestRun is our own guest, about to start.
func guestRun(t *testing.T, e vmm.Engine) Run {
	t.Helper()
	b := pc.New(mem.New(make([]byte, 2<<20)), pc.Options{Hz: hz, Epoch: 1_790_000_000, DebugExit: true})
	m := &vmm.Machine{Board: b, CPU: new(cpu.State), Engine: e, Door: new(vmm.Scripted)}
	t.Cleanup(func() { _ = e.Close() })
	m.CPU.Cold(1)
	if err := pc.BootLinux(m, firmware.Linux{Kernel: bare.Image(bare.Options{APIC: true, Float: true, Keys: true})}); err != nil {
		t.Fatal(err)
	}
	return Run{m, player{m}}
}

func traced(t *testing.T, e vmm.Engine, o Options) string {
	t.Helper()
	var b bytes.Buffer
	o.Hz = hz
	if err := Write(context.Background(), guestRun(t, e), o, &b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// A window's trace is what testdata says, on every engine, each time.
func TestWindows(t *testing.T) {
	at := func(i vmm.Instant) vmm.Position { return vmm.Position{At: i} }
	for _, c := range []struct {
		golden string
		o      Options
	}{
		{"start.txt", Options{What: Insn, From: at(0), To: at(40), Regs: true}},
		{"insn.txt", Options{What: Insn, From: at(60_000), To: at(60_080), Regs: true}},
		{"att.txt", Options{What: Insn, From: at(60_000), To: at(60_020), ATT: true}},
		{"insn.ndjson", Options{What: Insn, From: at(60_000), To: at(60_010), Regs: true, Format: NDJSON}},
		{"insn.json", Options{What: Insn, From: at(60_000), To: at(60_010), Format: Perfetto}},
		{"mem.txt", Options{What: Insn, From: at(60_000), To: at(60_080), Mem: true}},
		{"mem16.ndjson", Options{What: Insn, From: at(0), To: at(40), Mem: true, Regs: true, Format: NDJSON}},
		{"block.txt", Options{What: Block, From: at(60_000), To: at(60_300)}},
		{"call.txt", Options{What: Call, From: at(0), To: at(6000)}},
		{"irq.txt", Options{What: IRQ, From: at(0), To: at(200_000)}},
		{"io.txt", Options{What: IO, From: at(0), To: at(10_000)}},
		{"io.json", Options{What: IO, From: at(0), To: at(1000), Format: Perfetto}},
	} {
		name := "testdata/" + c.golden
		if *update {
			if err := os.WriteFile(name, []byte(traced(t, interp.New(), c.o)), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for engine, fresh := range engines() {
			for range 2 {
				if got := traced(t, fresh(), c.o); got != string(want) {
					t.Errorf("%s on %s: %d bytes, want %d; it begins\n%.2000s", c.golden, engine, len(got), len(want), got)
				}
			}
		}
	}
}

// A trace changes nothing: what follows it is what follows without.
func TestTraceLeavesNoTrace(t *testing.T) {
	digests := func(what What) string {
		r := guestRun(t, engines()["interp"]())
		if what != "" {
			if err := Write(context.Background(), r, Options{What: what, From: vmm.Position{At: 1000}, To: vmm.Position{At: 90_000}}, new(bytes.Buffer)); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := r.Player.Run(vmm.Position{At: 120_000}); err != nil {
			t.Fatal(err)
		}
		d, _ := r.Machine.Digests()
		return fmt.Sprint(r.Machine.Position(), d, r.Machine.Mem.Root())
	}
	want := digests("")
	for _, w := range []What{Insn, Block, Call, IRQ, IO} {
		if digests(w) != want {
			t.Errorf("after a trace of %s the machine is another", w)
		}
	}
}

func TestNoLinux(t *testing.T) {
	err := Write(context.Background(), guestRun(t, interp.New()), Options{What: Syscall, To: vmm.Position{At: 1000}}, new(bytes.Buffer))
	if err != ErrNoLinux && !strings.Contains(err.Error(), "no Linux") {
		t.Error(err)
	}
}

func TestArguments(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{quoted("a\"\\\n\t\r\x01é"), `"a\"\\\n\t\r\x01\xc3\xa9"`},
		{bitNames(0o102, openNames(0o102), openFlags), "O_RDWR|O_CREAT"},
		{bitNames(0o20200000, openNames(0), openFlags), "O_RDONLY|O_TMPFILE"},
		{bitNames(0, none(0, "PROT_NONE"), protFlags), "PROT_NONE"},
		{bitNames(0x22, "", mapFlags), "MAP_PRIVATE|MAP_ANONYMOUS"},
		{bitNames(1<<40|1, "", protFlags), "PROT_READ|0x10000000000"},
		{(&call{name: "open"}).returned(^uint64(1)), "-1 ENOENT"},
		{(&call{name: "read"}).returned(^uint64(511)), "? ERESTARTSYS"},
		{(&call{name: "read"}).returned(7), "7"},
		{(&call{name: "mmap"}).returned(0x7000), "0x7000"},
		{(&call{}).arg(nil, "at", 1<<32-100), "AT_FDCWD"},
		{(&call{}).arg(nil, "sig", 11), "SIGSEGV"},
		{(&call{}).arg(nil, "o", 0o644), "0644"},
		{(&call{}).arg(nil, "d", 1<<32-1), "-1"},
	} {
		if c.got != c.want {
			t.Errorf("%s, want %s", c.got, c.want)
		}
	}
}
