package lockstep

import (
	"vmrecord/vmm"
	"vmrecord/vmm/cpu"
	"vmrecord/vmm/mem"
)

// A gadget is the one device: a timer that interrupts at odd instants, and a
// window in which every access leaves a trace.
type gadget struct {
	state struct {
		Rand, Hash uint64
		Least, Mod uint64 // the timer's next instant: Least and up to Mod later
		INTR       bool
	}
	slot  *vmm.Slot
	req   vmm.Req
	timer vmm.Timer
}

func (g *gadget) State() any { return &g.state }
func (g *gadget) Reset()     {}

func (g *gadget) Attach(s *vmm.Slot) {
	g.slot = s
	g.timer = s.Timer(g.fire)
	g.req = s.Req(0, func() uint8 { g.raise(false); return 0x20 })
	s.Memory(0, pageBytes, g)
}

func (g *gadget) raise(on bool) {
	g.state.INTR = on
	g.req.Set(on)
}

func (g *gadget) fire() {
	if g.roll()%8 == 0 {
		g.slot.NMI()
	} else {
		g.raise(true)
	}
	g.arm()
}

func (g *gadget) arm() {
	if g.state.Mod != 0 {
		g.timer.At(g.slot.Clock().Now() + vmm.Instant(g.state.Least+g.roll()%g.state.Mod))
	}
}

func (g *gadget) roll() uint64 {
	x := g.state.Rand
	x ^= x << 13
	x ^= x >> 7
	x ^= x << 17
	g.state.Rand = x
	return x
}

// In implements vmm.Handler: what it answers depends on all before.
func (g *gadget) In(off uint64, size int) uint64 {
	g.trace(off, size, 0)
	return g.state.Hash
}

// Out implements vmm.Handler. The end of the window stores a byte to the code,
// as a bus master does.
func (g *gadget) Out(off uint64, size int, v uint64) {
	g.trace(off, size, v)
	if off >= 0xf00 {
		g.slot.RAM().Write(physCode+v>>8%pageBytes, []byte{byte(v)})
	}
}

func (g *gadget) trace(off uint64, size int, v uint64) {
	for _, w := range [...]uint64{off, uint64(size), v, uint64(g.slot.Clock().Now())} {
		g.state.Hash = (g.state.Hash ^ w) * 0x9e3779b97f4a7c15
	}
}

// A side is a machine with one of the engines.
type side struct {
	vmm.Machine
	ram *mem.RAM
	gadget
}

func newSide() *side {
	s := &side{ram: mem.New(make([]byte, ramBytes))}
	s.Machine = vmm.Machine{Board: vmm.NewBoard(s.ram, vmm.Config{}), CPU: new(cpu.State), Door: new(vmm.Scripted)}
	s.Board.Plug(vmm.Place{Name: "gadget", Mem: []uint64{mmio}, Reqs: []uint8{0}}, &s.gadget)
	return s
}

// begin makes it the machine of a case, under an engine.
func (s *side) begin(c *Case, e vmm.Engine) {
	copy(s.ram.B, c.ram)
	s.ram.Mark()
	s.ram.Hits = s.ram.Hits[:0]
	*s.CPU, s.Engine, s.Slice = c.state, e, 0
	s.Board.SetNow(0)
	s.Board.RequestStop(vmm.StopNone, 0)
	s.Board.TakeNMI()
	s.raise(false)
	s.state.Rand, s.state.Hash, s.state.Least, s.state.Mod = c.tick[0], c.tick[0], c.tick[1], c.tick[2]
	s.timer.Stop()
	s.arm()
	e.Drop(nil)
}
