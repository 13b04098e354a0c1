package main

import (
	"fmt"
	"io"
	"maps"
	"math"
	"math/bits"
	"slices"
	"strings"

	"vmrecord/vmm/x86/difftest/silicon"
)

// A result is what a run prints.
type result struct {
	Seed        uint64
	Seconds     float64
	Cases       int
	PerSecond   float64
	Units       []unitResult
	Least       int // cases of the unit that has the fewest
	Wanted      int // exceptions that an hour should meet, over all units
	Missing     int // those of them that were not met
	Unexplained int
	Explained   []explained
	Diffs       []string `json:",omitempty"`

	// Reference: the processor is one that our choices follow; on another one
	// differences are told, but are no failure. Compat: 32-bit code was run.
	Reference, Compat bool
}

// A unitResult is one form in one size and mode.
type unitResult struct {
	silicon.UnitProgress
	Met     []string // exceptions, #BP and #DB apart, which end every case
	Missing []string // that an hour should meet
}

type explained struct {
	Name, Section string
	Cases         int
}

func newResult(p *silicon.Progress, t *silicon.Tester) *result {
	r := &result{Seed: p.Seed, Seconds: p.Seconds, Diffs: p.Diffs, Least: math.MaxInt, Reference: t.Reference, Compat: t.Compat}
	for _, u := range p.Units {
		r.Cases += u.Cases
		r.Unexplained += u.Diffs
		r.Least = min(r.Least, u.Cases)
		r.Wanted += bits.OnesCount32(u.Wanted)
		missing := silicon.FaultNames(u.Wanted &^ u.Faults)
		r.Missing += len(missing)
		r.Units = append(r.Units, unitResult{u, silicon.FaultNames(u.Faults), missing})
	}
	r.PerSecond = float64(r.Cases) / r.Seconds
	for _, e := range silicon.Explanations {
		if n := p.Explained[e.Name]; n > 0 {
			r.Explained = append(r.Explained, explained{e.Name, e.Section, n})
		}
	}
	slices.SortStableFunc(r.Units, func(a, b unitResult) int {
		if a.Bits != b.Bits {
			return b.Bits - a.Bits
		}
		return int(a.Row) - int(b.Row)
	})
	return r
}

// print writes the result as text: all units with rows, else those that have a
// difference or lack an exception.
func (r *result) print(w io.Writer, rows bool) error {
	var b strings.Builder
	for _, u := range r.Units {
		if !rows && u.Diffs == 0 && len(u.Missing) == 0 {
			continue
		}
		fmt.Fprintf(&b, "%-34s size %2d, %d-bit %7d cases, met %s", u.Form, u.Size, u.Bits, u.Cases, strings.Join(u.Met, " "))
		if len(u.Missing) > 0 {
			fmt.Fprintf(&b, ", not met %s", strings.Join(u.Missing, " "))
		}
		if u.Diffs > 0 {
			fmt.Fprintf(&b, ", %d DIFFERENCES", u.Diffs)
		}
		b.WriteString("\n")
	}
	for _, e := range r.Explained {
		fmt.Fprintf(&b, "explained: %7d cases: %s (%s)\n", e.Cases, e.Name, e.Section)
	}
	for _, why := range slices.Sorted(maps.Keys(excluded())) {
		fmt.Fprintf(&b, "not run: %s: %s\n", why, strings.Join(excluded()[why], ", "))
	}
	if !r.Reference {
		b.WriteString("This processor is not one that our choices follow (AMD family 19h): differences may be its own.\n")
	}
	if !r.Compat {
		b.WriteString("32-bit code was not run: the kernel has no modify_ldt.\n")
	}
	fmt.Fprintf(&b, "seed %d, %.0f seconds: %d forms and sizes, %d cases, %.0f a second, at least %d of each; of %d exceptions wanted %d not met; %d unexplained differences\n",
		r.Seed, r.Seconds, len(r.Units), r.Cases, r.PerSecond, r.Least, r.Wanted, r.Missing, r.Unexplained)
	_, err := io.WriteString(w, b.String())
	return err
}

// excluded lists the forms that are not run in any mode, by reason.
func excluded() map[string][]string {
	m := map[string][]string{}
	for _, e := range silicon.NotRun() {
		m[e.Why] = append(m[e.Why], e.Form)
	}
	return m
}
