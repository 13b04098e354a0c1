package recording

import (
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"vmrecord/bundle/store"
	"vmrecord/vmm"
	"vmrecord/vmm/mem"
)

// pass has a whole pass made, whatever the time.
func (a *Ahead) pass(m *vmm.Machine) {
	for a.rest = (time.Time{}); ; a.rest = (time.Time{}) {
		if a.Slice(m); a.page == 0 {
			return
		}
	}
}

// A made is all that a recording holds but its pages' contents.
type made struct {
	Summary  Summary
	Sections []vmm.Section
	Pages    []store.Hash
	Tape     []byte
}

func readMade(t *testing.T, dir string, s Summary) made {
	t.Helper()
	r, err := Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	tape, err := r.RawTape(1 << 20)
	if err != nil {
		t.Fatal(err)
	}
	s.Bytes = 0 // pages are packed in the order in which they were handed out
	return made{s, r.Sections, r.Pages, tape}
}

// A recording is the same, whether memory was hashed before it or not, and behind a
// pass nothing is left to hash.
func TestAhead(t *testing.T) {
	record := func(ahead bool) (all []made) {
		s := openTest(t, t.TempDir(), Limits{}, store.Disk{})
		defer s.Close()
		g, rng := newGuest(40), rand.New(rand.NewPCG(40, 40))
		g.every = time.Hour // syncs stand on the tape, and come by the clock
		var a Ahead
		for i := range 5 {
			for range rng.IntN(10) {
				g.run(vmm.Instant(rng.IntN(3000)))
				if !ahead {
					continue
				}
				a.pass(g.Machine)
				if _, n := g.Mem.Refresh(0, ramPages); n != 0 {
					t.Errorf("%d pages left behind a pass", n)
				}
			}
			g.run(700) // and stores that no pass saw
			g.start(t, s)
			g.run(10_000)
			keep := i != 2
			sum, err := g.stop(keep)
			if err != nil {
				t.Fatal(err)
			}
			if keep {
				all = append(all, readMade(t, s.Dir(sum.Name), sum))
			}
		}
		return all
	}
	with, without := record(true), record(false)
	for i := range with {
		if !reflect.DeepEqual(with[i], without[i]) {
			t.Errorf("recording %d differs: %+v, %+v", i, with[i].Summary, without[i].Summary)
		}
	}
}

// Between passes, and between slices of a guest that works, nothing is done; while
// it sleeps a pass goes on.
func TestAheadRests(t *testing.T) {
	g, later := newGuest(41), time.Now().Add(time.Hour)
	for _, c := range []struct {
		page          uint32
		halted, works bool
	}{{0, false, false}, {0, true, false}, {1, false, false}, {1, true, true}} {
		g.Mem.Root()
		g.Mem.Write(2*mem.PageBytes, []byte{1})
		a := Ahead{c.page, later}
		g.CPU.Halted = c.halted
		a.Slice(g.Machine)
		if _, n := g.Mem.Refresh(0, ramPages); (n == 0) != c.works {
			t.Errorf("%+v: %d pages were left", c, n)
		}
	}
}
