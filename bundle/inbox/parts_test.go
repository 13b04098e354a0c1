package inbox

import (
	"bytes"
	"crypto/sha256"
	"math/rand/v2"
	"os"
	"testing"

	"vmrecord/bundle/mail"
)

// Parts of several splits of a file come lost, doubled, in any order, some damaged,
// and the receiver begins anew in between: after each it has the file, identical, or
// says exactly which parts it needs; and with those alone it has the file.
func TestAnyParts(t *testing.T) {
	complete, asked := 0, 0
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 0))
		data := noise(byte(seed), 2000+rng.IntN(10_000))
		b := open(t, Options{})
		var got mail.Ranges // what a receiver must have
		for range 1 + rng.IntN(3) {
			s := split(data, int64(1024+rng.IntN(3000)))
			ms := messages(t, data, s.PartBytes)
			for _, n := range deal(rng, len(ms)) {
				if rng.IntN(8) == 0 { // damaged on the way: as good as lost
					b.Accept(bytes.NewReader(ms[n][:rng.IntN(len(ms[n])-200)]), "")
					continue
				}
				a, err := b.Accept(bytes.NewReader(ms[n]), "")
				if err != nil {
					t.Fatalf("seed %d: part %d of %d: %v", seed, n+1, len(ms), err)
				}
				dup := got.Covers(s.Range(n + 1))
				got = got.With(s.Range(n + 1))
				want := mail.NewReceipt(s, got)
				if a.Receipt.String() != want.String() || a.Duplicate != dup || a.Complete != (got.Len() == s.Size) {
					t.Fatalf("seed %d: part %d of %d: %+v, want %s, duplicate %v", seed, n+1, len(ms), a, want, dup)
				}
			}
			var err error
			if b, err = Open(b.dir, b.opt); err != nil { // the receiver was away
				t.Fatal(err)
			}
		}
		if len(got) > 0 && got.Len() < int64(len(data)) {
			asked++
			supply(t, b, data, seed)
		}
		if len(got) > 0 {
			complete++
			identical(t, b, data, seed)
		}
	}
	if complete < 45 || asked < 15 {
		t.Errorf("%d complete, %d asked for more: too few to mean anything", complete, asked)
	}
}

// deal is numbers below n in any order, some missing, some twice.
func deal(rng *rand.Rand, n int) (all []int) {
	for i := range n {
		for range []int{0, 1, 1, 1, 2}[rng.IntN(5)] {
			all = append(all, i)
		}
	}
	rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all
}

// supply sends what the inbox says that it needs, and nothing else.
func supply(t *testing.T, b *Inbox, data []byte, seed uint64) {
	t.Helper()
	r, err := b.Show(testID)
	if err != nil || r.State != Partial {
		t.Fatalf("seed %d: %+v, %v", seed, r, err)
	}
	s := split(data, r.PartBytes)
	need, ok, err := mail.ParseReceipt("VMB1 id="+testID+" have="+r.Need, s.Parts())
	if !ok || err != nil {
		t.Fatalf("seed %d: it needs %q: %v", seed, r.Need, err)
	}
	ms := messages(t, data, r.PartBytes)
	for _, x := range need.Have {
		for n := x.From; n < x.To; n++ {
			a, err := b.Accept(bytes.NewReader(ms[n-1]), "")
			if err != nil || a.Duplicate {
				t.Fatalf("seed %d: part %d was asked for: %+v, %v", seed, n, a, err)
			}
		}
	}
}

// identical tells whether the inbox has the file, once.
func identical(t *testing.T, b *Inbox, data []byte, seed uint64) {
	t.Helper()
	if h := holds(t, b); h != "complete" {
		t.Fatalf("seed %d: %s", seed, h)
	}
	r, err := b.Show(testID)
	if err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(r.File)
	if err != nil || sha256.Sum256(whole) != sha256.Sum256(data) {
		t.Fatalf("seed %d: another file (%v)", seed, err)
	}
}
