package vmm

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"slices"

	"vmrecord/vmm/mem"
)

// DefaultHz is the guest's clock rate: instants in a guest second. One instant
// is a quarter of a nanosecond, so the TSC runs at 4 GHz.
const DefaultHz = 4_000_000_000

// wires is the board's own state: what devices reach through their slots.
type wires struct {
	Now    Instant
	Asleep Instant // of Now, the instants slept through or leapt over
	Inputs uint64  // delivered so far
	Hz     uint64
	Epoch  uint64    // Unix seconds at instant 0
	Drive  []bool    // one per line driver, in claim order
	Req    [8]bool   // request wires
	Due    []Instant // one per timer, in claim order; Never when idle
	Maps   []mapping // one per window, in claim order

	NMI      bool // latched edge, taken by the processor
	Stop     uint8
	StopCode uint32
	Control  bool // host work was asked for
}

type pin struct {
	wire uint16
	f    func(bool)
}

type req struct {
	dev     Device // the driving end's
	ack     func() uint8
	changed func(bool)
}

type msrClaim struct {
	base, n uint32
	h       MSRHandler
}

type callClaim struct {
	port  uint16
	ring3 bool
	f     func(*Regs)
}

// A Board holds devices in slot order and routes accesses, time and inputs. It
// is what the processor sees of the rest of the machine.
type Board struct {
	// Attention asks the engine to look up: the deadline, a pin, a window or
	// memory under cached code changed, or host work is due. The engine clears it.
	Attention bool
	// Moved says that windows moved since the engine last cleared it.
	Moved bool
	// Pass has the next step ignore all stops, in everything that it does; the
	// engine clears it after that. It is how to go on after Struck.
	Pass bool
	// Mem is the guest's RAM.
	Mem *mem.RAM

	w       wires
	horizon Instant
	soonest Instant // the earliest of w.Due
	slots   []*Slot
	wins    []window
	ports   *[portCount]uint8
	fire    []func()
	wireOf  []uint16
	pins    []pin
	reqs    [8]req
	msrs    []msrClaim
	calls   []callClaim
	stops   stops
	onMSI   func(addr, data uint64)
	onEOI   []func(uint8)
	tprGet  func() uint8
	tprSet  func(uint8)
	names   []string // inlets in claim order
	inlets  map[string]func([]byte)
	outs    []string // outlets in claim order
	outlets map[string]func([]byte)
}

// A Config fixes what a board is told about the world, once.
type Config struct {
	Hz    uint64 // instants in a guest second; 0: DefaultHz
	Epoch uint64 // Unix seconds that the real-time clock shows at instant 0
}

// InletLeap moves guest time forward at an instruction boundary. Its data is
// the number of instants, 8 bytes little-endian, at most 1 s of guest time.
const InletLeap = "board/leap"

// NewBoard returns a board without devices over the given RAM, which may be nil.
func NewBoard(ram *mem.RAM, c Config) *Board {
	if c.Hz == 0 {
		c.Hz = DefaultHz
	}
	if ram == nil {
		ram = mem.New(nil)
	}
	b := &Board{Mem: ram, soonest: Never, horizon: Never, ports: new([portCount]uint8),
		inlets: map[string]func([]byte){}, outlets: map[string]func([]byte){}}
	b.w.Hz, b.w.Epoch = c.Hz, c.Epoch
	b.remap()
	b.inlet(InletLeap, b.leap)
	return b
}

// A Dated is a device that keeps the date by itself.
type Dated interface {
	Redate(by int64) // in seconds
}

// Redate makes it another day for a machine that was saved and goes on later, before
// it does: the date at instant 0 becomes epoch, and clocks are moved as far.
func (b *Board) Redate(epoch uint64) {
	by := int64(epoch - b.w.Epoch)
	b.w.Epoch = epoch
	for _, s := range b.slots {
		if d, ok := s.dev.(Dated); ok {
			d.Redate(by)
		}
	}
}

// Plug puts a device in the next slot and resets it.
func (b *Board) Plug(p Place, d Device) {
	s := &Slot{b, p, d}
	b.slots = append(b.slots, s)
	d.Attach(s)
	d.Reset()
}

// Device is the device in the slot of that name, or nil.
func (b *Board) Device(name string) Device {
	for _, s := range b.slots {
		if s.place.Name == name {
			return s.dev
		}
	}
	return nil
}

// Wire tells whether any driver holds wire n high.
func (b *Board) Wire(n uint16) bool {
	for i, w := range b.wireOf {
		if w == n && b.w.Drive[i] {
			return true
		}
	}
	return false
}

func (b *Board) inlet(name string, f func([]byte)) {
	if b.inlets[name] != nil {
		panic("vmm: two inlets named " + name)
	}
	b.names = append(b.names, name)
	b.inlets[name] = f
}

// Inlets names every inlet in claim order.
func (b *Board) Inlets() []string { return slices.Clone(b.names) }

// HasInlet tells whether an input for that inlet can be delivered.
func (b *Board) HasInlet(name string) bool { return b.inlets[name] != nil }

// OnOutput has f called with what the named outlet carries; f must not keep p.
func (b *Board) OnOutput(name string, f func(p []byte)) { b.outlets[name] = f }

// Deliver hands an input to its inlet.
func (b *Board) Deliver(in Input) {
	f := b.inlets[in.Inlet]
	if f == nil {
		panic(fmt.Sprintf("vmm: input for %q, which no device has", in.Inlet))
	}
	b.w.Inputs++
	f(in.Data)
}

