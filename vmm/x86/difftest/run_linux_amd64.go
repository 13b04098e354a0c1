package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"vmrecord/vmm"
	"vmrecord/vmm/interp"
	"vmrecord/vmm/x86"
	"vmrecord/vmm/x86/difftest/silicon"
)

const (
	roundCases = 25 // of a unit, before it is the next one's turn
	maxDiffs   = 100
	sayEvery   = 5 * time.Second
	saveEvery  = 10 * time.Second
)

// A group is the testers of a run, each with its share of the units, and what
// they told at the end of their last rounds.
type group struct {
	*options
	base       *silicon.Progress // of the runs before
	begun, end time.Time
	out        io.Writer
	testers    []*silicon.Tester

	mu          sync.Mutex // for what follows
	stats       [][]silicon.Stat
	explained   [][]int
	diffs       []string
	said, saved time.Time
}

// run compares for the time asked for and tells how it goes on out.
func run(o *options, out io.Writer) (*result, error) {
	base, err := silicon.ReadProgress(o.resume, o.seed)
	if err != nil {
		return nil, err
	}
	g := &group{options: o, base: base, out: out, begun: time.Now(), diffs: base.Diffs}
	g.end = g.begun.Add(o.time)
	defer g.close()
	if err := g.start(); err != nil {
		return nil, err
	}
	errs := make([]error, len(g.testers))
	var all sync.WaitGroup
	for i := range g.testers {
		all.Go(func() { errs[i] = g.work(i) })
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	p := g.progress()
	return newResult(p, g.testers[0]), g.save(p)
}

// start makes the testers and deals the units out.
func (g *group) start() error {
	for w := range g.workers {
		turn := -1
		t, err := silicon.New(silicon.Config{Engine: func() vmm.Engine { return interp.New() }, Seed: g.seed, Log: g.differ,
			Only: func(u silicon.Unit) bool {
				if !strings.HasPrefix(x86.Table[u.Row].Text, g.form) {
					return false
				}
				turn++
				return turn%g.workers == w
			}})
		if err != nil {
			return err
		}
		g.testers = append(g.testers, t)
		g.base.Resume(t)
		g.stats = append(g.stats, slices.Clone(t.Stats))
		g.explained = append(g.explained, slices.Clone(t.Explained))
	}
	if len(g.stats[0]) == 0 {
		return fmt.Errorf("no form begins with %q; vmm/x86/isa.txt lists them", g.form)
	}
	return nil
}

func (g *group) close() {
	for _, t := range g.testers {
		t.Close()
	}
}

// differ is told of each difference.
func (g *group) differ(format string, args ...any) {
	g.mu.Lock()
	defer g.mu.Unlock()
	text := fmt.Sprintf(format, args...)
	fmt.Fprintln(g.out, text)
	if len(g.diffs) < maxDiffs {
		g.diffs = append(g.diffs, text)
	}
}

// work runs rounds of tester i until the time is over.
func (g *group) work(i int) error {
	over := func() bool { return !time.Now().Before(g.end) }
	t := g.testers[i]
	for len(t.Stats) > 0 && !over() {
		if err := t.Round(roundCases, over); err != nil {
			return err
		}
		if err := g.took(i); err != nil {
			return err
		}
	}
	return nil
}

// took takes over what tester i found out.
func (g *group) took(i int) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.stats[i], g.explained[i] = slices.Clone(g.testers[i].Stats), slices.Clone(g.testers[i].Explained)
	now := time.Now()
	if now.Sub(g.said) >= sayEvery {
		g.said = now
		g.say()
	}
	if now.Sub(g.saved) < saveEvery {
		return nil
	}
	g.saved = now
	return g.save(g.progress())
}

// progress puts together what is known by now.
func (g *group) progress() *silicon.Progress {
	p := *g.base
	p.Units, p.Explained, p.Diffs = nil, maps.Clone(g.base.Explained), g.diffs
	p.Seconds += time.Since(g.begun).Seconds()
	for i := range g.stats {
		p.Add(g.stats[i], g.explained[i])
	}
	return &p
}

func (g *group) save(p *silicon.Progress) error {
	if g.resume == "" {
		return nil
	}
	return p.Write(g.resume)
}

func (g *group) say() {
	r := newResult(g.progress(), g.testers[0])
	fmt.Fprintf(g.out, "%s: %d cases, %d per form and size at least, %.0f a second, %d differences\n",
		time.Since(g.begun).Round(time.Second), r.Cases, r.Least, r.PerSecond, r.Unexplained)
}
