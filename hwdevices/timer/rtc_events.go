package timer

// period is the number of crystal periods between periodic interrupts (data
// sheet, table 5); 0: none.
func (s *rtcState) period() uint64 {
	switch rs := s.A & 0xf; {
	case rs == 0 || held(s.A):
		return 0
	case rs <= 2:
		return 64 << rs
	default:
		return 1 << (rs - 1)
	}
}

// note sets the flags of register C for all that happened since the last note.
func (r *MC146818) note() {
	s, t := &r.state, r.ticks()
	if p := s.period(); p != 0 && (t-s.Phase)/p != (s.Seen-s.Phase)/p {
		s.C |= cPeriodic
	}
	if !s.Stopped {
		from, to := r.second(s.Seen), r.second(t)
		if from != to {
			s.C |= cUpdate
		}
		if from != to && s.C&cAlarm == 0 {
			if a, ok := r.alarm(from); ok && a <= to {
				s.C |= cAlarm
			}
		}
	}
	s.Seen = t
}

func (r *MC146818) due() {
	r.note()
	r.rearm()
}

// rearm drives IRQ and waits for the next event that would raise it. It
// follows note, with at most a change of the registers in between.
func (r *MC146818) rearm() {
	s := &r.state
	on := s.C&s.B&(cPeriodic|cAlarm|cUpdate) != 0
	r.irq.Set(on)
	next := ^uint64(0)
	if p := s.period(); s.B&bPIE != 0 && p != 0 {
		next = min(next, s.Seen+p-(s.Seen-s.Phase)%p)
	}
	if !s.Stopped && s.B&bUIE != 0 {
		next = min(next, s.Seen+crystalHz-(s.Seen-s.Phase)%crystalHz)
	}
	if !s.Stopped && s.B&bAIE != 0 {
		if a, ok := r.alarm(r.second(s.Seen)); ok {
			next = min(next, s.Phase+uint64(a-s.Skew)*crystalHz)
		}
	}
	if on || next == ^uint64(0) {
		r.event.Stop()
		return
	}
	r.event.At(r.clock.At(max(next, s.Seen+1), crystalHz))
}

// alarm is the first second after now at which the alarm bytes match; bytes
// from C0h match always. False if none ever does.
func (r *MC146818) alarm(now int64) (int64, bool) {
	day := now - floorMod(now, 86400)
	for range 2 {
		for h := range int64(24) {
			if !r.matches(5, 2, day+h*3600) || day+h*3600+3599 <= now {
				continue
			}
			for m := range int64(60) {
				at := day + h*3600 + m*60
				if !r.matches(3, 1, at) || at+59 <= now {
					continue
				}
				for s := range int64(60) {
					if at+s > now && r.matches(1, 0, at+s) {
						return at + s, true
					}
				}
			}
		}
		day += 86400
	}
	return 0, false
}

// matches compares alarm byte i with field f of the time sec.
func (r *MC146818) matches(i, f int, sec int64) bool {
	a := r.state.RAM[i]
	return a >= 0xc0 || a == r.encode(sec)[f]
}
