package tape_test

import (
	"bytes"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"vmrecord/vmm"
	"vmrecord/vmm/mem"
	"vmrecord/vmm/tape"
)

// A moment is a machine and its player's place, and what both were.
type moment struct {
	secs  []vmm.Section
	ram   []byte
	place []byte
	state string
}

// A player set to a place, with its machine in the state of that moment, goes
// on comparing: the same end from anywhere, after the end too.
func TestPlaces(t *testing.T) {
	r := record(t, 3, 40_000)
	in, err := tape.NewReader(bytes.NewReader(r.tape))
	if err != nil {
		t.Fatal(err)
	}
	m := r.machine(t)
	p, err := tape.NewPlayer(m, in)
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(3, 9))
	var moments []moment
	for range 400 {
		if len(moments) > 0 && (p.Ended() || rng.IntN(8) == 0) {
			o := moments[rng.IntN(len(moments))]
			at, err := tape.ParsePlace(o.place)
			if err != nil {
				t.Fatal(err)
			}
			copy(m.Mem.B, o.ram)
			m.Mem = mem.New(m.Mem.B)
			if err := m.Load(o.secs); err != nil {
				t.Fatal(err)
			}
			if err := p.SetPlace(at); err != nil {
				t.Fatal(err)
			}
			if got := m.Position().String(); got != o.state {
				t.Fatalf("at %s, want %s", got, o.state)
			}
		}
		if _, err := p.Run(vmm.Position{At: m.Now() + vmm.Instant(rng.Uint64N(5000)), Inputs: tape.All}); err != nil {
			t.Fatal(err)
		}
		if !p.Ended() {
			at := p.Place()
			moments = append(moments, moment{m.Save(), bytes.Clone(m.Mem.B), at.Append(nil), m.Position().String()})
		} else if n := p.Played(); n.End != r.foot.End || n.Heartbeats != r.foot.Frames.Heartbeats || n.Inputs != r.foot.Frames.Inputs {
			t.Fatalf("played %+v, want %+v", n, r.foot)
		}
	}
}

// A tape that only runs forwards says so.
func TestPlaceNeedsSeeker(t *testing.T) {
	r := record(t, 3, 5000)
	in, err := tape.NewReader(io.MultiReader(bytes.NewReader(r.tape)))
	if err != nil {
		t.Fatal(err)
	}
	p, err := tape.NewPlayer(r.machine(t), in)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.SetPlace(p.Place()); err == nil || !strings.Contains(err.Error(), "forwards") {
		t.Fatal(err)
	}
}

func FuzzParsePlace(f *testing.F) {
	r := record(f, 1, 3000)
	in, err := tape.NewReader(bytes.NewReader(r.tape))
	if err != nil {
		f.Fatal(err)
	}
	p, err := tape.NewPlayer(r.machine(f), in)
	if err != nil {
		f.Fatal(err)
	}
	at := p.Place()
	f.Add(at.Append(nil))
	f.Add([]byte{1, 2, 3, 4, 5})
	f.Fuzz(func(t *testing.T, b []byte) {
		at, err := tape.ParsePlace(b)
		if err != nil {
			return
		}
		if again, err := tape.ParsePlace(at.Append(nil)); err != nil || !bytes.Equal(again.Append(nil), at.Append(nil)) {
			t.Fatalf("% x: %v", b, err)
		}
		in, err := tape.NewReader(bytes.NewReader(r.tape))
		if err != nil {
			t.Fatal(err)
		}
		m := r.machine(t)
		p, err := tape.NewPlayer(m, in)
		if err != nil {
			t.Fatal(err)
		}
		if p.SetPlace(at) == nil { // whatever it is, it ends
			_, _ = p.Run(vmm.Position{At: m.Now() + 5000, Inputs: tape.All})
		}
	})
}
