package timeline_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"vmrecord/vmm"
	"vmrecord/vmm/tape"
	"vmrecord/vmm/timeline"
)

// queries by name, with what tells whether an event of a straight replay matches.
var queries = map[string]timeline.Query{
	"inputs":   {Input: func(vmm.Input) bool { return true }},
	"key d":    {Input: func(in vmm.Input) bool { return string(in.Data) == "d" }},
	"marks":    {Mark: func(tape.MarkKind, string) bool { return true }},
	"odd":      {Mark: func(_ tape.MarkKind, s string) bool { return s == "odd" }},
	"text e":   {Text: "e"},
	"text":     {Text: "ound"},
	"newline":  {Text: "\r\n", Mark: func(_ tape.MarkKind, s string) bool { return s == "asked" }},
	"timer":    {Stops: []vmm.Stop{{On: vmm.StopVector, First: 32, Last: 255, Any: true}}},
	"code":     {Stops: []vmm.Stop{{On: vmm.StopExec, First: 0x40000000, Last: 0x40000400, Any: true}}},
	"stored":   {Stops: []vmm.Stop{{On: vmm.StopWrite, First: 0x40040000, Last: 0x40040fff, Any: true}}},
	"mixed":    {Stops: []vmm.Stop{{On: vmm.StopPortOut, First: 0x3f8, Last: 0x3f8}, {On: vmm.StopException, First: 0, Last: 31, Any: true}}, Mark: func(tape.MarkKind, string) bool { return true }},
	"not here": {Stops: []vmm.Stop{{On: vmm.StopMSR, First: 0x12345678, Last: 0x12345678}}, Text: "no guest says this"},
}

// events lists all matches of q in a replay that only goes forward.
func events(t *testing.T, r *made, q timeline.Query) (at []vmm.Position) {
	t.Helper()
	run, err := r.fresh(engines()["interp"])()
	ok(t, err)
	m := run.Machine
	var leapt vmm.Instant
	deliver := m.OnInput
	m.OnInput = func(in vmm.Input) {
		if q.Input != nil && q.Input(in) {
			at = append(at, m.Position())
		}
		if in.Inlet == vmm.InletLeap {
			leapt = m.Now() + vmm.Instant(binary.LittleEndian.Uint64(in.Data))
		}
		deliver(in)
	}
	run.Player.OnMark = func(k tape.MarkKind, s string) {
		if q.Mark != nil && q.Mark(k, s) {
			at = append(at, m.Position())
		}
	}
	text := ""
	m.OnOutput(r.console, func(b []byte) {
		for _, c := range b {
			if text += string(rune(c)); q.Text != "" && strings.HasSuffix(text, q.Text) {
				at = append(at, vmm.Position{At: max(m.Now(), leapt), Inputs: m.Inputs()})
			}
		}
	})
	m.SetStops(q.Stops)
	for {
		e, err := run.Player.Run(r.end)
		if ok(t, err); e != vmm.Struck {
			return at
		}
		at, m.Pass = append(at, m.Position()), true
	}
}

// Searching either way finds what a list of all events has next or last.
func TestSearch(t *testing.T) {
	r, rounds := record(t, 2, 40), 3
	if testing.Short() {
		rounds = 1
	}
	for what, q := range queries {
		all := events(t, r, q)
		if (len(all) < 2) != (what == "not here") {
			t.Fatalf("%s: %d events", what, len(all))
		}
		for name, e := range engines() {
			l := r.open(t, e, timeline.Options{Every: 20_000, Machines: 3})
			straight(t, r, searches(t, l, q, all, rounds, name+", "+what))
		}
	}
}

// A text is found though a checkpoint divides it, and one that a timer writes
// while time leaps.
func TestSearchText(t *testing.T) {
	r := record(t, 2, 20)
	toy := ticking(t, 1)
	for _, c := range []struct {
		r    *made
		text string
	}{{r, r.text[len(r.text)/2:][:30]}, {r, r.text[:200]}, {toy, "bcd"}, {toy, "a"}} {
		q := timeline.Query{Text: c.text}
		l := c.r.open(t, engines()["interp"], timeline.Options{Every: 700, Machines: 2})
		straight(t, c.r, searches(t, l, q, events(t, c.r, q), 6, c.text))
	}
}

// searches makes some from each of some places.
func searches(t *testing.T, l *timeline.Timeline, q timeline.Query, all []vmm.Position, places int, name string) (visits []visit) {
	t.Helper()
	rng := rand.New(rand.NewPCG(6, 6))
	for range places {
		ok(t, l.Seek(t.Context(), vmm.Position{At: l.Start().At + vmm.Instant(rng.Uint64N(uint64(l.End().At-l.Start().At))), Inputs: tape.All}))
		for range 5 {
			visits = append(visits, search(t, l, q, all, rng.IntN(2) == 0, name))
		}
	}
	return visits
}

