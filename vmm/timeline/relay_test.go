package timeline_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"vmrecord/vmm"
	"vmrecord/vmm/tape"
	"vmrecord/vmm/timeline"
)

// Legs cover a stretch without a gap, whoever runs them, and end in the states
// of a straight replay.
func TestRelay(t *testing.T) {
	r := record(t, 3, 30)
	from, to := vmm.Position{At: 100_000}, vmm.Position{At: r.end.At - 50_000, Inputs: tape.All}
	for name, e := range engines() {
		for _, c := range []struct {
			every    vmm.Instant
			machines int
		}{{0, 1}, {20_000, 1}, {20_000, 3}, {7001, 2}} {
			line := r.open(t, e, timeline.Options{Every: 100_000})
			want := hashes(t, line, from, to, c.every)
			got, mu := map[int]string{}, sync.Mutex{}
			n := 0
			ok(t, line.Relay(t.Context(), timeline.Stretch{From: from, To: to, Every: c.every, Machines: c.machines},
				func(context.Context) func(timeline.Leg) error {
					no, at := n, line.Position()
					n++
					return func(l timeline.Leg) error {
						if p := l.Machine.Position(); p != at || l.Seat < 0 || l.Seat >= c.machines {
							return fmt.Errorf("leg %d on seat %d begins at %s, want %s", no, l.Seat, p, at)
						}
						if _, err := l.Player.Run(l.To); err != nil {
							return err
						}
						mu.Lock()
						defer mu.Unlock()
						got[no] = state(l.Machine)
						return nil
					}
				}))
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%s, legs of %d on %d machines: %d legs end elsewhere than %d straight ones", name, c.every, c.machines, len(got), len(want))
			}
			ok(t, line.Seek(t.Context(), to)) // all is as before
			if s := state(line.Machine()); s != want[len(want)-1] {
				t.Errorf("%s: afterwards the timeline is at %s", name, s)
			}
		}
	}
}

// hashes are the states at the ends of legs, by seeking.
func hashes(t *testing.T, line *timeline.Timeline, at, to vmm.Position, every vmm.Instant) map[int]string {
	all := map[int]string{}
	ok(t, line.Seek(t.Context(), at))
	for n := 0; line.Position().At < to.At; n++ {
		next := vmm.Position{At: line.Position().At + every, Inputs: tape.All}
		if every == 0 || next.At >= to.At {
			next = to
		}
		ok(t, line.Seek(t.Context(), next))
		all[n] = state(line.Machine())
	}
	return all
}

// A leg's error ends the relay and is its result; the timeline stays of use.
func TestRelayFails(t *testing.T) {
	r := record(t, 4, 10)
	line := r.open(t, engines()["interp"], timeline.Options{})
	broken := errors.New("broken")
	for _, every := range []vmm.Instant{0, 10_000} {
		n := 0
		err := line.Relay(t.Context(), timeline.Stretch{From: line.Start(), To: line.End(), Every: every, Machines: 3},
			func(ctx context.Context) func(timeline.Leg) error {
				n++
				last := n == 3 || every == 0
				return func(l timeline.Leg) error {
					if last {
						return broken
					}
					<-ctx.Done()
					return ctx.Err()
				}
			})
		if !errors.Is(err, broken) {
			t.Errorf("legs of %d: %v", every, err)
		}
		ok(t, line.Seek(t.Context(), line.End()))
	}
}
