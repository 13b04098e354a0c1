package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"vmrecord/vmm/jit/locktest/lockstep"
)

const (
	maxDiffs  = 100
	sayEvery  = 5 * time.Second
	saveEvery = 10 * time.Second
)

// A group is the workers of a run.
type group struct {
	*options
	begun time.Time
	out   io.Writer
	base  float64 // seconds of the runs before

	mu          sync.Mutex // for what follows
	p           *progress
	busy        map[uint64]bool // cases begun and not ended
	said, saved time.Time
}

// run compares for the time asked for and tells how it goes on out.
func run(o *options, out io.Writer) (*progress, error) {
	p, err := readProgress(o.resume, o.seed)
	if err != nil {
		return nil, err
	}
	if o.only >= 0 {
		p = &progress{Seed: o.seed, Next: uint64(o.only)}
		o.workers, o.resume = 1, ""
	}
	g := &group{options: o, p: p, out: out, begun: time.Now(), base: p.Seconds, busy: map[uint64]bool{}}
	errs := make([]error, o.workers)
	var all sync.WaitGroup
	for i := range errs {
		all.Go(func() { errs[i] = g.work() })
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	g.p.Seconds = g.base + time.Since(g.begun).Seconds()
	return g.p, g.p.write(g.resume)
}

// work runs cases until the time is over.
func (g *group) work() (err error) {
	t := &lockstep.Tester{New: g.jit.New}
	defer func() { err = errors.Join(err, t.Close()) }()
	for {
		n, ok := g.take()
		if !ok {
			return nil
		}
		c := lockstep.CaseAt(g.seed, n)
		d, err := t.Run(c)
		if err != nil {
			return err
		}
		text := ""
		if d != nil {
			text = fmt.Sprintf("seed %d, case %d: at instant %d: %s", g.seed, n, d.At, d.Text)
			if g.bisect {
				text += "\n" + t.Bisect(c)
			}
		}
		if err := g.took(n, c, t.Count(), text); err != nil {
			return err
		}
	}
}

// take is the number of the next case.
func (g *group) take() (n uint64, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if n = g.p.Next; g.only >= 0 && n != uint64(g.only) || g.only < 0 && time.Since(g.begun) >= g.time {
		return 0, false
	}
	g.p.Next++
	g.busy[n] = true
	if g.verbose {
		fmt.Fprintln(g.out, "case", n)
	}
	return n, true
}

// took takes over what came of a case.
func (g *group) took(n uint64, c *lockstep.Case, k lockstep.Count, diff string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.busy, n)
	p := g.p
	p.add(c.Theme, k)
	if diff != "" {
		fmt.Fprintln(g.out, diff)
		if len(p.Diffs) < maxDiffs {
			p.Diffs = append(p.Diffs, diff)
		}
	}
	now := time.Now()
	p.Seconds = g.base + now.Sub(g.begun).Seconds()
	if now.Sub(g.said) >= sayEvery {
		g.said = now
		fmt.Fprintln(g.out, p)
	}
	if now.Sub(g.saved) < saveEvery {
		return nil
	}
	g.saved = now
	q := *p
	for n := range g.busy { // they come again
		q.Next = min(q.Next, n)
	}
	return q.write(g.resume)
}

// least is the smallest of counts.
func least(counts []int) int {
	if len(counts) == 0 {
		return 0
	}
	return slices.Min(counts)
}
