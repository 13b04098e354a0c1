package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"vmrecord/bundle/replay"
	"vmrecord/vmm"
	"vmrecord/vmm/host"
	"vmrecord/vmm/tape"
)

// A speed is guest seconds in a wall second; 0: as fast as it goes. It is a
// flag's value.
type speed float64

const (
	slowest = 0.01
	fastest = 100
)

// Set implements pflag.Value.
func (s *speed) Set(text string) error {
	if text == "max" {
		*s = 0
		return nil
	}
	v, err := strconv.ParseFloat(strings.TrimSuffix(text, "x"), 64)
	if err != nil || !(v >= slowest && v <= fastest) {
		return fmt.Errorf("want max, or 1x, 0.5x, 4x: from %gx to %gx", slowest, float64(fastest))
	}
	*s = speed(v)
	return nil
}

// String is as Set reads it.
func (s *speed) String() string {
	if *s == 0 {
		return "max"
	}
	return fmt.Sprintf("%gx", float64(*s))
}

// Type implements pflag.Value.
func (s *speed) Type() string { return "SPEED" }

const (
	pieceTime = 10 * time.Millisecond // on the wall clock, between two looks at the keyboard
	pieceMax  = 1 << 22               // instants between them, where nothing waits
	mostLate  = time.Second           // farther behind, what was missed is not made up for
)

// A pilot plays a recording at a speed.
type pilot struct {
	speed speed
	door  *host.Door // its clock says when; what comes to it takes over
}

// play plays to where o says, or to the end. taken tells that somebody pressed a
// key, or quit: the machine stands where it was then.
func (p *pilot) play(ctx context.Context, r *replay.Replay, o replay.Options) (res replay.Result, taken bool, err error) {
	until := vmm.Position{At: vmm.Never - 1, Inputs: tape.All}
	if o.Until != nil {
		until = *o.Until
	}
	m, clock := r.Machine(), p.door.Clock()
	piece, from, began := vmm.Instant(pieceMax), m.Now(), clock.Now()
	if p.speed != 0 {
		piece = max(1, p.instants(pieceTime, m.Hz()))
	}
	for {
		next := vmm.Position{At: m.Now() + piece, Inputs: tape.All}
		last := next.At >= until.At
		if last {
			next = until
		}
		o.Until = &next
		if res, err = r.Run(ctx, o); err != nil {
			return res, false, err
		}
		due := clock.Now()
		if p.speed != 0 {
			due = began + p.wall(m.Now()-from, m.Hz())
		}
		if late := clock.Now() - due; late > mostLate {
			began += late
		}
		if taken = p.door.Await(due); taken || last || res.Ended {
			return res, taken, ctx.Err()
		}
	}
}

// instants is the guest's time in so much of the wall's.
func (p *pilot) instants(t time.Duration, hz uint64) vmm.Instant {
	return vmm.Instant(float64(p.speed) * t.Seconds() * float64(hz))
}

func (p *pilot) wall(i vmm.Instant, hz uint64) time.Duration {
	return time.Duration(float64(i) / float64(hz) / float64(p.speed) * float64(time.Second))
}
