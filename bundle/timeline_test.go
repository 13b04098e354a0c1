package bundle_test

import (
	"bytes"
	"io"
	"math/rand/v2"
	"testing"

	"vmrecord/bundle"
	"vmrecord/bundle/replay"
	"vmrecord/bundle/store"
	"vmrecord/vmm"
	"vmrecord/vmm/tape"
	"vmrecord/vmm/timeline"
)

// A tape in parts is read and sought like one file.
func TestSeekInSegments(t *testing.T) {
	rng, c := rand.New(rand.NewPCG(1, 1)), store.NewCoder(true)
	var whole []byte
	var parts [][]byte
	for range 5 {
		var seg []byte
		for range 1 + rng.IntN(3) {
			b := make([]byte, 1+rng.IntN(1500))
			for i := range b {
				b[i] = byte(rng.Uint32())
			}
			whole, seg = append(whole, b...), c.Append(seg, nil, b)
		}
		parts = append(parts, seg)
	}
	for range 20 {
		s, at := bundle.Segments(parts...), int64(0)
		for range 50 {
			if rng.IntN(3) == 0 {
				at = rng.Int64N(int64(len(whole)) + 100)
				if _, err := s.Seek(at, io.SeekStart); err != nil {
					t.Fatal(err)
				}
			}
			p := make([]byte, rng.IntN(2000))
			n, err := io.ReadFull(s, p)
			want := whole[min(at, int64(len(whole))):]
			want = want[:min(len(p), len(want))]
			if !bytes.Equal(p[:n], want) || n < len(p) != (err != nil) {
				t.Fatalf("at %d: %d bytes, %v; want %d", at, n, err, len(want))
			}
			at += int64(n)
		}
	}
	if _, err := bundle.Segments(parts...).Seek(0, io.SeekEnd); err == nil {
		t.Error("its end is not known")
	}
}

// A timeline over a bundle shows the same states as
// a straight replay, wherever one goes.
func TestTimeline(t *testing.T) {
	rec := record(t, 5, 40_000)
	path := pack(t, rec.dir)
	replayed := func() (*bundle.Bundle, *replay.Replay, error) {
		b, err := bundle.Open(path)
		if err != nil {
			return nil, nil, err
		}
		r, err := replay.Open(b, build)
		return b, r, err
	}
	l, err := timeline.Open(t.Context(), func() (*timeline.Run, error) {
		b, r, err := replayed()
		if err != nil {
			return nil, err
		}
		return r.Timeline(b.Close), nil
	}, timeline.Options{End: rec.sum.End, Every: 3000})
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(2, 2))
	for range 60 {
		p := vmm.Position{At: rec.sum.Start.At + vmm.Instant(rng.Uint64N(uint64(rec.sum.End.At-rec.sum.Start.At)+1)), Inputs: tape.All}
		if err := l.Seek(t.Context(), p); err != nil {
			t.Fatal(err)
		}
		p = l.Position()
		b, r, err := replayed()
		if err == nil {
			_, err = r.Run(t.Context(), replay.Options{Until: &p})
		}
		if err != nil {
			t.Fatal(err)
		}
		_, want := r.Machine().Digests()
		_, got := l.Machine().Digests()
		if got != want || l.Machine().Mem.Root() != r.Machine().Mem.Root() {
			t.Fatalf("at %v: %016x, straight %016x", p, got, want)
		}
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}
