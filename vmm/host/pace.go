package host

import (
	"fmt"
	"time"
)

// A Pace says how guest time follows the wall clock.
type Pace uint8

// The paces.
const (
	Real Pace = iota
	Free
	Virtual
)

var paceNames = [...]string{"real", "free", "virtual"}

// String is the pace's name on the command line.
func (p Pace) String() string { return paceNames[p] }

// Set is for flags.
func (p *Pace) Set(s string) error {
	for i, n := range paceNames {
		if n == s {
			*p = Pace(i)
			return nil
		}
	}
	return fmt.Errorf("%q is no pace; real, free or virtual", s)
}

// Type names the kind of value in a flag's help.
func (p *Pace) Type() string { return "PACE" }

// A Clock is the wall clock as a door sees it.
type Clock interface {
	// Now counts from some fixed moment and never goes back.
	Now() time.Duration
	// Wait returns when Now has reached t, or when wake can be read.
	Wait(t time.Duration, wake <-chan struct{})
}

// forever is later than any wall time a clock shows.
const forever = time.Duration(1<<63 - 1)

// A systemClock is the host's monotonic clock.
type systemClock struct{ start time.Time }

func (c systemClock) Now() time.Duration { return time.Since(c.start) }

func (c systemClock) Wait(t time.Duration, wake <-chan struct{}) {
	if t == forever {
		<-wake
		return
	}
	d := time.NewTimer(t - c.Now())
	defer d.Stop()
	select {
	case <-d.C:
	case <-wake:
	}
}
