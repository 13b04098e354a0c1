package mem

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"
)

const pages = 16

func fresh() *RAM { return New(make([]byte, pages*PageBytes)) }

// scribble writes n random runs as devices and processors do.
func scribble(rng *rand.Rand, r *RAM, n int) {
	for range n {
		p := make([]byte, 1+rng.IntN(200))
		for i := range p {
			p[i] = byte(rng.Uint32())
		}
		r.Write(rng.Uint64N(r.Size()), p)
	}
}

// root is Root's definition, in full.
func root(r *RAM) (h Hash) {
	b := binary.LittleEndian.AppendUint64(nil, pages)
	for p := range pages {
		d := sha256.Sum256(r.B[p*PageBytes : (p+1)*PageBytes])
		b = append(b, d[:]...)
	}
	return sha256.Sum256(b)
}

func TestRootEqualsBruteForce(t *testing.T) {
	for name, r := range map[string]*RAM{"new": fresh(), "blank": Blank(make([]byte, pages*PageBytes))} {
		t.Run(name, func(t *testing.T) { testRoot(t, r) })
	}
}

func testRoot(t *testing.T, r *RAM) {
	rng := rand.New(rand.NewPCG(1, 1))
	if r.Root() != root(r) {
		t.Error("the root of zeros differs")
	}
	for i := range 200 {
		switch rng.IntN(4) {
		case 0:
			r.Mark()
		case 1:
			r.Digest(rng.Uint32N(pages))
		default:
			scribble(rng, r, 1+rng.IntN(3))
		}
		if rng.IntN(3) == 0 {
			if got, want := r.Root(), root(r); got != want {
				t.Fatalf("step %d: %x, want %x", i, got, want)
			}
		}
	}
}

func TestChanged(t *testing.T) {
	r := fresh()
	e1 := r.Mark()
	r.Write(3*PageBytes-1, []byte{1, 2}) // pages 2 and 3
	e2 := r.Mark()
	r.Write(3*PageBytes+7, []byte{1})
	r.Write(9*PageBytes, []byte{1})
	r.Digest(9) // makes it clean again within the epoch
	r.Write(9*PageBytes, []byte{2})
	e3 := r.Mark()
	for _, c := range []struct {
		since Epoch
		want  []uint32
	}{{e1, []uint32{2, 3, 9}}, {e2, []uint32{3, 9}}, {e3, nil}} {
		if got := r.Changed(c.since).No; !slices.Equal(got, c.want) {
			t.Errorf("since %d: %v, want %v", c.since, got, c.want)
		}
	}
}

// A frozen RAM is the RAM of its boundary, however stores and draining mix.
// Refresh hashes each page once, a few at a time, and the root is as without it.
func TestRefresh(t *testing.T) {
	for seed := range uint64(30) {
		rng, r := rand.New(rand.NewPCG(seed, 3)), fresh()
		r.Root()
		scribble(rng, r, 50)
		stale := 0
		for p := range uint32(pages) {
			if !r.fresh[p] {
				stale++
			}
		}
		n := 1 + rng.IntN(5)
		for next := uint32(0); ; {
			var hashed int
			next, hashed = r.Refresh(next, n)
			if stale -= hashed; hashed > n || hashed < n && next != 0 {
				t.Fatalf("seed %d: %d hashed of %d, next %d", seed, hashed, n, next)
			}
			if next == 0 {
				break
			}
		}
		if next, hashed := r.Refresh(0, n); next != 0 || hashed != 0 || stale != 0 {
			t.Errorf("seed %d: %d left, then %d hashed, next %d", seed, stale, hashed, next)
		}
		scribble(rng, r, 2)
		if got, want := r.Root(), sha(r.B); got != want {
			t.Errorf("seed %d: root %x, want %x", seed, got, want)
		}
	}
}

