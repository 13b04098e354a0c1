package timeline

import (
	"context"
	"errors"
	"sync"

	"vmrecord/vmm"
	"vmrecord/vmm/tape"
)

// A Stretch is what Relay goes through: from one position to another, the second
// not included, in legs of Every instants, or in one leg if that is 0.
type Stretch struct {
	From, To vmm.Position
	Every    vmm.Instant
	Machines int // that run legs side by side; 0: as many as search
}

// A Leg is a part of a stretch, and a machine that stands at its beginning, to
// be run to To by Player. No stop or callback may be left behind.
type Leg struct {
	To      vmm.Position
	Machine *vmm.Machine
	Player  *tape.Player
	Seat    int // the machine's number, from 0: no two legs have it at once
}

// Relay has a stretch run, each leg by a machine of its own, while the timeline's
// goes ahead to where the next begins. start is called there for one leg after
// the other, and may look at Machine; what it returns runs the leg, side by side
// with others. A stretch of one leg is run by the timeline's own machine. The
// first error ends all, and cancels the context that legs are given. The
// timeline stands somewhere on the way then.
func (t *Timeline) Relay(ctx context.Context, s Stretch, start func(context.Context) func(Leg) error) error {
	if t.o.End.Before(s.To) {
		s.To = t.o.End
	}
	if err := t.Seek(ctx, s.From); err != nil {
		return err
	}
	if s.Every == 0 || s.To.At-min(s.To.At, t.Position().At) <= s.Every {
		err := start(ctx)(Leg{To: s.To, Machine: t.run.Machine, Player: t.run.Player})
		t.run.bad = err != nil
		return err
	}
	if s.Machines == 0 {
		s.Machines = t.o.Machines
	}
	if err := t.gather(s.Machines); err != nil {
		return err
	}
	err := t.legs(ctx, s, start)
	if err != nil {
		err = errors.Join(err, t.dismiss(func(*runner) bool { return true }))
	}
	return err
}

// legs hands legs out to the crew.
func (t *Timeline) legs(ctx context.Context, s Stretch, start func(context.Context) func(Leg) error) error {
	defer t.OnProgress(t.told) // each leg's way is short
	t.OnProgress(nil)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	free := make(chan int, s.Machines)
	for i := range s.Machines {
		free <- i
	}
	var all sync.WaitGroup
	for to := t.Position(); to != s.To && !t.run.Player.Ended() && ctx.Err() == nil; {
		to = vmm.Position{At: t.Position().At + s.Every, Inputs: tape.All}
		if !to.Before(s.To) {
			to = s.To
		}
		c, run, seat := t.here(), start(ctx), <-free
		all.Go(func() {
			if err := t.leg(c, to, seat, run); err != nil {
				cancel(err)
			}
			free <- seat
		})
		const never = 1<<64 - 1 // instructions; with any number no rungs are left
		if err := t.advance(ctx, to, never); err != nil {
			cancel(err)
		}
	}
	all.Wait()
	return context.Cause(ctx)
}

// leg has one of the crew run a leg.
func (t *Timeline) leg(from *checkpoint, to vmm.Position, seat int, run func(Leg) error) error {
	r := t.crew[seat]
	if err := r.restore(from, t.shape); err != nil {
		return err
	}
	return run(Leg{to, r.Machine, r.Player, seat})
}
