package mem

import (
	"bytes"
	"crypto/sha256"
	"math/rand/v2"
	"slices"
	"testing"
)

// Restoring pages, whatever was stored, marked and hashed before, equals never
// having stored: bytes, root, what counts as changed, and what a snapshot sees.
func TestRestore(t *testing.T) {
	for seed := range uint64(40) {
		rng, r := rand.New(rand.NewPCG(seed, 8)), fresh()
		scribble(rng, r, 30)
		then, want := bytes.Clone(r.B), root(r)
		e := r.Mark()
		for range rng.IntN(4) {
			scribble(rng, r, rng.IntN(20))
			if rng.IntN(3) == 0 {
				r.Root()
			}
		}
		var f *Frozen
		var now []byte
		if rng.IntN(2) == 0 {
			now = bytes.Clone(r.B)
			f = r.Freeze(nil)
		}
		changed := r.Changed(e)
		for p := range uint32(pages) {
			b := then[p*PageBytes:][:PageBytes]
			differed := !bytes.Equal(b, r.page(p))
			if got := r.Restore(p, b, sha256.Sum256(b)); got != differed {
				t.Fatalf("seed %d: page %d: %v, want %v", seed, p, got, differed)
			}
			if differed && !slices.Contains(changed.No, p) {
				t.Fatalf("seed %d: page %d differs and did not count as changed", seed, p)
			}
		}
		if !bytes.Equal(r.B, then) || r.Root() != want {
			t.Fatalf("seed %d: not restored", seed)
		}
		for f != nil {
			out := r.Drain(f, 3)
			for _, p := range out {
				if !bytes.Equal(p.Data, now[p.No*PageBytes:][:PageBytes]) {
					t.Fatalf("seed %d: the snapshot's page %d was lost", seed, p.No)
				}
			}
			if len(out) < 3 {
				break
			}
		}
		scribble(rng, r, 5)
		if r.Root() != root(r) {
			t.Fatalf("seed %d: a store after Restore went unseen", seed)
		}
	}
}

// Of marked lines those that differ are hit, and no others.
func TestRestoreHits(t *testing.T) {
	r := fresh()
	then := bytes.Clone(r.page(2))
	r.MarkCode(2*PageBytes, 3*LineBytes)
	r.MarkPaging(2*PageBytes+5*LineBytes, 0)
	r.MarkPaging(2*PageBytes+6*LineBytes, 0)
	r.Write(2*PageBytes+LineBytes, []byte{1})         // code
	r.Write(2*PageBytes+5*LineBytes, []byte{1})       // an entry that is present from now on
	r.Write(2*PageBytes+6*LineBytes, []byte{2})       // one that is not
	r.Write(2*PageBytes+9*LineBytes, []byte{1, 2, 3}) // data
	r.Hits = r.Hits[:0]
	r.Restore(2, then, sha256.Sum256(then))
	if want := []uint32{2*64 + 1, 2*64 + 5}; !slices.Equal(r.Hits, want) {
		t.Errorf("hits %v, want %v", r.Hits, want)
	}
	if r.Flags[2]&Clean == 0 {
		t.Error("the next store would go unseen")
	}
}
