package vmm

// A Scripted is a door with inputs known beforehand, for tests and tools; the zero
// Scripted lets nothing in. While the processor sleeps, time jumps.
type Scripted struct {
	Left []Input // those to come, in the order of their instants
}

// Horizon implements Door.
func (s *Scripted) Horizon(Instant) Instant {
	if len(s.Left) == 0 {
		return Never
	}
	return s.Left[0].At
}

// Next implements Door.
func (s *Scripted) Next(now Instant) (in Input, ok bool) {
	if len(s.Left) == 0 || s.Left[0].At > now {
		return in, false
	}
	in, s.Left = s.Left[0], s.Left[1:]
	return in, true
}

// Idle implements Door.
func (s *Scripted) Idle(now, until Instant) Instant { return min(until, s.Horizon(now)) }