// search makes one search and compares it with all events.
func search(t *testing.T, l *timeline.Timeline, q timeline.Query, all []vmm.Position, back bool, name string) visit {
	t.Helper()
	here, want, none := l.Position(), l.End(), true
	op := l.Next
	if back {
		want, op = l.Start(), l.Prev
	}
	for _, p := range all {
		if back && p.Before(here) {
			want, none = p, false
		}
		if !back && none && here.Before(p) {
			want, none = p, false
		}
	}
	f, err := op(t.Context(), q)
	name = fmt.Sprintf("%s, from %v, back %v", name, here, back)
	if none != errors.Is(err, timeline.ErrNone) || !none && (err != nil || f.Position != want) || l.Position() != want {
		t.Fatalf("%s: found %+v, %v, now at %v; want %v", name, f, err, l.Position(), want)
	}
	return visited(l, name)
}

// What cannot be searched for is refused.
func TestQueryRefused(t *testing.T) {
	l := record(t, 3, 3).open(t, engines()["interp"], timeline.Options{})
	for _, q := range []timeline.Query{{}, {Text: strings.Repeat("x", 257)}} {
		if _, err := l.Next(t.Context(), q); !errors.Is(err, timeline.ErrQuery) {
			t.Errorf("%+v: %v", q, err)
		}
		if _, err := l.Prev(t.Context(), q); !errors.Is(err, timeline.ErrQuery) {
			t.Errorf("%+v: %v", q, err)
		}
	}
}

// With a limit, a search finds what it finds without one, or stands there.
func TestSearchUntil(t *testing.T) {
	r, rng := record(t, 2, 20), rand.New(rand.NewPCG(8, 8))
	l := r.open(t, engines()["interp"], timeline.Options{Every: 20_000, Machines: 2})
	somewhere := func() vmm.Position {
		ok(t, l.Seek(t.Context(), vmm.Position{At: l.Start().At + vmm.Instant(rng.Uint64N(uint64(l.End().At-l.Start().At))), Inputs: tape.All}))
		return l.Position()
	}
	q, found := queries["timer"], 0
	all := events(t, r, q)
	for range 40 {
		until, here := somewhere(), somewhere()
		want, none, op := until, true, l.Next
		if until.Before(here) {
			op = l.Prev
		}
		for _, p := range all {
			switch {
			case here.Before(p) && p.Before(until) && none, !p.Before(until) && p.Before(here):
				want, none = p, false
			}
		}
		if !none {
			found++
		}
		q.Until = &until
		f, err := op(t.Context(), q)
		if none != errors.Is(err, timeline.ErrNone) || !none && (err != nil || f.Position != want) || l.Position() != want {
			t.Fatalf("from %v to %v: found %+v, %v, now at %v; want %v", here, until, f, err, l.Position(), want)
		}
	}
	if found < 10 {
		t.Errorf("%d of 40 searches had something to find", found)
	}
	start := l.Start()
	q.Until = &start
	if somewhere(); l.Position() != start {
		if _, err := l.Next(t.Context(), q); !errors.Is(err, timeline.ErrQuery) {
			t.Errorf("forwards to the start: %v", err)
		}
	}
}

// Each meets in one way what a straight replay meets, from where it begins and
// not at its end, and leaves the timeline where it was told to.
func TestEach(t *testing.T) {
	r := record(t, 2, 20)
	q := queries["mixed"]
	all := events(t, r, timeline.Query{Stops: q.Stops})
	other := events(t, r, queries["timer"])
	for name, e := range engines() {
		l := r.open(t, e, timeline.Options{Every: 20_000})
		var got []vmm.Position
		note := func(vmm.Hit) ([]vmm.Stop, bool) {
			got = append(got, l.Position())
			return nil, true
		}
		from, to := len(all)/4, len(all)*3/4
		ok(t, l.Seek(t.Context(), all[from]))
		ok(t, l.Each(t.Context(), q.Stops, all[to], note))
		if !slices.Equal(got, all[from:to]) || l.Position() != all[to] {
			t.Errorf("%s: %d matches, now at %v; want %d and %v", name, len(got), l.Position(), to-from, all[to])
		}
		if err := l.Each(t.Context(), q.Stops, l.Start(), note); !errors.Is(err, timeline.ErrQuery) {
			t.Errorf("backwards: %v", err)
		}
		// Other stops from the third match on, and no more after the sixth.
		ok(t, l.Seek(t.Context(), l.Start()))
		got = nil
		ok(t, l.Each(t.Context(), q.Stops, l.End(), func(h vmm.Hit) ([]vmm.Stop, bool) {
			note(h)
			if len(got) == 3 {
				return queries["timer"].Stops, true
			}
			return nil, len(got) < 6
		}))
		first, _ := slices.BinarySearchFunc(other, all[2], func(a, b vmm.Position) int {
			if b.Before(a) {
				return 1
			}
			return -1 // the step where the stops changed is passed
		})
		want := slices.Concat(all[:3], other[first:first+3])
		if !slices.Equal(got, want) || l.Position() != want[5] {
			t.Errorf("%s: with other stops %v, now at %v; want %v", name, got, l.Position(), want)
		}
	}
}
