//go:build linux && amd64

package lockstep

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"vmrecord/vmm"
	"vmrecord/vmm/cpu"
	"vmrecord/vmm/interp"
	"vmrecord/vmm/jit"
	"vmrecord/vmm/snap"
)

// stops makes a random list of stops for a case.
func (c *Case) stops(r rng) (list []vmm.Stop) {
	at := c.instructions()
	for range 1 + r.IntN(6) {
		s := vmm.Stop{CR3: choose[uint64](r, pml4, other|7, 0x9000), Any: !r.one(3)}
		span := uint64(0)
		switch s.On = vmm.StopOn(r.IntN(int(vmm.StopException) + 1)); s.On {
		case vmm.StopExec:
			s.First = codeAt + uint64(at[r.IntN(len(at))]-physCode) + choose[uint64](r, 0, 0, high, windowAt-codeAt, aliasAt-codeAt)
			span = choose[uint64](r, 0, 0, 0, 20)
			if r.one(5) {
				s.First = handlers + 16*r.Uint64N(vectors)
			}
		case vmm.StopRead, vmm.StopWrite:
			s.First = choose[uint64](r, dataAt, dataAt, dataAt+pageBytes, readOnly, kernel, userPage, devices, moreAt, stackAt, stackAt+pageBytes,
				mappedAt, codeAt, codeAt+pageBytes, windowAt, high+dataAt, high+stackAt, idt, gdt, tss, records, vars, istTop+2*pageBytes) + r.Uint64N(pageBytes)
			span = choose(r, 0, 7, r.Uint64N(pageBytes))
			switch {
			case r.one(8): // the frames
				s.First, span = istTop+uint64(1+r.IntN(3))*pageBytes-8*(1+r.Uint64N(16)), 0
			case r.one(8):
				s.First, span = tss, 0x67
			case r.one(8):
				s.First, span = gdt, 47
			}
		case vmm.StopException:
			s.First = r.Uint64N(20)
		case vmm.StopVector:
			s.First = choose[uint64](r, 2, 0x20, 0x30)
		case vmm.StopMSR, vmm.StopPortIn, vmm.StopPortOut:
			span = r.Uint64N(1 << 33)
		}
		s.Last = s.First + span
		list = append(list, s)
	}
	return list
}

// A halt is where a machine was struck.
type halt struct {
	vmm.Position
	vmm.Hit
}

// next runs a side up to an instant, or until it is struck.
func (s *side) next(t *testing.T, end vmm.Instant) (h halt, ok bool) {
	switch e := s.Run(end); e {
	case vmm.Struck:
		hit, ok := s.Hit()
		if !ok {
			t.Error("struck by nothing")
		}
		return halt{s.Position(), hit}, true
	case vmm.Reached, vmm.Stopped: // after a triple fault
	default:
		t.Errorf("exit %d: %v", e, s.Err())
	}
	return halt{s.Position(), vmm.Hit{}}, false
}

// differ lists what is not the same in two machines.
func differ(a, b *side) (d []string) {
	if *a.CPU != *b.CPU || a.state != b.state {
		d = append(snap.Diff(a.CPU, b.CPU), snap.Diff(&a.state, &b.state)...)
	}
	if a.Now() != b.Now() || a.NMIPending() != b.NMIPending() || a.INTR() != b.INTR() {
		d = append(d, fmt.Sprintf("board: instant %d, NMI %v, INTR %v; %d, %v, %v", a.Now(), a.NMIPending(), a.INTR(), b.Now(), b.NMIPending(), b.INTR()))
	}
	if bytes.Equal(a.ram.B, b.ram.B) {
		return d
	}
	for i := range a.ram.B {
		if a.ram.B[i] != b.ram.B[i] && len(d) < 20 {
			d = append(d, fmt.Sprintf("[%#x]: %#x, %#x", i, a.ram.B[i], b.ram.B[i]))
		}
	}
	return d
}

// TestStops: both engines are struck at the same instants by the same, however
// the way is cut; the machine stands there as one without stops does, and goes
// on like it.
func TestStops(t *testing.T) {
	j, err := jit.New()
	if err != nil {
		t.Fatal(err)
	}
	fast := interp.NewTranslating(j, interp.Tuning{Hot: 1})
	defer fast.Close()
	sides := [3]*side{newSide(), newSide(), newSide()}
	engines := [3]vmm.Engine{interp.New(), fast, interp.New()}
	n, met := 150, [vmm.StopException + 1]int{}
	if testing.Short() {
		n = 60
	}
	for i := range n {
		c := CaseAt(uint64(i), uint64(29*i))
		if i%5 == 4 {
			c = Returns(uint64(i), 0)
		}
		r := newRNG(c.seed, 4)
		for k, s := range sides {
			s.begin(c, engines[k])
			s.Pass = false
		}
		if !runStops(t, c, r, sides, &met) {
			t.Fatalf("in case %d\n%s", i, c.listing())
		}
	}
	for on, k := range met {
		if on := vmm.StopOn(on); k == 0 && (on < vmm.StopPortIn || on > vmm.StopMSR) {
			t.Errorf("no stop of kind %d was met", on)
		}
	}
	t.Log(met, cpu.Translator(j).Stats().Entries)
}

// runStops runs one case: reference and translating engine with stops, and a
// reference without.
func runStops(t *testing.T, c *Case, r rng, sides [3]*side, met *[vmm.StopException + 1]int) bool {
	a, b, plain := sides[0], sides[1], sides[2]
	var list []vmm.Stop
	left := 0
	end := vmm.Instant(min(c.steps, 4000))
	for {
		if left--; left < 0 {
			list, left = c.stops(r), 40
			if r.IntN(3) == 0 { // those that never take a step back
				list = slices.DeleteFunc(list, func(s vmm.Stop) bool { return s.On != vmm.StopExec })
			}
			a.SetStops(list)
			b.SetStops(list)
		}
		a.Slice, b.Slice = vmm.Instant(choose(r, 0, 1, 97)), vmm.Instant(choose(r, 0, 0, 1, 97, 1000))
		to := min(end, a.Now()+vmm.Instant(r.IntN(2000)))
		x, struck := a.next(t, to)
		y, too := b.next(t, to)
		if d := differ(a, b); x != y || struck != too || d != nil {
			t.Errorf("the engines: %+v, %+v of %+v: %s", x, y, list, d)
			return false
		}
		plain.next(t, x.At)
		if d := differ(a, plain); d != nil {
			t.Errorf("struck %v by %+v of %+v: not as without stops: %s", struck, x, list, d)
			return false
		}
		if !struck {
			left = 0
			if kind, _ := a.Stopped(); x.At >= end || kind != vmm.StopNone {
				return true
			}
			continue
		}
		met[list[x.Stop].On]++
		a.Pass, b.Pass = true, true
	}
}
