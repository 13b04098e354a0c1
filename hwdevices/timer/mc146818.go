package timer

import "vmrecord/vmm"

// An MC146818 is the real-time clock with 128 bytes, 114 of them memory.
// Place: port base 0 is the index and data pair (70h); line 0 is IRQ.
//
// It shows Clock.Epoch plus guest time, moved by what software wrote. The
// century is byte 32h, as ACPI's tables say. Registers change at the end of
// the update cycle, so a read is never torn; UIP announces the cycle as on the
// chip with a 32.768 kHz crystal: 244 us before it and 1984 us during it.
// Daylight saving (register B bit 0) and the square wave do nothing. Index bit
// 7, the PC's NMI mask, masks nothing: only software raises NMIs.
type MC146818 struct {
	state rtcState
	clock vmm.Clock
	irq   vmm.Line
	event vmm.Timer
}

type rtcState struct {
	Index   uint8 // bits 6:0
	A, B, C uint8
	RAM     [128]byte // bytes 0Eh to 7Fh but the century; alarms at 1, 3 and 5
	Skew    int64     // seconds shown - seconds of the chain
	Phase   uint64    // crystal period at which a second of the chain begins
	DaySkew uint8     // what software added to the day of the week
	Stopped bool      // SET or a held divider: Frozen is shown and written
	Frozen  [8]byte   // seconds minutes hours weekday day month year century
	Seen    uint64    // crystal period up to which events are noted in C
}

const (
	crystalHz = 32768
	updating  = 73 // crystal periods of UIP: (244 + 1984) us
	halfHz    = crystalHz / 2

	rtcA, rtcB, rtcC, rtcD, rtcCentury = 0x0a, 0x0b, 0x0c, 0x0d, 0x32

	aUIP                                    = 0x80
	bSET, bPIE, bAIE, bUIE, bBinary, b24h   = 0x80, 0x40, 0x20, 0x10, 0x04, 0x02
	cIRQ, cPeriodic, cAlarm, cUpdate, valid = 0x80, 0x40, 0x20, 0x10, 0x80
)

// State returns the registers and the memory.
func (r *MC146818) State() any { return &r.state }

// Reset is the first power-on with a fresh battery: the clock is right, the
// memory zero, registers as firmware sets them (32.768 kHz, 24 hours, BCD).
func (r *MC146818) Reset() {
	r.state = rtcState{A: 0x26, B: b24h, Skew: int64(r.clock.Epoch())}
	r.state.Seen = r.ticks()
	r.rearm()
}

// Redate moves the time shown, as if the clock had run on by its battery. An alarm
// that it passes over does not ring, and a clock that is stopped stays.
func (r *MC146818) Redate(by int64) {
	r.note()
	r.state.Skew += by
	r.rearm()
}

// Attach connects the clock.
func (r *MC146818) Attach(s *vmm.Slot) {
	s.Ports(0, 2, r)
	r.clock, r.irq, r.event = s.Clock(), s.Line(0), s.Timer(r.due)
}

func (r *MC146818) ticks() uint64 { return r.clock.Ticks(crystalHz) }

// second is the time shown at crystal period t, in Unix seconds.
func (r *MC146818) second(t uint64) int64 {
	return int64(t-r.state.Phase)/crystalHz + r.state.Skew
}

// fields are the time registers as they show now.
func (r *MC146818) fields() [8]byte {
	if r.state.Stopped {
		return r.state.Frozen
	}
	return r.encode(r.second(r.ticks()))
}

// In reads the selected byte. The index cannot be read.
func (r *MC146818) In(off uint64, _ int) uint64 {
	if off == 0 {
		return 0xff
	}
	s := &r.state
	i := s.Index & 0x7f
	if f := field(i); f >= 0 {
		return uint64(r.fields()[f])
	}
	switch i {
	case rtcA:
		if r.uip() {
			return uint64(s.A | aUIP)
		}
		return uint64(s.A)
	case rtcB:
		return uint64(s.B)
	case rtcC:
		r.note()
		v := s.C
		if s.C&s.B&(cPeriodic|cAlarm|cUpdate) != 0 {
			v |= cIRQ
		}
		s.C = 0
		r.rearm()
		return uint64(v)
	case rtcD:
		return valid
	}
	return uint64(s.RAM[i])
}

func (r *MC146818) uip() bool {
	s := &r.state
	return !s.Stopped && (r.ticks()-s.Phase)%crystalHz >= crystalHz-updating
}

// Out selects or writes a byte.
func (r *MC146818) Out(off uint64, _ int, v uint64) {
	s, b := &r.state, uint8(v)
	if off == 0 {
		s.Index = b
		return
	}
	r.note()
	i := s.Index & 0x7f
	switch f := field(i); {
	case f >= 0:
		t := r.fields()
		t[f] = b
		r.setFields(t)
	case i == rtcA:
		r.setA(b &^ aUIP)
	case i == rtcB:
		r.setB(b)
	case i != rtcC && i != rtcD:
		s.RAM[i] = b
	}
	r.rearm()
}

// setFields shows time t from now on; the phase of the second stays.
func (r *MC146818) setFields(t [8]byte) {
	s := &r.state
	if s.Stopped {
		s.Frozen = t
		return
	}
	sec, weekday := r.decode(t)
	s.Skew += sec - r.second(r.ticks())
	s.DaySkew = uint8((int64(weekday) - dayOfWeek(sec) + 14) % 7)
}

func held(a uint8) bool { return a&0x60 == 0x60 } // the divider is held in reset

// setA sets rate and divider. When the divider is let go, the first second
// lasts half a second (data sheet, "Divider Control").
func (r *MC146818) setA(a uint8) {
	s := &r.state
	was := held(s.A)
	r.stop(s.B&bSET != 0 || held(a))
	s.A = a
	if was && !held(a) {
		sec := r.second(r.ticks())
		s.Phase = r.ticks() - halfHz
		s.Skew += sec - r.second(r.ticks())
	}
}

// setB: SET stops the clock for writing and ends the update interrupt.
func (r *MC146818) setB(b uint8) {
	s := &r.state
	if b&bSET != 0 {
		b &^= bUIE
	}
	s.B = b // first: the stopped registers hold the format that it names
	r.stop(b&bSET != 0 || held(s.A))
}

// stop freezes the time registers, or lets time go on from what they hold.
func (r *MC146818) stop(on bool) {
	s := &r.state
	switch {
	case on && !s.Stopped:
		s.Frozen = r.fields()
		s.Stopped = true
	case !on && s.Stopped:
		s.Stopped = false
		r.setFields(s.Frozen)
		s.Frozen = [8]byte{}
	}
}
