package vmm

import "fmt"

// A Place is where the motherboard puts a device: what its pins are soldered
// to. A device names its pins by index and knows no address of its own.
type Place struct {
	Name  string
	Ports []uint16 // bases of port windows
	Mem   []uint64 // physical bases of memory windows
	Lines []uint16 // wires it drives
	Pins  []uint16 // wires it listens to
	Reqs  []uint8  // request-and-acknowledge wires, driven or listened to
}

// A Slot is a device's only connection with the rest of the world.
type Slot struct {
	b     *Board
	place Place
	dev   Device
}

// A Line is one driver of a wire; a wire is high while any driver is.
type Line struct {
	b *Board
	i int
}

// Line drives the wire that the motherboard has on output pin i.
func (s *Slot) Line(i int) Line {
	b := s.b
	b.w.Drive = append(b.w.Drive, false)
	b.wireOf = append(b.wireOf, s.place.Lines[i])
	return Line{b, len(b.w.Drive) - 1}
}

// Set drives the wire high or low.
func (l Line) Set(level bool) {
	b := l.b
	if b.w.Drive[l.i] == level {
		return
	}
	n := b.wireOf[l.i]
	was := b.Wire(n)
	b.w.Drive[l.i] = level
	if now := b.Wire(n); now != was {
		for _, p := range b.pins {
			if p.wire == n {
				p.f(now)
			}
		}
	}
}

// Pin calls f whenever the wire on input pin i changes.
func (s *Slot) Pin(i int, f func(level bool)) {
	s.b.pins = append(s.b.pins, pin{s.place.Pins[i], f})
}

// A Req is the driving end of an interrupt request with acknowledge, such as
// the 8259's INT and INTA. Wire 0 is the processor's INTR.
type Req struct {
	b *Board
	n uint8
}

// Req drives request wire i; ack is called when the other end takes the
// request and returns the vector.
func (s *Slot) Req(i int, ack func() uint8) Req {
	n := s.place.Reqs[i]
	if s.b.reqs[n].ack != nil {
		panic(fmt.Sprintf("vmm: %s drives request wire %d, already driven", s.place.Name, n))
	}
	s.b.reqs[n].dev, s.b.reqs[n].ack = s.dev, ack
	return Req{s.b, n}
}

// Set raises or drops the request.
func (r Req) Set(level bool) {
	if r.b.w.Req[r.n] == level {
		return
	}
	r.b.w.Req[r.n] = level
	if f := r.b.reqs[r.n].changed; f != nil {
		f(level)
	}
	if r.n == 0 {
		r.b.Attention = true
	}
}

// A ReqIn is the receiving end of a request wire.
type ReqIn struct {
	b *Board
	n uint8
}

// ReqIn listens to request wire i.
func (s *Slot) ReqIn(i int, changed func(level bool)) ReqIn {
	n := s.place.Reqs[i]
	s.b.reqs[n].changed = changed
	return ReqIn{s.b, n}
}

// Level tells whether the wire is raised.
func (r ReqIn) Level() bool { return r.b.w.Req[r.n] }

// Ack takes the request and returns its vector.
func (r ReqIn) Ack() uint8 { return r.b.reqs[r.n].ack() }

// A Timer calls back once, at a guest instant. Its deadline is board state, so
// a device that only arms timers has nothing to save.
type Timer struct {
	b *Board
	i int
}

// Timer claims a timer.
func (s *Slot) Timer(fire func()) Timer {
	b := s.b
	b.w.Due = append(b.w.Due, Never)
	b.fire = append(b.fire, fire)
	return Timer{b, len(b.w.Due) - 1}
}

// At arms the timer; one in the past fires at the next boundary.
func (t Timer) At(i Instant) { t.b.w.Due[t.i] = i; t.b.rearmed() }

// Stop disarms the timer.
func (t Timer) Stop() { t.At(Never) }

// Due is the armed deadline, or Never.
func (t Timer) Due() Instant { return t.b.w.Due[t.i] }

