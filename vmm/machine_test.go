package vmm_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"vmrecord/hwdevices/intc"
	"vmrecord/hwdevices/serial"
	"vmrecord/vmm"
	"vmrecord/vmm/cpu"
	"vmrecord/vmm/mem"
)

// toy is an engine with a program of its own: it mixes what the serial port
// receives into RAX, echoes it, arms the pit and halts now and then.
type toy struct{}

func (toy) Drop(*mem.Pages) {}
func (toy) Err() error      { return nil }
func (toy) Close() error    { return nil }

func (toy) Run(c *cpu.State, b *vmm.Board) vmm.Exit {
	for b.Now() < b.Deadline() {
		switch {
		case b.INTR():
			c.R[1] = c.R[1]*31 + uint64(b.Acknowledge())
			b.PortOut(0x20, 1, 0x20)
			c.Halted = false
			c.Overhead++ // a delivery retires nothing
		case c.Halted:
			return vmm.Halted
		default:
			step(c, b)
		}
		b.SetNow(b.Now() + 1)
		if b.Attention {
			b.Attention = false
			return vmm.Reached
		}
	}
	return vmm.Reached
}

func step(c *cpu.State, b *vmm.Board) {
	c.RIP++
	c.R[0] = c.R[0]*6364136223846793005 + 1442695040888963407
	if b.PortIn(0x3fd, 1)&1 != 0 {
		v := b.PortIn(0x3f8, 1)
		c.R[0] += v
		b.PortOut(0x3f8, 1, v)
		b.PortOut(0x40, 1, v)
	}
	c.Halted = c.R[0]>>60 == 7
}

// pit is a one-shot timer; it also notes when it fired.
type pit struct {
	state struct {
		Fired uint64
		At    [8]uint64
	}
	clock vmm.Clock
	timer vmm.Timer
	irq   vmm.Line
}

func (p *pit) State() any { return &p.state }
func (p *pit) Reset()     { p.state.Fired = 0; p.timer.Stop() }
func (p *pit) Attach(s *vmm.Slot) {
	s.Ports(0, 1, p)
	p.clock, p.irq, p.timer = s.Clock(), s.Line(0), s.Timer(p.fire)
}
func (p *pit) fire() {
	p.state.At[p.state.Fired%8] = uint64(p.clock.Now())
	p.state.Fired++
	p.irq.Set(false)
	p.irq.Set(true)
}
func (p *pit) In(uint64, int) uint64         { return p.state.Fired }
func (p *pit) Out(_ uint64, _ int, v uint64) { p.timer.At(p.clock.Now() + 1 + vmm.Instant(v)) }

// live is a random world that is asked every few instants, and writes down what came.
type live struct {
	rng   *rand.Rand
	asked vmm.Instant
	tape  []vmm.Input
}

func (d *live) Horizon(now vmm.Instant) vmm.Instant { return now + 113 }
func (d *live) Idle(now, until vmm.Instant) vmm.Instant {
	return min(until, now+1+vmm.Instant(d.rng.IntN(300)))
}
func (d *live) Next(now vmm.Instant) (vmm.Input, bool) {
	if d.asked > now || d.rng.IntN(3) != 0 {
		d.asked = now + 1
		return vmm.Input{}, false
	}
	d.asked = now + 1
	in := vmm.Input{At: now, Inlet: "com1/rx", Data: fmt.Append(nil, d.rng.IntN(1000))}
	if d.rng.IntN(4) == 0 {
		in = vmm.Input{At: now, Inlet: vmm.InletLeap, Data: binary.LittleEndian.AppendUint64(nil, d.rng.Uint64N(500))}
	}
	d.tape = append(d.tape, in)
	return in, true
}

// build makes a machine with a serial port, interrupt controllers and a pit,
// and a log of what it sends.
func build(d vmm.Door) (*vmm.Machine, *strings.Builder) {
	b, out := vmm.NewBoard(mem.New(make([]byte, 4*mem.PageBytes)), vmm.Config{}), new(strings.Builder)
	pins := make([]uint16, 16)
	for i := range pins {
		pins[i] = uint16(i)
	}
	b.Plug(vmm.Place{Name: "pic", Ports: []uint16{0x20, 0xa0, 0x4d0}, Pins: pins, Reqs: []uint8{0}}, new(intc.I8259))
	b.Plug(vmm.Place{Name: "com1", Ports: []uint16{0x3f8}, Lines: []uint16{4}}, new(serial.UART16550))
	b.Plug(vmm.Place{Name: "pit", Ports: []uint16{0x40}, Lines: []uint16{0}}, new(pit))
	b.OnOutput("com1/tx", func(p []byte) { fmt.Fprintf(out, "%d:%s ", b.Now(), p) })
	for _, w := range [][2]uint64{{0x20, 0x11}, {0x21, 8}, {0x21, 4}, {0x21, 1}, {0x21, 0xee}, {0x3f9, 1}, {0x3fa, 1}, {0x3fc, 8}} {
		b.PortOut(uint16(w[0]), 1, w[1])
	}
	return &vmm.Machine{Board: b, CPU: new(cpu.State), Engine: toy{}, Door: d}, out
}

