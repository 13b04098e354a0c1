package timeline_test

import (
	"errors"
	"testing"

	"vmrecord/vmm"
	"vmrecord/vmm/interp"
	"vmrecord/vmm/tape"
	"vmrecord/vmm/timeline"
)

// Bisect finds the first input that another user gave, which is told by playing
// both tapes on, boundary by boundary.
func TestBisect(t *testing.T) {
	e := func() vmm.Engine { return interp.New() }
	one, two := record(t, 2, 6), record(t, 4, 6)
	a, b := one.open(t, e, timeline.Options{}), two.open(t, e, timeline.Options{})
	f, err := timeline.Bisect(t.Context(), a, b)
	ok(t, err)
	if f == nil {
		t.Fatal("no difference between two users")
	}
	x, y := one.open(t, e, timeline.Options{}), two.open(t, e, timeline.Options{})
	same := func(at vmm.Instant) bool {
		to := vmm.Position{At: at, Inputs: tape.All}
		ok(t, errors.Join(x.Seek(t.Context(), to), y.Seek(t.Context(), to)))
		_, p := x.Machine().Digests()
		_, q := y.Machine().Digests()
		return p == q && x.Position() == y.Position() && x.Machine().Mem.Root() == y.Machine().Mem.Root()
	}
	first := x.Start().At
	for first = max(first, f.Good.At-min(f.Good.At, 300)); same(first); first++ {
	}
	if f.Good.At+1 != first || same(f.Good.At+1) || a.Position() != f.Good {
		t.Errorf("they part between %v and %v, found %v to %v and %v", first-1, first, f.Good, f.Bad, f.Other)
	}
	if f.Inputs[0].Inlet == "" && f.Inputs[1].Inlet == "" {
		t.Errorf("no input is named: %+v", f)
	}
	if len(f.Differences) == 0 || f.Bad == f.Other && f.Instruction == "" {
		t.Errorf("%+v", f)
	}
	for _, d := range f.Differences {
		if d.Section == "" || d.Field == "" || d.A == d.B {
			t.Errorf("%+v", d)
		}
	}
	t.Logf("%+v", f)
}

// Engines are no difference; another start is no comparison.
func TestBisectAlike(t *testing.T) {
	one, other := record(t, 2, 3), record(t, 3, 3)
	var lines []*timeline.Timeline
	for _, e := range engines() {
		lines = append(lines, one.open(t, e, timeline.Options{}))
	}
	if f, err := timeline.Bisect(t.Context(), lines[0], lines[len(lines)-1]); f != nil || err != nil {
		t.Errorf("%+v, %v", f, err)
	}
	o := other.open(t, func() vmm.Engine { return interp.New() }, timeline.Options{})
	if f, err := timeline.Bisect(t.Context(), lines[0], o); !errors.Is(err, timeline.ErrStart) {
		t.Errorf("%+v, %v", f, err)
	}
}