// A Clock tells guest time and converts it; nothing else knows the rate.
type Clock struct{ b *Board }

// Clock returns the machine's clock.
func (s *Slot) Clock() Clock { return Clock{s.b} }

// Now is the current instant.
func (c Clock) Now() Instant { return c.b.w.Now }

// Hz is the number of instants in a guest second.
func (c Clock) Hz() uint64 { return c.b.w.Hz }

// After is the instant ns nanoseconds from now.
func (c Clock) After(ns uint64) Instant { return c.b.w.Now + Instant(MulDiv(ns, c.b.w.Hz, 1e9)) }

// Ticks is the number of whole periods of a hz clock since the machine's first instant.
func (c Clock) Ticks(hz uint64) uint64 { return MulDiv(uint64(c.b.w.Now), hz, c.b.w.Hz) }

// At is the first instant at which Ticks(hz) is n.
func (c Clock) At(n, hz uint64) Instant { return Instant(mulDivUp(n, c.b.w.Hz, hz)) }

// Epoch is the real-time clock's value at instant 0, in Unix seconds.
func (c Clock) Epoch() uint64 { return c.b.w.Epoch }

// Inlet receives what comes from outside under the slot's name: "com1/rx".
func (s *Slot) Inlet(name string, deliver func([]byte)) {
	s.b.inlet(s.place.Name+"/"+name, deliver)
}

// An Outlet carries bytes out. Nothing comes back: no error, no back-pressure.
type Outlet struct {
	b    *Board
	name string
}

// Outlet names a way out: "com1/tx".
func (s *Slot) Outlet(name string) Outlet {
	name = s.place.Name + "/" + name
	s.b.outs = append(s.b.outs, name)
	return Outlet{s.b, name}
}

// Write sends p out.
func (o Outlet) Write(p []byte) {
	if f := o.b.outlets[o.name]; f != nil {
		f(p)
	}
}

// RAM returns the guest's memory as a bus master sees it.
func (s *Slot) RAM() RAM { return busMaster{s.b} }

// MSI sends a message-signalled interrupt to the local APIC.
func (s *Slot) MSI(addr, data uint64) {
	if s.b.onMSI != nil {
		s.b.onMSI(addr, data)
	}
}

// OnMSI receives message-signalled interrupts; the local APIC's.
func (s *Slot) OnMSI(f func(addr, data uint64)) { s.b.onMSI = f }

// EOI broadcasts the end of a level-triggered interrupt to the I/O APICs.
func (s *Slot) EOI(vector uint8) {
	for _, f := range s.b.onEOI {
		f(vector)
	}
}

// OnEOI receives EOI broadcasts; an I/O APIC's.
func (s *Slot) OnEOI(f func(vector uint8)) { s.b.onEOI = append(s.b.onEOI, f) }

// MSRs claims n model-specific registers from base.
func (s *Slot) MSRs(base uint32, n int, h MSRHandler) {
	s.b.msrs = append(s.b.msrs, msrClaim{base, uint32(n), h})
}

// TPR connects CR8 to the local APIC's task priority.
func (s *Slot) TPR(get func() uint8, set func(uint8)) { s.b.tprGet, s.b.tprSet = get, set }

// NMI pulses the processor's NMI pin.
func (s *Slot) NMI() { s.b.w.NMI = true; s.b.Attention = true }

// Stop asks for the machine to stop at the next boundary.
func (s *Slot) Stop(kind StopKind, code uint32) {
	s.b.w.Stop, s.b.w.StopCode = uint8(kind), code
	s.b.Attention = true
}

// Control asks the host for work at the next boundary, after the instruction
// that is running now: a snapshot, a mark, the end of a recording.
func (s *Slot) Control() { s.b.w.Control = true; s.b.Attention = true }

// Call claims a register port: an IN or OUT there hands the registers to f.
// ring3 lets every ring use it whatever IOPL and the I/O bitmap say.
func (s *Slot) Call(port uint16, ring3 bool, f func(*Regs)) {
	s.b.calls = append(s.b.calls, callClaim{port, ring3, f})
}
