package devtest

import (
	"fmt"
	"strings"

	"vmrecord/vmm"
	"vmrecord/vmm/cpu"
	"vmrecord/vmm/mem"
)

// A Rig is a board with one device, whose every wire is held by a probe.
type Rig struct {
	*vmm.Machine
	dev   vmm.Device
	log   strings.Builder
	pins  [pins]vmm.Line // they drive the device's pins
	reqs  [8]vmm.Req     // the request wires that the device listens to
	out   [8]bool        // the device drives that request wire
	acks  [8]vmm.ReqIn
	lines [lines]bool
	msis  []string
	eois  []uint8
	outs  map[string][]byte // what outlets carried
}

const (
	lines = 16 // wires 0 to 15
	pins  = 24 // wires 16 to 39
)

// idle is an engine without instructions.
type idle struct{}

func (idle) Run(*cpu.State, *vmm.Board) vmm.Exit { return vmm.Halted }
func (idle) Drop(*mem.Pages)                     {}
func (idle) Err() error                          { return nil }
func (idle) Close() error                        { return nil }

// probe is a device that only has wires.
type probe struct {
	st     struct{}
	attach func(*vmm.Slot)
}

func (p *probe) Attach(s *vmm.Slot) { p.attach(s) }
func (p *probe) Reset()             {}
func (p *probe) State() any         { return &p.st }

func newRig(d vmm.Device) *Rig {
	b := vmm.NewBoard(mem.New(make([]byte, 16*mem.PageBytes)), vmm.Config{Epoch: 1_700_000_000})
	r := &Rig{Machine: &vmm.Machine{Board: b, CPU: new(cpu.State), Engine: idle{}}, dev: d, outs: map[string][]byte{}}
	place := vmm.Place{Name: "dev"}
	for i := range 8 {
		place.Ports = append(place.Ports, Port(i))
		place.Mem = append(place.Mem, Mem(i))
		place.Reqs = append(place.Reqs, uint8(i))
	}
	for i := range lines {
		place.Lines = append(place.Lines, uint16(i))
	}
	for i := range pins {
		place.Pins = append(place.Pins, uint16(lines+i))
	}
	// What the device listens to must be claimed before it, to be overridden;
	// what it drives, after it, to see what is left.
	b.Plug(vmm.Place{Name: "ears", Pins: place.Lines, Reqs: place.Reqs}, &probe{attach: r.listen})
	b.Plug(place, d)
	b.Plug(vmm.Place{Name: "hands", Lines: place.Pins, Reqs: place.Reqs}, &probe{attach: r.drive})
	for _, name := range b.Outlets() {
		short := strings.TrimPrefix(name, "dev/")
		b.OnOutput(name, func(p []byte) {
			r.outs[short] = append(r.outs[short], p...)
			fmt.Fprintf(&r.log, "%d %s %x\n", b.Now(), name, p)
		})
	}
	return r
}

func (r *Rig) listen(s *vmm.Slot) {
	for i := range lines {
		s.Pin(i, func(l bool) {
			r.lines[i] = l
			fmt.Fprintf(&r.log, "%d line %d=%v\n", r.Now(), i, l)
		})
	}
	for i := range r.acks {
		r.acks[i] = s.ReqIn(i, func(l bool) { fmt.Fprintf(&r.log, "%d req %d=%v\n", r.Now(), i, l) })
	}
	s.OnMSI(func(addr, data uint64) {
		m := fmt.Sprintf("%x %x", addr, data)
		r.msis = append(r.msis, m)
		fmt.Fprintf(&r.log, "%d msi %s\n", r.Now(), m)
	})
	s.OnEOI(func(v uint8) {
		r.eois = append(r.eois, v)
		fmt.Fprintf(&r.log, "%d eoi %#x\n", r.Now(), v)
	})
}

func (r *Rig) drive(s *vmm.Slot) {
	for i := range r.pins {
		r.pins[i] = s.Line(i)
	}
	for i := range r.reqs {
		r.out[i] = !try(func() { r.reqs[i] = s.Req(i, func() uint8 { return 0x40 + uint8(i) }) })
	}
}

// try tells whether f does not panic: a request wire has one driver.
func try(f func()) (ok bool) {
	defer func() { ok = recover() == nil }()
	f()
	return
}

// pass lets time pass up to the given instant, or for 64 timers.
func (r *Rig) pass(to vmm.Instant) {
	for range 64 {
		at := min(to, r.Deadline())
		r.Advance(at)
		if at == to {
			return
		}
	}
}

// input delivers to an inlet of the device.
func (r *Rig) input(inlet string, p []byte) {
	r.Deliver(vmm.Input{At: r.Now(), Inlet: inlet, Data: p})
}
