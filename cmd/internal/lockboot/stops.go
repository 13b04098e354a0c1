package main

import (
	"fmt"
	"math/rand/v2"

	"vmrecord/vmm"
	"vmrecord/vmm/x86"
)

// A watcher sets the same stops on both machines, others from look to look, and
// compares where they are struck.
type watcher struct {
	seed uint64
	rng  *rand.Rand
	code []uint64                      // addresses of instructions, from looks before
	met  [vmm.StopException + 1]uint64 // how often each kind was
}

func newWatcher(seed uint64) *watcher {
	return &watcher{seed: seed, rng: rand.New(rand.NewPCG(seed, 0))}
}

// maxHits is how often stops may strike on the way to a look: behind that the
// machines go on without, so that a kernel's own stack does not take all day.
const maxHits = 200

// reach brings both machines to an instant, which is one of the looks'. The
// difference is "" if they were struck alike.
func (w *watcher) reach(x, y *side, at vmm.Instant) (difference string) {
	list := w.list(x)
	x.SetStops(list)
	y.SetStops(list)
	for range maxHits {
		a, struck := x.next(at)
		b, too := y.next(at)
		if a != b || struck != too {
			return fmt.Sprintf("struck %v at %+v, want %v at %+v; of %+v", too, b, struck, a, list)
		}
		if !struck {
			break
		}
		w.met[list[a.Stop].On]++
		x.Pass, y.Pass = true, true
	}
	for _, s := range []*side{x, y} {
		s.Pass = false
		s.SetStops(nil)
		s.to(at)
	}
	return ""
}

// list is up to four stops for what the guest may do soon.
func (w *watcher) list(x *side) (list []vmm.Stop) {
	if w.code = append(w.code, x.CPU.RIP); len(w.code) > 16 {
		w.code = w.code[1:]
	}
	if w.rng.IntN(4) == 0 {
		return nil // for translations that are not cut short
	}
	for range 1 + w.rng.IntN(4) {
		s := vmm.Stop{On: vmm.StopOn(w.rng.IntN(len(w.met))), CR3: x.CPU.CR3, Any: w.rng.IntN(3) > 0}
		switch s.On {
		case vmm.StopExec:
			s.First = w.code[w.rng.IntN(len(w.code))]
			s.Last = s.First + w.rng.Uint64N(2)*15
		case vmm.StopRead, vmm.StopWrite:
			s.First = x.CPU.R[x86.RSP] - 1024 + w.rng.Uint64N(2048)
			s.Last = s.First + w.rng.Uint64N(2)*63
		case vmm.StopPortIn, vmm.StopPortOut:
			s.Last = 0xffff
		case vmm.StopMSR:
			s.Last = 0xffff_ffff
		default:
			s.Last = 255
		}
		list = append(list, s)
	}
	return list
}

// A halt is where a machine was struck, and by what.
type halt struct {
	vmm.Position
	vmm.Hit
}

// next runs to an instant, to where the machine ends, or to where it is struck.
func (s *side) next(at vmm.Instant) (h halt, struck bool) {
	for s.exit == vmm.Reached && s.Now() < at {
		switch e := s.Run(at); e {
		case vmm.Control:
			s.TakeControl()
		case vmm.Struck:
			h.Hit, _ = s.Hit()
			h.Position = s.Position()
			return h, true
		default:
			s.exit = e
		}
	}
	h.Position = s.Position()
	return h, false
}

// watched is compare with stops. What is different belongs to the stops before,
// and is not narrowed.
func (l *lockboot) watched(w *watcher) (same bool, err error) {
	x, y, err := l.pair()
	if err != nil {
		return false, err
	}
	defer x.free()
	defer y.free()
	for n := uint64(1); ; n++ {
		at := min(vmm.Instant(n)*l.step, l.most)
		difference := w.reach(x, y, at)
		last := at == l.most || x.exit != vmm.Reached
		if difference == "" && !l.equal(x, y, n%l.whole == 0 || last) {
			d, _ := differences(x, y)
			difference = fmt.Sprint(d)
		}
		if difference != "" {
			l.say("seed %d, different between %d and %d: %s", w.seed, at-l.step, at, difference)
			return false, nil
		}
		if last {
			l.say("equal to %s, exit %d, struck by instructions, loads, stores, IN, OUT, registers, interrupts and exceptions %d times", x.Position(), x.exit, w.met)
			return true, nil
		}
	}
}
