// Package tapetest is a small machine for tests of whatever records and
// replays: a toy engine that computes on RAM, sleeps and talks to one device
// with a port window, a timer, an interrupt, an inlet and an outlet. It is
// quick to make, and everything that a tape must carry matters to its state.
package tapetest

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"

	"vmrecord/vmm"
	"vmrecord/vmm/cpu"
	"vmrecord/vmm/mem"
)

// Ports of the device.
const (
	PortData    = 0x3f8 // read: next byte received; write: transmit
	PortStatus  = 0x3fd // bit 0: a byte is waiting
	PortTimer   = 0x40  // write: arm the timer so many instants ahead
	PortControl = 0x58  // write: ask the host for work
)

// Inlet and Outlet are the device's names on the board.
const (
	Inlet  = "com1/rx"
	Outlet = "com1/tx"
)

// Control, received as a byte, makes the guest ask the host for work; Off
// makes it switch the machine off.
const (
	Control = 0x05
	Off     = 0x04
)

// A port is the machine's only device.
type port struct {
	state struct {
		FIFO         []uint8
		Fired, Taken uint64
		Last         [8]uint8
	}
	slot  *vmm.Slot
	clock vmm.Clock
	timer vmm.Timer
	irq   vmm.Req
	tx    vmm.Outlet
}

func (p *port) State() any { return &p.state }

func (p *port) Reset() {
	p.state.FIFO = nil
	p.timer.Stop()
}

func (p *port) Attach(s *vmm.Slot) {
	p.slot, p.clock, p.tx = s, s.Clock(), s.Outlet("tx")
	s.Ports(0, 8, p)
	s.Ports(1, 1, timerPort{p})
	s.Ports(2, 1, controlPort{p})
	p.timer = s.Timer(func() { p.state.Fired++; p.irq.Set(true) })
	p.irq = s.Req(0, func() uint8 { p.state.Taken++; p.irq.Set(false); return 32 })
	s.Inlet("rx", func(b []byte) {
		copy(p.state.Last[:], b)
		p.state.FIFO = append(p.state.FIFO, b[:min(len(b), 4096-len(p.state.FIFO))]...)
		p.irq.Set(true)
	})
}

func (p *port) In(off uint64, _ int) uint64 {
	switch {
	case off == PortStatus-PortData && len(p.state.FIFO) > 0:
		return 1
	case off == 0 && len(p.state.FIFO) > 0:
		v := p.state.FIFO[0]
		p.state.FIFO = p.state.FIFO[1:]
		return uint64(v)
	}
	return 0
}

func (p *port) Out(off uint64, _ int, v uint64) {
	if off == 0 {
		p.tx.Write([]byte{byte(v)})
	}
}

type timerPort struct{ *port }

func (p timerPort) Out(_ uint64, _ int, v uint64) { p.timer.At(p.clock.Now() + 1 + vmm.Instant(v)) }

type controlPort struct{ *port }

func (p controlPort) Out(_ uint64, _ int, v uint64) {
	if v == Off {
		p.slot.Stop(vmm.StopPowerOff, 0)
		return
	}
	p.slot.Control()
}

// An engine runs the toy's only program: mix a word of RAM into the
// registers and back, look at the device now and then, sleep now and then.
type engine struct{}

func (engine) Drop(*mem.Pages) {}
func (engine) Err() error      { return nil }
func (engine) Close() error    { return nil }

func (engine) Run(c *cpu.State, b *vmm.Board) vmm.Exit {
	b.Attention = false
	for b.Now() < b.Deadline() && !b.Attention {
		switch {
		case b.INTR():
			c.R[2] += uint64(b.Acknowledge())
			c.Halted = false
			c.Overhead++
		case c.Halted:
			return vmm.Halted
		default:
			step(c, b)
		}
		b.SetNow(b.Now() + 1)
	}
	return vmm.Reached
}