const end = 60000

func record(t *testing.T, seed uint64) (tape []vmm.Input, secs []vmm.Section, out string) {
	t.Helper()
	d := &live{rng: rand.New(rand.NewPCG(seed, 7))}
	m, o := build(d)
	m.Run(end)
	if m.Now() < end || len(d.tape) < 20 || o.Len() < 100 {
		t.Fatalf("seed %d: instant %d, %d inputs, %d bytes out: nothing much happened", seed, m.Now(), len(d.tape), o.Len())
	}
	return d.tape, m.Save(), o.String()
}

// Cutting a run into slices changes nothing; nor does who the door is.
func TestSliceInvariance(t *testing.T) {
	for seed := range uint64(3) {
		tape, want, out := record(t, seed)
		for _, slice := range []vmm.Instant{0, 1, 3, 97, 5000} {
			m, got := build(&vmm.Scripted{Left: tape})
			m.Slice = slice
			m.Run(end)
			if got.String() != out || !reflect.DeepEqual(m.Save(), want) {
				t.Errorf("seed %d, slices of %d: replay diverged at %v", seed, slice, m.Position())
			}
		}
	}
}

// Save, restore, continue equals continue, anywhere.
func TestRestoreAnywhere(t *testing.T) {
	tape, want, _ := record(t, 1)
	rng := rand.New(rand.NewPCG(3, 3))
	for range 20 {
		at := vmm.Instant(rng.Uint64N(end))
		a, _ := build(&vmm.Scripted{Left: tape})
		a.Run(at)
		b, _ := build(&vmm.Scripted{Left: tape[a.Inputs():]})
		if err := b.Load(a.Save()); err != nil {
			t.Fatal(err)
		}
		_, da := a.Digests()
		if _, db := b.Digests(); da != db || a.Position() != b.Position() || a.RegDigest() != b.RegDigest() {
			t.Fatalf("at %d: restored state differs", at)
		}
		b.Run(end)
		if !reflect.DeepEqual(b.Save(), want) {
			t.Errorf("restored at %d: diverged", at)
		}
	}
}

// The position of the n-th retired instruction is the same however the run is
// cut, and every beat is at its exact count.
func TestHeartbeats(t *testing.T) {
	tape, _, _ := record(t, 2)
	beats := func(slice vmm.Instant) (at []string) {
		m, _ := build(&vmm.Scripted{Left: tape})
		m.Slice, m.Beat = slice, 200
		for m.Run(end) == vmm.Beat {
			if m.Retired() != m.Beat {
				t.Errorf("slice %d: beat %d at %d instructions", slice, m.Beat, m.Retired())
			}
			_, d := m.Digests()
			at = append(at, fmt.Sprintf("%v %x", m.Position(), d))
			m.Beat += 200
		}
		return at
	}
	want := beats(0)
	if len(want) < 5 {
		t.Fatalf("%d beats", len(want))
	}
	for _, slice := range []vmm.Instant{1, 97, 1000} {
		if got := beats(slice); !reflect.DeepEqual(got, want) {
			t.Errorf("slices of %d: beats\n%v\nwant\n%v", slice, got, want)
		}
	}
}

// Inputs of one instant arrive in tape order, after timers due then, and
// OnInput sees each just before.
func TestBoundaryOrder(t *testing.T) {
	m, out := build(&vmm.Scripted{Left: []vmm.Input{
		{At: 50, Inlet: "com1/rx", Data: []byte("a")},
		{At: 50, Inlet: "com1/rx", Data: []byte("b")},
		{At: 50, Inlet: "com1/rx", Data: []byte("c")},
	}})
	m.PortOut(0x40, 1, 49) // fires at 50
	var saw []string
	m.OnInput = func(in vmm.Input) {
		saw = append(saw, fmt.Sprintf("%s %v, fired %d", in.Data, m.Position(), m.PortIn(0x40, 1)))
	}
	m.Run(3000)
	if want := []string{"a 50+0, fired 1", "b 50+1, fired 1", "c 50+2, fired 1"}; !reflect.DeepEqual(saw, want) {
		t.Errorf("%q, want %q", saw, want)
	}
	order := ""
	for _, w := range strings.Fields(out.String()) {
		_, c, _ := strings.Cut(w, ":")
		order += c
	}
	if order != "abc" {
		t.Errorf("echo %q", out)
	}
}

