package timeline_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"math/rand/v2"
	"testing"
	"testing/iotest"

	"vmrecord/vmm/mem"
	"vmrecord/vmm/timeline"
)

// saved is what a timeline that was played to its end saves.
func saved(t testing.TB, r *made, o timeline.Options) (*timeline.Timeline, []byte) {
	t.Helper()
	l := r.open(t, engines()["interp"], o)
	ok(t, l.Seek(t.Context(), l.End()))
	if l.Unsaved() < 2 {
		t.Errorf("%d to be saved", l.Unsaved())
	}
	var out bytes.Buffer
	ok(t, l.Save(&out, mem.Hash{7}))
	return l, out.Bytes()
}

// Saved checkpoints serve another timeline of the recording, on any engine.
func TestSaved(t *testing.T) {
	r := record(t, 5, 20)
	o := timeline.Options{Every: 30_000}
	a, file := saved(t, r, o)
	for name, e := range engines() {
		b := r.open(t, e, o)
		ok(t, b.Load(bytes.NewReader(file), mem.Hash{7}))
		if b.Checkpoints() < 5 || b.Checkpoints() > a.Checkpoints() {
			t.Errorf("%s: %d checkpoints, saved from %d", name, b.Checkpoints(), a.Checkpoints())
		}
		n := b.Checkpoints()
		if a.Unsaved() != 0 || b.Unsaved() != 0 {
			t.Errorf("%s: %d and %d are still to be saved", name, a.Unsaved(), b.Unsaved())
		}
		ok(t, b.Load(bytes.NewReader(file), mem.Hash{7}))
		if b.Checkpoints() != n {
			t.Errorf("%s: loading twice makes %d of %d", name, b.Checkpoints(), n)
		}
		var again bytes.Buffer
		ok(t, b.Save(&again, mem.Hash{7}))
		if !bytes.Equal(again.Bytes(), file) {
			t.Errorf("%s: saved again it is another", name)
		}
		straight(t, r, wander(t, b, rand.New(rand.NewPCG(8, 8)), 100))
	}
}

// What is damaged, cut off, another recording's or too much is refused, and the
// timeline goes on without.
func TestSavedRefused(t *testing.T) {
	r := record(t, 5, 8)
	o := timeline.Options{Every: 30_000}
	l, file := saved(t, r, o)
	n := l.Checkpoints()
	refused := func(what string, l *timeline.Timeline, b []byte, id mem.Hash) {
		t.Helper()
		var e *timeline.SavedError
		if err := l.Load(bytes.NewReader(b), id); !errors.As(err, &e) {
			t.Errorf("%s: %v", what, err)
		}
	}
	rng := rand.New(rand.NewPCG(9, 9))
	for range 60 {
		b := bytes.Clone(file)
		b[rng.IntN(len(b))] ^= 1 << rng.IntN(8)
		refused("a flipped bit", l, b, mem.Hash{7})
		refused("cut off", l, file[:rng.IntN(len(file))], mem.Hash{7})
	}
	refused("another recording", l, file, mem.Hash{8})
	other, _ := saved(t, record(t, 6, 8), o)
	refused("another state", other, file, mem.Hash{7})
	refused("little memory", r.open(t, engines()["interp"], timeline.Options{Memory: 1000}), file, mem.Hash{7})
	if err := l.Load(iotest.ErrReader(errors.ErrUnsupported), mem.Hash{7}); !errors.Is(err, errors.ErrUnsupported) {
		t.Error(err)
	}
	if l.Checkpoints() != n {
		t.Errorf("%d checkpoints, were %d", l.Checkpoints(), n)
	}
	straight(t, r, wander(t, l, rand.New(rand.NewPCG(8, 8)), 50))
}

func FuzzLoad(f *testing.F) {
	r := record(f, 5, 4)
	_, file := saved(f, r, timeline.Options{Every: 100_000})
	const head = 40
	f.Add(file[head : len(file)-sha256.Size])
	f.Add([]byte{1, 1, 5, 0, 5})
	f.Fuzz(func(t *testing.T, body []byte) {
		b := append(bytes.Clone(file[:head]), body...)
		sum := sha256.Sum256(b)
		l := r.open(t, engines()["interp"], timeline.Options{})
		if err := l.Load(bytes.NewReader(append(b, sum[:]...)), mem.Hash{7}); err != nil {
			return
		}
		_ = l.Seek(t.Context(), l.End())
		_ = l.Step(t.Context(), -1)
	})
}

// Where memory is short contents are packed before checkpoints go, also while
// they are loaded, and nothing else is different.
func TestPacked(t *testing.T) {
	r := record(t, 5, 20)
	a, file := saved(t, r, timeline.Options{Every: 30_000})
	all := r.open(t, engines()["interp"], timeline.Options{Every: 30_000})
	ok(t, all.Load(bytes.NewReader(file), mem.Hash{7}))
	less := timeline.Options{Every: 30_000, Memory: a.Bytes() * 2 / 3}
	for name, e := range engines() {
		l := r.open(t, e, less)
		ok(t, l.Load(bytes.NewReader(file), mem.Hash{7}))
		if l.Checkpoints() != all.Checkpoints() || l.Bytes() > less.Memory {
			t.Errorf("%s: %d checkpoints with %d bytes, want %d with %d at most", name, l.Checkpoints(), l.Bytes(), all.Checkpoints(), less.Memory)
		}
		var again bytes.Buffer
		ok(t, l.Save(&again, mem.Hash{7}))
		if !bytes.Equal(again.Bytes(), file) {
			t.Errorf("%s: saved again it is another", name)
		}
		straight(t, r, wander(t, l, rand.New(rand.NewPCG(8, 8)), 50))
		if l.Bytes() > less.Memory {
			t.Errorf("%s: then %d bytes", name, l.Bytes())
		}
	}
}