// step is one instruction.
func step(c *cpu.State, b *vmm.Board) {
	x := c.R[0]*6364136223846793005 + c.R[2] + c.RIP
	c.RIP++
	c.R[0] = x
	pa := x >> 20 % 64 * mem.PageBytes % b.Mem.Size() // works in the first 64 pages
	pa += x >> 32 % 500 * 8
	var w [8]byte
	b.Mem.Read(pa, w[:])
	c.R[1] += binary.LittleEndian.Uint64(w[:]) ^ x
	binary.LittleEndian.PutUint64(w[:], c.R[1])
	if x>>40%4 == 0 {
		b.Mem.Write(pa, w[:])
	}
	switch {
	case x>>50%16 == 1 && b.PortIn(PortStatus, 1)&1 != 0:
		v := b.PortIn(PortData, 1)
		c.R[3] = c.R[3]*31 + v
		b.PortOut(PortData, 1, v+c.R[3]%3)
		if v == Control || v == Off {
			b.PortOut(PortControl, 1, v)
		}
	case x>>50%256 == 2:
		b.PortOut(PortTimer, 1, x>>56)
		c.Halted = x>>48%4 == 0
	case x>>50%2048 == 3:
		b.PortOut(PortData, 1, c.R[1]&0x3f+' ')
	}
}

// New makes a machine with pages of RAM, a quarter of it filled, with zeros and
// repetition among it.
func New(pages int) *vmm.Machine {
	ram := mem.New(make([]byte, pages*mem.PageBytes))
	rng := rand.New(rand.NewPCG(1, 2))
	for p := 0; p < pages; p += 2 {
		w := fmt.Appendf(nil, "page %d ", rng.IntN(pages))
		for i := 0; i < mem.PageBytes; i += len(w) {
			copy(ram.B[p*mem.PageBytes+i:(p+1)*mem.PageBytes], w)
		}
	}
	return Over(ram, vmm.Config{Epoch: 1_700_000_000})
}

// Over makes a machine over the given RAM.
func Over(ram *mem.RAM, c vmm.Config) *vmm.Machine {
	b := vmm.NewBoard(ram, c)
	b.Plug(vmm.Place{Name: "com1", Ports: []uint16{PortData, PortTimer, PortControl}, Reqs: []uint8{0}}, new(port))
	m := &vmm.Machine{Board: b, CPU: new(cpu.State), Engine: engine{}}
	m.CPU.RFLAGS = 2
	m.CPU.R[0] = 12345
	return m
}

// A Live is a door with a seeded random world behind it: bytes at any time,
// leaps, several inputs at one boundary.
type Live struct {
	rng  *rand.Rand
	next vmm.Instant
	// Often is the mean distance between inputs, in instants.
	Often uint64
	// Given counts the inputs handed out.
	Given int
	// Ask is handed out once as soon as it is not empty.
	Ask []byte
}

// NewLive returns a door with a seed of its own.
func NewLive(seed uint64) *Live { return &Live{rng: rand.New(rand.NewPCG(seed, 7)), Often: 900} }

// Horizon is the next input's instant, or something before it.
func (d *Live) Horizon(now vmm.Instant) vmm.Instant {
	return max(now+1, min(d.next, now+1+vmm.Instant(d.rng.Uint64N(400))))
}

// Idle wakes at random.
func (d *Live) Idle(now, until vmm.Instant) vmm.Instant {
	return min(until, now+1+vmm.Instant(d.rng.Uint64N(200)))
}

// Next hands out what is due.
func (d *Live) Next(now vmm.Instant) (in vmm.Input, ok bool) {
	if len(d.Ask) > 0 {
		in = vmm.Input{At: now, Inlet: Inlet, Data: d.Ask}
		d.Ask = nil
		return in, true
	}
	if now < d.next {
		return in, false
	}
	if d.rng.IntN(4) != 0 { // else another one at this boundary
		d.next = now + 1 + vmm.Instant(d.rng.Uint64N(2*d.Often))
	}
	d.Given++
	in = vmm.Input{At: now, Inlet: Inlet, Data: fmt.Appendf(nil, "%d", d.rng.IntN(1000))}
	if d.rng.IntN(5) == 0 {
		in.Inlet, in.Data = vmm.InletLeap, binary.LittleEndian.AppendUint64(nil, d.rng.Uint64N(300))
	}
	return in, true
}
