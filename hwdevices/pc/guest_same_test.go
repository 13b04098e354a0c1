package pc_test

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"

	"vmrecord/configs/bare"
	"vmrecord/vmm"
	"vmrecord/vmm/texttest"
)

// A cut run equals an uncut one.
func TestSlices(t *testing.T) {
	o, in := busy()
	want := boot(t, o, slowHz, in...)
	want.finish(t)
	for _, slice := range []vmm.Instant{1, 3, 97, 5000} {
		g := boot(t, o, slowHz, in...)
		g.Slice = slice
		g.finish(t)
		texttest.Same(t, "slices", g.end(), want.end())
	}
}

// An engine that forgets all it knows of the guest's memory and code, at any
// time, equals one that does not.
func TestForgetful(t *testing.T) {
	o, in := busy()
	want := boot(t, o, slowHz, in...)
	want.finish(t)
	rng := rand.New(rand.NewPCG(3, 3))
	g := boot(t, o, slowHz, in...)
	for g.to(g.Now()+1+vmm.Instant(rng.Uint64N(3000))) != vmm.Stopped {
		g.Engine.Drop(nil)
		if rng.IntN(4) == 0 {
			g.Mem.Mark()
		}
	}
	texttest.Same(t, "forgetful", g.end(), want.end())
}

// restored is a fresh machine in g's state, with memory of its own.
func (g *guest) restored(t *testing.T) *guest {
	t.Helper()
	d := *g.Door.(*vmm.Scripted)
	h := machine(bytes.Clone(g.Mem.B), slowHz, &d, false)
	if err := h.Load(g.Save()); err != nil {
		t.Fatal(err)
	}
	h.tx.Write(g.tx.Bytes())
	h.events.Write(g.events.Bytes())
	return h
}

// Save, restore, continue equals continue: at hundreds of instants the run goes
// on in a machine that was just made, beside one that knows no pause.
func TestRestoreAnywhere(t *testing.T) {
	o, in := busy()
	a, points := boot(t, o, slowHz, in...), 300
	if testing.Short() {
		points = 40
	}
	rng := rand.New(rand.NewPCG(7, 7))
	b := a.restored(t)
	mean := uint64(2*1_450_000) / uint64(points)
	for a.Now() < longest {
		to := a.Now() + 1 + vmm.Instant(rng.Uint64N(mean))
		if rng.IntN(4) == 0 { // right behind the last
			to = a.Now() + 1 + vmm.Instant(rng.Uint64N(3))
		}
		e := a.to(to)
		if f := b.to(to); f != e || a.end() != b.end() {
			texttest.Same(t, "restored", b.end(), a.end())
			t.Fatalf("exits %d, want %d: %v", f, e, b.Err())
		}
		if e == vmm.Stopped {
			return
		}
		b = b.restored(t)
	}
	t.Error("the guest does not end")
}

// A live door hands out keys, recordings and leaps when it likes, several at
// once, and wakes sleepers when it likes.
type live struct {
	rng  *rand.Rand
	next vmm.Instant
	n    int
}

func (d *live) Horizon(now vmm.Instant) vmm.Instant {
	return max(now+1, min(d.next, now+1+vmm.Instant(d.rng.Uint64N(5000))))
}

func (d *live) Idle(now, until vmm.Instant) vmm.Instant {
	return min(until, now+1+vmm.Instant(d.rng.Uint64N(4000)))
}

func (d *live) Next(now vmm.Instant) (in vmm.Input, ok bool) {
	if now < d.next {
		return in, false
	}
	if d.rng.IntN(4) != 0 {
		d.next = now + 1 + vmm.Instant(d.rng.Uint64N(40_000))
	}
	d.n++
	switch {
	case d.n > 60:
		return keys(now, 0, "q")[0], true
	case d.rng.IntN(4) == 0:
		return leap(now, d.rng.Uint64N(20_000)), true
	}
	const typed = "rkdfx"
	i := d.rng.IntN(len(typed))
	return keys(now, 0, typed[i:i+1])[0], true
}

// What was recorded of a live run replays to the same end.
func TestReplay(t *testing.T) {
	seeds := uint64(12)
	if testing.Short() {
		seeds = 3
	}
	for seed := range seeds {
		o := bare.Options{APIC: seed%2 == 0, Float: seed%3 == 0, Keys: true}
		g := boot(t, o, slowHz)
		g.Door = &live{rng: rand.New(rand.NewPCG(seed, 1))}
		var tape []vmm.Input
		g.OnInput = func(in vmm.Input) {
			in.Data = bytes.Clone(in.Data)
			tape = append(tape, in)
		}
		g.finish(t)
		r := boot(t, o, slowHz, slices.Clone(tape)...)
		r.finish(t)
		if r.end() != g.end() {
			t.Errorf("seed %d", seed)
			texttest.Same(t, "replay", r.end(), g.end())
		}
	}
}

// Timers inside a leap fire at their own instants: a leap in one piece equals
// the same leap in two, and in pieces of one instant each.
func TestLeaps(t *testing.T) {
	ends := func(parts ...uint64) string {
		var in []vmm.Input
		for _, n := range parts {
			in = append(in, leap(50_000, n))
		}
		g := boot(t, bare.Options{Work: 3e5, APIC: true}, slowHz, in...)
		g.finish(t)
		b := g.Machine.Save()
		i := slices.IndexFunc(b, func(s vmm.Section) bool { return s.Name == "board" })
		var rest []byte
		for j, s := range b {
			if j != i { // the board counts inputs
				rest = append(rest, s.Data...)
			}
		}
		at := binary.LittleEndian.AppendUint64(nil, uint64(g.Now()))
		return string(append(append(at, g.Mem.B...), rest...))
	}
	whole := ends(24_000)
	if ends(slices.Repeat([]uint64{1}, 24_000)...) != whole {
		t.Error("24000 leaps of one instant differ from one of 24000")
	}
	for first := uint64(1); first < 24_000; first += 1717 {
		if ends(first, 24_000-first) != whole {
			t.Errorf("%d and %d instants differ from 24000", first, 24_000-first)
		}
	}
	if ends() == whole {
		t.Error("no leap makes no difference")
	}
}
