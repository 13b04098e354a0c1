package intc

import "vmrecord/vmm"

// The timer (SDM 3A, 11.5.4) counts Count down from tick Started, one for
// every so many ticks of BusHz as the divide configuration says; reaching zero
// it interrupts, and starts again from Init in periodic mode.

// divisor decodes the divide configuration register: bits 3, 1 and 0.
func (a *LocalAPIC) divisor() uint64 {
	d := a.state.Divide
	return 1 << ((d>>1&4 + d&3 + 1) & 7)
}

// count is the current count.
func (a *LocalAPIC) count() uint32 {
	gone := (a.clock.Ticks(BusHz) - a.state.Started) / a.divisor()
	if a.state.Count == 0 || a.timerOf() == timerDeadline || gone >= uint64(a.state.Count) {
		return 0
	}
	return a.state.Count - uint32(gone)
}

// count down from n from now on.
func (a *LocalAPIC) start(n uint32) {
	a.state.Started, a.state.Count = a.clock.Ticks(BusHz), n
	a.arm()
}

func (a *LocalAPIC) arm() {
	if a.state.Count == 0 {
		a.timer.Stop()
		return
	}
	a.timer.At(a.clock.At(a.state.Started+uint64(a.state.Count)*a.divisor(), BusHz))
}

func (a *LocalAPIC) setInit(n uint32) {
	if a.timerOf() == timerDeadline {
		return
	}
	a.state.Init = n
	a.start(n)
}

// setDivide: a running timer goes on from its count at the new rate.
func (a *LocalAPIC) setDivide(v uint32) {
	n := a.count()
	a.state.Divide = v & 0xb
	if n != 0 {
		a.start(n)
	}
}

// setDeadline arms the timer for an instant; 0 disarms it. An instant that is
// negative as a signed number lies before the machine's first: the guest moved
// its TSC forward. In other modes the write is ignored (SDM 3A, 11.5.4.1).
func (a *LocalAPIC) setDeadline(v uint64) {
	switch {
	case a.timerOf() != timerDeadline:
	case v == 0:
		a.timer.Stop()
	default:
		a.timer.At(vmm.Instant(max(1, int64(v))))
	}
}

// expired: the count reached zero, or the deadline passed.
func (a *LocalAPIC) expired() {
	s := &a.state
	if a.timerOf() == timerPeriodic && s.Init != 0 {
		// Begin at the tick that was due, or at the latest whole period: a
		// period may be shorter than an instant.
		period := uint64(s.Init) * a.divisor()
		s.Started += uint64(s.Count) * a.divisor()
		s.Started += (a.clock.Ticks(BusHz) - s.Started) / period * period
		s.Count = s.Init
		a.arm()
	} else {
		s.Count = 0
	}
	if l := s.LVT[lvtTimer]; l&lvtMask == 0 {
		a.accept(modeFixed, uint8(l), false)
	}
}
