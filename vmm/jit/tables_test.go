//go:build linux && amd64

package jit

import (
	"maps"
	"math/rand/v2"
	"testing"

	"vmrecord/vmm/cpu"
	"vmrecord/vmm/mem"
)

// Whatever is cached, dropped and inherited, the tables hold nothing that is
// not true, near nothing that is not far, and no right to store that was taken
// back.
func TestTables(t *testing.T) {
	c, err := New()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	j := c.(*Translator)
	const pages = 64
	j.Attach(mem.New(make([]byte, pages*mem.PageBytes)))
	type fact struct {
		pa    uint64
		write bool
	}
	var truth [cpu.Spaces][cpu.Banks]map[uint64]fact
	empty := func(s int) {
		for b := range truth[s] {
			truth[s][b] = map[uint64]fact{}
		}
	}
	for s := range truth {
		empty(s)
	}
	rng := rand.New(rand.NewPCG(1, 5))
	page := func() uint64 { // few near entries, more far ones, and both halves
		la := rng.Uint64N(4) + rng.Uint64N(3)*tlbSize + rng.Uint64N(2)*farSize
		return la<<12 | rng.Uint64N(2)*0xffff800000000000
	}
	for n := range 20_000 {
		s, b := rng.IntN(cpu.Spaces), rng.IntN(cpu.Banks)
		switch rng.IntN(20) {
		case 0:
			j.FlushSpace(s)
			empty(s)
		case 1:
			to := (s + 1) % cpu.Spaces
			j.FlushSpace(to)
			empty(to)
			var slots [8]uint64
			slots[4] = 1 // the first of the upper half
			j.Inherit(s, to, &slots)
			for k := range truth[s] {
				for la, f := range truth[s][k] {
					if la>>63 != 0 {
						truth[to][k][la] = f
					}
				}
			}
		case 2, 3:
			pa := rng.Uint64N(pages) << 12
			j.Unwrite(pa)
			for s := range truth {
				for b := range truth[s] {
					for la, f := range truth[s][b] {
						if f.pa == pa {
							truth[s][b][la] = fact{pa, false}
						}
					}
				}
			}
		case 6:
			j.FlushLow()
			for s := range truth {
				for b := range truth[s] {
					maps.DeleteFunc(truth[s][b], func(la uint64, _ fact) bool { return la>>63 == 0 })
				}
			}
		case 4, 5:
			first := uint32(rng.IntN(2) * 8)
			j.DropPages(first, 8, 512)
			for s := range truth {
				for b := range truth[s] {
					for la := range truth[s][b] {
						if uint32(la>>12)%512-first < 8 {
							delete(truth[s][b], la)
						}
					}
				}
			}
		default:
			la, f := page(), fact{rng.Uint64N(pages) << 12, rng.IntN(2) == 0}
			j.Cache(s, b, la, f.pa, f.write)
			truth[s][b][la] = f
		}
		for s := range truth {
			for b := range truth[s] {
				tab := &j.a.TLB[s][b]
				check := func(e entry, i, size uint64, in string) {
					la := -e.r
					f, ok := truth[s][b][la]
					switch {
					case e.r == noTag(i) && e.w == noTag(i):
					case !ok || la>>12%size != i || e.host != j.ramAt+f.pa || e.w != noTag(i) && (e.w != e.r || !f.write):
						t.Fatalf("step %d, %s %d of bank %d, space %d: %+v, truth %+v", n, in, i, b, s, e, f)
					}
				}
				for p := range uint64(4) {
					near := tab.near[p]
					check(near, p, tlbSize, "near")
					if far := tab.far[-near.r>>12%farSize]; near.r != noTag(p) && far.r != near.r {
						t.Fatalf("step %d: near %d of bank %d, space %d is not far: %+v, %+v", n, p, b, s, near, far)
					}
					for k := p; k < farSize; k += tlbSize {
						check(tab.far[k], k, farSize, "far")
					}
				}
			}
		}
	}
}

// The key of a page of code is never 0, which is that of an entry without one:
// else a jump to linear page 0, where nothing is mapped, would find the code
// that was there in another space.
func TestExecKey(t *testing.T) {
	was := map[uint64][2]uint64{}
	las := []uint64{0, 1 << 12, 1 << 40, 1<<47 - 1<<12, 0xffff8000_00000000, 0xffffffff_fffff000}
	for _, la := range las {
		for _, pa := range []uint64{0, 1 << 12, 1 << 32, 1<<40 - 2<<12} {
			k := execKey(la, pa)
			if other, ok := was[k]; ok || k == 0 {
				t.Errorf("%#x at %#x has key %#x, as %#x", la, pa, k, other)
			}
			was[k] = [2]uint64{la, pa}
		}
	}
}