func (b *Board) leap(p []byte) {
	if len(p) != 8 {
		return
	}
	n := min(binary.LittleEndian.Uint64(p), b.w.Hz)
	b.advance(b.w.Now + Instant(n))
}

// Now is the current instant; during an access, the steps completed before
// the instruction that makes it.
func (b *Board) Now() Instant { return b.w.Now }

// SetNow is the engine's: it stores the steps completed so far.
func (b *Board) SetNow(i Instant) { b.w.Now = i }

// Clock returns the board's clock.
func (b *Board) Clock() Clock { return Clock{b} }

// Inputs is the number of inputs delivered since instant 0.
func (b *Board) Inputs() uint64 { return b.w.Inputs }

// Asleep is how many of Now's instants passed without a step.
func (b *Board) Asleep() Instant { return b.w.Asleep }

// Deadline is the next instant at which anything but the processor can act.
func (b *Board) Deadline() Instant { return min(b.soonest, b.horizon) }

func (b *Board) rearmed() {
	b.soonest = Never
	for _, d := range b.w.Due {
		b.soonest = min(b.soonest, d)
	}
	b.Attention = true
}

// Settle fires every timer that is due, by (deadline, claim order).
func (b *Board) Settle() {
	for b.soonest <= b.w.Now {
		i := slices.Index(b.w.Due, b.soonest)
		b.w.Due[i] = Never
		b.rearmed()
		b.fire[i]()
	}
}

// advance lets time pass without steps, firing timers at their own instants.
func (b *Board) advance(to Instant) {
	for b.soonest <= to {
		b.sleep(b.soonest)
		b.Settle()
	}
	b.sleep(to)
}

func (b *Board) sleep(to Instant) {
	if to > b.w.Now {
		b.w.Asleep += to - b.w.Now
		b.w.Now = to
	}
}

// Advance lets a sleeping machine's time pass up to the given instant, or to
// the first timer due before it.
func (b *Board) Advance(to Instant) {
	b.sleep(min(to, max(b.soonest, b.w.Now)))
	b.Settle()
}

// INTR tells whether the processor's interrupt pin is raised.
func (b *Board) INTR() bool { return b.w.Req[0] }

// Acknowledge takes the interrupt on the INTR pin and returns its vector.
func (b *Board) Acknowledge() uint8 { return b.reqs[0].ack() }

// NMIPending tells whether an NMI edge waits to be taken.
func (b *Board) NMIPending() bool { return b.w.NMI }

// Wanted tells whether host work was asked for at the next boundary.
func (b *Board) Wanted() bool { return b.w.Control }

// TSC is the time-stamp counter as hardware counts it: one an instant.
func (b *Board) TSC() uint64 { return uint64(b.w.Now) }

// Hz is the number of instants in a guest second.
func (b *Board) Hz() uint64 { return b.w.Hz }

// TripleFault pulls the reset wire: the processor has shut down.
func (b *Board) TripleFault() { b.RequestStop(StopReset, TripleFault) }

// TripleFault is the stop code of a reset that a triple fault caused.
const TripleFault = 3

// TakeNMI returns and clears the latched NMI edge.
func (b *Board) TakeNMI() bool { n := b.w.NMI; b.w.NMI = false; return n }

// TPR reads the task priority behind CR8.
func (b *Board) TPR() uint8 {
	if b.tprGet == nil {
		return 0
	}
	return b.tprGet()
}

// SetTPR writes the task priority behind CR8.
func (b *Board) SetTPR(v uint8) {
	if b.tprSet != nil {
		b.tprSet(v)
	}
}

// RDMSR reads a register that a device owns. owned is false when none does.
func (b *Board) RDMSR(n uint32) (v uint64, ok, owned bool) {
	for i := range b.msrs {
		if c := &b.msrs[i]; n-c.base < c.n {
			v, ok = c.h.RDMSR(n)
			return v, ok, true
		}
	}
	return 0, false, false
}

// WRMSR writes a register that a device owns.
func (b *Board) WRMSR(n uint32, v uint64) (ok, owned bool) {
	for i := range b.msrs {
		if c := &b.msrs[i]; n-c.base < c.n {
			return c.h.WRMSR(n, v), true
		}
	}
	return false, false
}

// CallAt returns the register port's function at port, and whether every ring
// may use it; nil where there is none.
func (b *Board) CallAt(port uint16) (f func(*Regs), ring3 bool) {
	for i := range b.calls {
		if c := &b.calls[i]; c.port == port {
			return c.f, c.ring3
		}
	}
	return nil, false
}

// RequestStop asks for the machine to stop at the next boundary.
func (b *Board) RequestStop(kind StopKind, code uint32) {
	b.w.Stop, b.w.StopCode = uint8(kind), code
	b.Attention = true
}

// Stopped tells what the guest asked for, if it did.
func (b *Board) Stopped() (StopKind, uint32) { return StopKind(b.w.Stop), b.w.StopCode }

// busMaster is guest memory for devices.
type busMaster struct{ b *Board }

func (m busMaster) Read(pa uint64, p []byte) { m.b.Mem.Read(pa, p) }
func (m busMaster) Write(pa uint64, p []byte) {
	m.b.Mem.Write(pa, p)
	m.b.Attention = true
}

// MulDiv is a*b/c, rounded down, exact in between, saturating.
func MulDiv(a, b, c uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	if hi >= c {
		return 1<<64 - 1
	}
	q, _ := bits.Div64(hi, lo, c)
	return q
}

func mulDivUp(a, b, c uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	if hi >= c {
		return 1<<64 - 1
	}
	q, r := bits.Div64(hi, lo, c)
	if r != 0 {
		q++
	}
	return q
}