func TestFreezeWhileStoring(t *testing.T) {
	for seed := range uint64(30) {
		rng, r := rand.New(rand.NewPCG(seed, 2)), fresh()
		scribble(rng, r, 50)
		then := bytes.Clone(r.B)
		wanted := func(p uint32, _ Hash) bool { return seed%3 == 0 || p%2 == 0 }
		f := r.Freeze(wanted)
		if want := sha(then); f.Root != want {
			t.Fatalf("seed %d: root %x, want %x", seed, f.Root, want)
		}
		got := map[uint32][]byte{}
		for {
			scribble(rng, r, rng.IntN(6))
			n := 1 + rng.IntN(3)
			out := r.Drain(f, n)
			for _, p := range out {
				if got[p.No] != nil {
					t.Fatalf("seed %d: page %d twice", seed, p.No)
				}
				got[p.No] = p.Data
			}
			if len(out) < n {
				break
			}
		}
		for p := range uint32(pages) {
			at := then[p*PageBytes : (p+1)*PageBytes]
			switch d := got[p]; {
			case wanted(p, Hash{}) != (d != nil):
				t.Errorf("seed %d: page %d handed out: %v", seed, p, d != nil)
			case d != nil && !bytes.Equal(d, at):
				t.Errorf("seed %d: page %d is not as it was", seed, p)
			case f.Hash[p] != sha256.Sum256(at):
				t.Errorf("seed %d: hash of page %d", seed, p)
			}
		}
		if r.frozen != nil {
			t.Errorf("seed %d: drained and still held", seed)
		}
	}
}

func sha(b []byte) Hash { return root(New(b)) }

func TestReadWriteBounds(t *testing.T) {
	r := fresh()
	end := r.Size()
	for _, c := range []struct {
		at   uint64
		want []byte
	}{
		{0, []byte{1, 2, 3}},
		{PageBytes - 1, []byte{1, 2, 3}},
		{end - 1, []byte{1, 0xff, 0xff}},
		{end, []byte{0xff, 0xff, 0xff}},
		{1<<64 - 1, []byte{0xff, 0xff, 0xff}},
	} {
		r.Write(c.at, []byte{1, 2, 3})
		got := make([]byte, 3)
		if r.Read(c.at, got); !bytes.Equal(got, c.want) {
			t.Errorf("%#x: %v, want %v", c.at, got, c.want)
		}
	}
	for _, c := range []struct {
		at   uint64
		n    int
		want bool
	}{{0, 1, true}, {end - 1, 1, true}, {end - 1, 2, false}, {end, 0, false}, {1<<64 - 1, 2, false}} {
		if got := r.Has(c.at, c.n); got != c.want {
			t.Errorf("Has(%#x, %d) = %v", c.at, c.n, got)
		}
	}
}

// What hangs on a line of paging entries adds up until it is unmarked.
func TestReach(t *testing.T) {
	r := fresh()
	for _, c := range []struct {
		mark, want Reach
	}{
		{0, 0}, {ReachLow, ReachLow}, {0, ReachLow}, {ReachRoot, ReachRoot | ReachLow}, {ReachHigh, ReachRoot | ReachLow | ReachHigh},
	} {
		r.MarkPaging(0x1238, c.mark)
		if got := r.Reach(0x48); got != c.want || !r.IsPaging(0x48) || r.Reach(0x47)|r.Reach(0x49) != 0 {
			t.Errorf("after %#x: %#x, want %#x", c.mark, got, c.want)
		}
	}
	if r.UnmarkPaging(0x48); r.IsPaging(0x48) || r.Reach(0x48) != 0 {
		t.Error("unmarked, it is still there")
	}
}

// Stores report exactly the marked lines that they hit; of paging lines only
// where they change an entry that is present.
func TestHits(t *testing.T) {
	r := fresh()
	r.Write(0x1200, []byte{1})
	r.MarkCode(0x1000, 3)
	r.MarkCode(0x107f, 2)   // lines 41h and 42h
	r.MarkPaging(0x1200, 0) // line 48h
	for _, c := range []struct {
		at   uint64
		n    int
		want []uint32
	}{
		{0x1000, 1, []uint32{0x40}},
		{0x103f, 1, []uint32{0x40}},
		{0x10c0, 64, nil},
		{0x103f, 2, []uint32{0x40, 0x41}},
		{0x1040, 0x100, []uint32{0x41, 0x42}},
		{0x11ff, 2, []uint32{0x48}},
		{0x11ff, 2, nil}, // the entry is absent now
		{0x2000, 8, nil},
		{0x0ffe, 4, []uint32{0x40}}, // across the page's edge
	} {
		r.Hits = r.Hits[:0]
		if r.Write(c.at, make([]byte, c.n)); !slices.Equal(r.Hits, c.want) {
			t.Errorf("%#x+%d: %x, want %x", c.at, c.n, r.Hits, c.want)
		}
	}
	r.ClearCode(1)
	r.ClearPaging()
	r.Hits = nil
	if r.Write(0x1000, make([]byte, PageBytes)); r.Hits != nil {
		t.Errorf("unmarked lines hit: %x", r.Hits)
	}
	if r.IsCode(0x40) || r.IsPaging(0x48) {
		t.Error("lines are still marked")
	}
}