// A leap fires the timers inside it at their own instants, and lets no instruction run.
func TestLeap(t *testing.T) {
	p := new(pit)
	b := vmm.NewBoard(nil, vmm.Config{Hz: 1000})
	b.Plug(vmm.Place{Name: "pit", Ports: []uint16{0x40}, Lines: []uint16{0}}, p)
	m := &vmm.Machine{Board: b, CPU: new(cpu.State), Engine: toy{}, Door: new(vmm.Scripted)}
	leap := func(n uint64) {
		b.Deliver(vmm.Input{Inlet: vmm.InletLeap, Data: binary.LittleEndian.AppendUint64(nil, n)})
	}
	b.PortOut(0x40, 1, 99)
	leap(300)
	if p.state.At[0] != 100 || b.Now() != 300 || m.Retired() != 0 || b.Asleep() != 300 {
		t.Errorf("fired at %v, now %d, retired %d", p.state.At, b.Now(), m.Retired())
	}
	leap(1 << 40) // at most a second
	b.Deliver(vmm.Input{Inlet: vmm.InletLeap, Data: []byte{1, 2, 3}})
	if b.Now() != 1300 || b.Inputs() != 3 {
		t.Errorf("now %d after %d inputs", b.Now(), b.Inputs())
	}
}

// Entropy makes another generator of the one behind RDRAND, of its old state and
// the data, and changes nothing else.
func TestEntropy(t *testing.T) {
	stirred := func(data ...string) (rand [4]uint64) {
		m := &vmm.Machine{Board: vmm.NewBoard(nil, vmm.Config{}), CPU: new(cpu.State), Engine: toy{}, Door: new(vmm.Scripted)}
		m.CPU.Cold(7)
		want := *m.CPU
		for _, d := range data {
			m.Deliver(vmm.Input{Inlet: vmm.InletEntropy, Data: []byte(d)})
		}
		rand, want.Rand = m.CPU.Rand, m.CPU.Rand
		if *m.CPU != want || m.Inputs() != uint64(len(data)) {
			t.Errorf("%q: %+v, want %+v; %d inputs", data, m.CPU, want, m.Inputs())
		}
		return rand
	}
	if stirred("a", "b") != stirred("a", "b") {
		t.Error("it does not repeat")
	}
	seen := map[[4]uint64]bool{}
	for _, d := range [][]string{nil, {""}, {"a"}, {"b"}, {"a", "b"}, {"b", "a"}, {"ab"}} {
		r := stirred(d...)
		if seen[r] {
			t.Errorf("%q gives the generator of other entropy", d)
		}
		seen[r] = true
	}
}

func TestExits(t *testing.T) {
	m, _ := build(new(vmm.Scripted))
	m.CPU.Halted = true
	if e := m.Run(100); e != vmm.Reached || m.Now() != 100 {
		t.Errorf("asleep until there: exit %d at %d", e, m.Now())
	}
	if e := m.Run(vmm.Never); e != vmm.Asleep {
		t.Errorf("asleep for good: exit %d", e)
	}
	var s *vmm.Slot
	m.Plug(vmm.Place{Name: "hand"}, hand{&s})
	m.CPU.Halted = false
	s.Control()
	if e := m.Run(200); e != vmm.Control || !m.Wanted() || m.Now() != 100 {
		t.Errorf("control: exit %d at %d", e, m.Now())
	}
	m.TakeControl()
	s.Stop(vmm.StopDebugExit, 7)
	e := m.Run(200)
	if k, c := m.Stopped(); e != vmm.Stopped || k != vmm.StopDebugExit || c != 7 {
		t.Errorf("stop: exit %d, %d %d", e, k, c)
	}
}

// hand gives its slot to a test.
type hand struct{ s **vmm.Slot }

func (h hand) Attach(s *vmm.Slot) { *h.s = s }
func (h hand) Reset()             {}
func (h hand) State() any         { return new(struct{}) }

func TestLoadRefuses(t *testing.T) {
	m, _ := build(new(vmm.Scripted))
	m.Run(1000)
	good := m.Save()
	for name, spoil := range map[string]func(s []vmm.Section) []vmm.Section{
		"a section missing": func(s []vmm.Section) []vmm.Section { return s[:len(s)-1] },
		"another name":      func(s []vmm.Section) []vmm.Section { s[2].Name = "pit"; return s },
		"another schema":    func(s []vmm.Section) []vmm.Section { s[2].Schema += " "; return s },
		"a byte short":      func(s []vmm.Section) []vmm.Section { s[2].Data = s[2].Data[1:]; return s },
		"a byte more":       func(s []vmm.Section) []vmm.Section { s[2].Data = append(s[2].Data, 0); return s },
		"no wires":          func(s []vmm.Section) []vmm.Section { s[1].Data = board(s[1].Data); return s },
	} {
		secs := make([]vmm.Section, len(good))
		for i, s := range good {
			secs[i] = vmm.Section{Name: s.Name, Schema: s.Schema, Data: bytes.Clone(s.Data)}
		}
		if err := m.Load(spoil(secs)); err == nil {
			t.Errorf("%s: loads", name)
		}
	}
	if err := m.Load(good); err != nil {
		t.Error(err)
	}
}

// board drops the line drivers of an encoded board section: five words, then
// the count and its booleans.
func board(p []byte) []byte {
	n := int(p[40])
	return append(append(bytes.Clone(p[:40]), 0), p[41+n:]...)
}
