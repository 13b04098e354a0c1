package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"vmrecord/vmm"
	"vmrecord/vmm/host"
	"vmrecord/vmm/tape"
	"vmrecord/vmm/timeline"
)

// A cost is seconds of the wall and of the processor.
type cost struct{ wall, cpu float64 }

// measure is what f costs.
func measure(f func() error) (cost, error) {
	wall, cpu := time.Now(), host.CPUTime()
	err := f()
	return cost{time.Since(wall).Seconds(), (host.CPUTime() - cpu).Seconds()}, err
}

// A clock measures on one timeline.
type clock struct {
	t   *timeline.Timeline
	rng *rand.Rand
}

// times measures everything, and prints it.
func (o options) times(ctx context.Context, r *recording) error {
	c := &clock{rng: rand.New(rand.NewPCG(o.seed, 0))}
	if err := c.whole(ctx, o, r); err != nil {
		return err
	}
	defer c.t.Close()
	for _, f := range []func(context.Context) error{c.seek, c.stepBack, c.back, c.armed} {
		if err := f(ctx); err != nil {
			return err
		}
	}
	return nil
}

// whole plays the recording straight, and then by a timeline.
func (c *clock) whole(ctx context.Context, o options, r *recording) error {
	run, err := r.fresh(o.engine)
	if err != nil {
		return err
	}
	start := run.Machine.Retired()
	straight, err := measure(func() error {
		_, err := run.Player.Run(r.end)
		return err
	})
	n := float64(run.Machine.Retired() - start)
	if err := errors.Join(err, run.Close()); err != nil {
		return err
	}
	fmt.Printf("straight  %.2e instructions: %.1f s, %.1f of the processor\n", n, straight.wall, straight.cpu)
	if c.t, err = o.line(ctx, r); err != nil {
		return err
	}
	first, err := measure(func() error { return c.t.Seek(ctx, c.t.End()) })
	fmt.Printf("first     %.1f s, %.1f of the processor: %.2f and %.2f times straight; %d checkpoints, %d MB\n", first.wall, first.cpu,
		first.wall/straight.wall, first.cpu/straight.cpu, c.t.Checkpoints(), c.t.Bytes()>>20)
	return err
}

// anywhere goes to a position drawn at random.
func (c *clock) anywhere(ctx context.Context) error {
	at := c.t.Start().At + vmm.Instant(c.rng.Uint64N(uint64(c.t.End().At-c.t.Start().At)))
	return c.t.Seek(ctx, vmm.Position{At: at, Inputs: tape.All})
}

// told prints mean and most of costs.
func told(what string, all []cost) {
	var sum, most cost
	for _, c := range all {
		sum = cost{sum.wall + c.wall, sum.cpu + c.cpu}
		most = cost{max(most.wall, c.wall), max(most.cpu, c.cpu)}
	}
	n := float64(len(all))
	fmt.Printf("%-9s %d times: mean %.1f ms, most %.1f; of the processor %.1f, most %.1f\n", what, len(all),
		1000*sum.wall/n, 1000*most.wall, 1000*sum.cpu/n, 1000*most.cpu)
}

func (c *clock) seek(ctx context.Context) error {
	var all []cost
	for range 50 {
		x, err := measure(func() error { return c.anywhere(ctx) })
		if err != nil {
			return err
		}
		all = append(all, x)
	}
	told("seek", all)
	return nil
}

func (c *clock) stepBack(ctx context.Context) error {
	var first, others []cost
	for range 20 {
		if err := c.anywhere(ctx); err != nil {
			return err
		}
		for i := range 20 {
			x, err := measure(func() error { return c.t.StepInsn(ctx, -1) })
			switch {
			case err != nil:
				return err
			case i == 0:
				first = append(first, x)
			default:
				others = append(others, x)
			}
		}
	}
	told("stepback", first)
	told("  again", others)
	return nil
}

// window is how many instructions are searched.
const window = 1_000_000_000

// nothing is a search that finds nothing: no kernel or program has code or data
// in the last page of the lower half.
func nothing(on vmm.StopOn) timeline.Query {
	const at = 0x7fff_ffff_f123
	return timeline.Query{Stops: []vmm.Stop{{On: on, First: at, Last: at, Any: true}}}
}

// windows calls f with the ends of windows drawn at random; the timeline stands
// at the first.
func (c *clock) windows(ctx context.Context, n int, f func(from, to vmm.Position) error) error {
	for range n {
		if err := c.anywhere(ctx); err != nil {
			return err
		}
		if err := c.t.StepInsn(ctx, -window); err != nil {
			return err
		}
		from := c.t.Position()
		if err := c.t.StepInsn(ctx, window); err != nil {
			return err
		}
		to := c.t.Position()
		if err := c.t.Seek(ctx, from); err != nil {
			return err
		}
		if err := f(from, to); err != nil {
			return err
		}
	}
	return nil
}

// unarmed is a search for which the engines look at nothing.
func unarmed() timeline.Query { return timeline.Query{Input: func(vmm.Input) bool { return false }} }

// forward goes from one end of a window to the other, looking for what is not
// there.
func (c *clock) forward(ctx context.Context, from, to vmm.Position, q timeline.Query) (cost, error) {
	if err := c.t.Seek(ctx, from); err != nil {
		return cost{}, err
	}
	return measure(func() error {
		q.Until = &to
		_, err := c.t.Next(ctx, q)
		return found(err)
	})
}

func (c *clock) back(ctx context.Context) error {
	var wall, cpu []float64
	err := c.windows(ctx, 5, func(from, to vmm.Position) error {
		on, err := c.forward(ctx, from, to, unarmed())
		if err != nil {
			return err
		}
		q := nothing(vmm.StopExec)
		q.Until = &from
		back, err := measure(func() error {
			_, err := c.t.Prev(ctx, q)
			return found(err)
		})
		wall, cpu = append(wall, back.wall/on.wall), append(cpu, back.cpu/on.cpu)
		fmt.Printf("back      %.2f s, forwards %.2f; of the processor %.2f, %.2f\n", back.wall, on.wall, back.cpu, on.cpu)
		return err
	})
	if err == nil {
		fmt.Printf("back      %.2f times forwards, of the processor %.2f: the medians\n", median(wall), median(cpu))
	}
	return err
}

func (c *clock) armed(ctx context.Context) error {
	for _, k := range []struct {
		what string
		on   vmm.StopOn
	}{{"breakpoint", vmm.StopExec}, {"watchpoint", vmm.StopWrite}} {
		var wall, cpu []float64
		err := c.windows(ctx, 5, func(from, to vmm.Position) error {
			var cost [2]cost
			for i := range 2 {
				which := (i + len(wall)) % 2
				var err error
				if cost[which], err = c.forward(ctx, from, to, []timeline.Query{unarmed(), nothing(k.on)}[which]); err != nil {
					return err
				}
			}
			wall, cpu = append(wall, cost[1].wall/cost[0].wall), append(cpu, cost[1].cpu/cost[0].cpu)
			return nil
		})
		if err != nil {
			return err
		}
		fmt.Printf("armed     %s: %.3f times without, of the processor %.3f: the medians of %d\n", k.what, median(wall), median(cpu), len(wall))
	}
	return nil
}

func median(x []float64) float64 {
	slices.Sort(x)
	return x[len(x)/2]
}
