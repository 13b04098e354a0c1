package pc_test

import (
	"encoding/binary"
	"flag"
	"os"
	"strings"
	"testing"

	"vmrecord/configs/bare"
	"vmrecord/vmm"
	"vmrecord/vmm/texttest"
)

var update = flag.Bool("update", false, "rewrite the goldens")

// keys are inputs of one byte each, at instants in ascending order.
func keys(at, gap vmm.Instant, text string) (in []vmm.Input) {
	for i, c := range []byte(text) {
		in = append(in, vmm.Input{At: at + vmm.Instant(i)*gap, Inlet: "com1/rx", Data: []byte{c}})
	}
	return in
}

func leap(at vmm.Instant, n uint64) vmm.Input {
	return vmm.Input{At: at, Inlet: vmm.InletLeap, Data: binary.LittleEndian.AppendUint64(nil, n)}
}

// busy is a short run with everything in it.
func busy() (bare.Options, []vmm.Input) {
	in := keys(20_000, 777, "early keys")
	in = append(in, leap(60_000, 16_000), leap(90_000, 1))
	in = append(in, keys(170_000, 40_000, "rwkrwdrxfkq")...)
	return bare.Options{APIC: true, Float: true, Keys: true}, in
}

const goldenHead = `# The bare guest on the whole machine: for each case its end, digests, console,
# and the backdoor's events. When a digest moves and neither the guest nor a
# schema was changed, a guest can tell: raise vmm.Model and say why there.
# go test -run TestGolden -update rewrites this file.
`

func TestGolden(t *testing.T) {
	o, in := busy()
	got := goldenHead
	for _, c := range []struct {
		name string
		o    bare.Options
		hz   uint64
		in   []vmm.Input
	}{
		{"integer work at 4 GHz", bare.Options{Work: 2e6}, 0, nil},
		{"all work, both timers", bare.Options{Work: 1e6, Float: true, APIC: true}, slowHz, nil},
		{"keys, leaps, recordings", o, slowHz, in},
	} {
		g := boot(t, c.o, c.hz, c.in...)
		g.finish(t)
		got += "\n== " + c.name + "\n" + g.end()
	}
	const path = "testdata/guest.golden"
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	texttest.Same(t, "golden", got, string(b))
}

func TestEnds(t *testing.T) {
	for _, c := range []struct {
		name string
		o    bare.Options
		kind vmm.StopKind
		code uint32
	}{
		{"soft-off", bare.Options{End: bare.PowerOff}, vmm.StopPowerOff, 0},
		{"debug exit", bare.Options{End: bare.DebugExit, Code: 0xc0ffee}, vmm.StopDebugExit, 0xc0ffee},
		{"triple fault", bare.Options{End: bare.TripleFault}, vmm.StopReset, vmm.TripleFault},
		{"port CF9", bare.Options{End: bare.Reset}, vmm.StopReset, 0},
	} {
		g := boot(t, c.o, slowHz)
		g.finish(t)
		if kind, code := g.Stopped(); kind != c.kind || code != c.code {
			t.Errorf("%s: stopped %d/%#x, want %d/%#x", c.name, kind, code, c.kind, c.code)
		}
	}
}

// A port that ring 3 may not use raises #GP(0), with RIP at the instruction.
func TestClosedBackdoor(t *testing.T) {
	g := machine(make([]byte, guestBytes), slowHz, &vmm.Scripted{Left: keys(170_000, 0, "r")}, true)
	g.load(t, bare.Options{Keys: true})
	g.finish(t)
	const want = "panic: vector, stack, CR2: 000000000000000d 0000000000000000 000000004000"
	if kind, code := g.Stopped(); kind != vmm.StopDebugExit || code != 0xff || !strings.Contains(g.tx.String(), want) {
		t.Errorf("stopped %s\n%s", g.stop(), g.tx.Bytes())
	}
}

// A deadline that never comes is a deadline too: with all timers idle and no
// input to come, an engine is told to run to vmm.Never.
func TestNever(t *testing.T) {
	g := boot(t, bare.Options{}, 0)
	if e := g.Run(vmm.Never); e != vmm.Stopped {
		t.Errorf("exit %d: %v", e, g.Err())
	}
}

// Accessed and dirty bits that were cleared without INVLPG are set again by the
// accesses that follow, and by nothing else.
func TestAccessedDirty(t *testing.T) {
	g := boot(t, bare.Options{Work: 3e5}, slowHz)
	g.finish(t)
	for i := range 64 {
		straddles := i == 32 || i == 33
		written := i%7 == 0 || straddles
		read := i%5 == 0 || written
		e := binary.LittleEndian.Uint64(g.Mem.B[bare.PageTable+8*i:])
		if a, d := e>>5&1 != 0, e>>6&1 != 0; a != read || d != written {
			t.Errorf("page %d: A %t D %t, want %t %t", i, a, d, read, written)
		}
	}
}

// What patched code and exchanged pages must compute, computed here.
func TestSelfModifying(t *testing.T) {
	g := boot(t, bare.Options{}, slowHz)
	g.finish(t)
	var want [5]uint64
	for c := uint64(20); c > 0; c-- {
		want[0] = uint64(uint32(want[0]) + uint32(c*0x01010101))
		want[0] = uint64(uint32(want[0]+c) * 3)
	}
	// Loads alternate between the two pages; the second page's four bytes from
	// its second on are added to between them.
	other := func(added uint64) uint64 {
		v := 0x66<<56 | (0x77efbead+added)&0xffffffff<<24 | 0xde<<16 | 0x7788
		return v<<13 | v>>51
	}
	want[4], want[3], want[2], want[1] = 0x1122334455667788, other(4), 0x1122334455667788, other(4+3+2)
	for i, w := range want {
		if got := binary.LittleEndian.Uint64(g.Mem.B[bare.Results+8*i:]); got != w {
			t.Errorf("result %d: %#x, want %#x", i, got, w)
		}
	}
}

// The sum tells what was computed, not when: neither the clock nor interrupts
// show in it.
func TestSumIgnoresTime(t *testing.T) {
	want := ""
	for _, c := range []struct {
		apic bool
		hz   uint64
	}{{false, 0}, {true, 0}, {false, slowHz}, {true, slowHz}, {true, 1_000_000}} {
		g := boot(t, bare.Options{Work: 3e5, Float: true, APIC: c.apic}, c.hz)
		g.finish(t)
		_, last, _ := strings.Cut(g.tx.String(), "\r\n sum ")
		sum, _, _ := strings.Cut(last, " ")
		if want == "" {
			want = sum
		}
		if sum != want || len(sum) != 16 {
			t.Errorf("APIC %t, %d Hz: sum %s, want %s", c.apic, c.hz, sum, want)
		}
	}
}
