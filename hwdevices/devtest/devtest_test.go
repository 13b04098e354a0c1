package devtest

import (
	"fmt"
	"testing"

	"vmrecord/vmm"
)

// sound is a device without faults: a counter that its timer and pin raise.
type sound struct {
	state struct {
		N, Step uint32
		Ring    [4]struct{ X uint8 }
	}
	line  vmm.Line
	timer vmm.Timer
	clock vmm.Clock
}

func (d *sound) State() any { return &d.state }
func (d *sound) Reset()     { d.state.N, d.state.Step = 0, 1 }
func (d *sound) Attach(s *vmm.Slot) {
	s.Ports(0, 4, d)
	d.line, d.clock, d.timer = s.Line(0), s.Clock(), s.Timer(d.count)
	s.Pin(0, func(bool) { d.count() })
}
func (d *sound) count() {
	d.state.N += d.state.Step
	d.line.Set(d.state.N&1 != 0)
}
func (d *sound) In(off uint64, _ int) uint64 { return uint64(d.state.N) + uint64(d.state.Ring[off].X) }
func (d *sound) Out(off uint64, _ int, v uint64) {
	d.state.Step = uint32(v)
	d.state.Ring[off].X = uint8(v)
	d.timer.At(d.clock.After(v & 0xff))
}

func TestSound(t *testing.T) { Check(t, func() vmm.Device { return new(sound) }) }

// leaky keeps a count in a closure.
type leaky struct{ sound }

func (d *leaky) Attach(s *vmm.Slot) {
	d.sound.Attach(s)
	hidden := uint64(0)
	s.Ports(1, 1, reader(func() uint64 { hidden++; return hidden }))
}

type reader func() uint64

func (f reader) In(uint64, int) uint64   { return f() }
func (f reader) Out(uint64, int, uint64) {}

// A deviant has a field that is neither state nor wire.
type (
	withInt struct {
		sound
		state struct{ N int }
	}
	deviantBase[T any] struct {
		state struct{ N uint8 }
		Extra T
	}
)

func (d *deviantBase[T]) State() any       { return &d.state }
func (d *deviantBase[T]) Reset()           {}
func (d *deviantBase[T]) Attach(*vmm.Slot) {}
func (d *withInt) State() any              { return &d.state }

type complaints struct {
	testing.TB
	n int
}

func (c *complaints) Helper()               {}
func (c *complaints) Error(...any)          { c.n++ }
func (c *complaints) Errorf(string, ...any) { c.n++ }

func TestFields(t *testing.T) {
	for _, c := range []struct {
		d    vmm.Device
		fine bool
	}{
		{new(sound), true},
		{new(deviantBase[vmm.Line]), true},
		{new(deviantBase[[3]vmm.Timer]), true},
		{new(deviantBase[map[uint8]uint8]), false},
		{new(deviantBase[vmm.Instant]), false}, // of package vmm, and yet no wire
		{new(deviantBase[*uint8]), false},
		{new(withInt), false},
	} {
		r := &complaints{TB: t}
		Fields(r, c.d)
		if (r.n == 0) != c.fine {
			t.Errorf("%T: %d complaints", c.d, r.n)
		}
	}
}

func TestStormFindsHiddenState(t *testing.T) {
	for seed := range uint64(3) {
		if Storm(func() vmm.Device { return new(leaky) }, seed, stormed, "") == nil {
			t.Errorf("seed %d: hidden state goes unnoticed", seed)
		}
	}
}

func TestStormRepeats(t *testing.T) {
	trace := func(seed uint64) (s string) {
		r := newRig(new(sound))
		for i := range uint64(200) {
			s += fmt.Sprintln(r.step(seed+i, nil))
		}
		return s + r.log.String()
	}
	if trace(1) != trace(1) || trace(1) == trace(1000) {
		t.Error("a storm does not depend on its seed alone")
	}
}
