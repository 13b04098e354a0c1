package slice_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"vmrecord/bundle"
	"vmrecord/bundle/recording"
	"vmrecord/bundle/replay"
	"vmrecord/bundle/slice"
	"vmrecord/bundle/store"
	"vmrecord/vmm"
	"vmrecord/vmm/mem"
	"vmrecord/vmm/tape"
	"vmrecord/vmm/tape/tapetest"
)

const ramPages = 150 // of which the toy's program works in the first 64

// record makes a recording, with two marks at one instant, and a failure if it
// shall; broken ends without footer.
func record(t *testing.T, fails, broken bool) string {
	t.Helper()
	s, err := recording.OpenShelf(t.TempDir(), recording.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	m := tapetest.New(ramPages)
	m.Door = tapetest.NewLive(5)
	m.Run(4000)
	rec, err := s.Start(m, recording.Options{Period: 1000, Every: time.Millisecond, Seed: 5, Meta: recording.Meta{Console: tapetest.Outlet}})
	if err != nil {
		t.Fatal(err)
	}
	m.OnOutput(tapetest.Outlet, rec.Console)
	run := func(n vmm.Instant) {
		for end := m.Now() + n; m.Now() < end; rec.Slice() {
			if m.Run(min(end, m.Now()+300)) == vmm.Beat {
				rec.Beat()
			}
		}
	}
	run(9000)
	rec.Mark("one")
	rec.Mark("two")
	run(9000)
	if fails {
		rec.Fail("it fails")
	}
	run(9000)
	sum, err := rec.Stop(true, "end")
	if err != nil || s.Close() != nil {
		t.Fatal(err)
	}
	dir := s.Dir(sum.Name)
	if broken {
		cut(t, dir)
	}
	return dir
}

// cut takes the footer off a recording's tape.
func cut(t *testing.T, dir string) {
	t.Helper()
	r, err := recording.Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	raw, err := r.RawTape(1 << 28)
	if err != nil {
		t.Fatal(err)
	}
	fs, err := tapetest.Frames(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	raw, err = tapetest.Rewrite(fs[:len(fs)-1])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "tape", "000001.seg"), store.NewCoder(true).Append(nil, nil, raw), 0o600); err != nil {
		t.Fatal(err)
	}
}

func build(c replay.Config) (*vmm.Machine, error) {
	return tapetest.Over(mem.New(make([]byte, c.MemoryBytes)), c.Board), nil
}

func standing(t *testing.T, dir string) *bundle.Bundle {
	t.Helper()
	b, err := bundle.OpenRecording(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

func pack(t *testing.T, dir string, s *bundle.Slice) *bundle.Bundle {
	t.Helper()
	p, err := bundle.Pack(dir, t.TempDir(), bundle.PackOptions{Slice: s})
	if err != nil {
		t.Fatal(err)
	}
	b, err := bundle.Open(p.Path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

// TestSlice: what is left out is what the program does not work in, what is left
// replays to the same registers, and everything can be verified.
func TestSlice(t *testing.T) {
	for _, c := range []struct {
		name          string
		fails, broken bool
	}{{"a failure", true, false}, {"none", false, false}, {"no end", true, true}} {
		dir := record(t, c.fails, c.broken)
		s, err := slice.Make(t.Context(), standing(t, dir), build, nil)
		if err != nil {
			t.Fatal(c.name, err)
		}
		for p, absent := range s.Absent {
			if used := p < 64; absent && used || !absent && !used && p%2 == 0 {
				t.Errorf("%s: page %d is left out: %v", c.name, p, absent)
			}
		}
		b, whole := pack(t, dir, s), standing(t, dir)
		m, w := b.Manifest(), whole.Manifest()
		if m.Level != "L1" || m.Snapshot.Stored >= w.Snapshot.Stored || m.Tape.End != w.Tape.End || m.Tape.Retired != w.Tape.Retired ||
			m.Tape.Console != w.Tape.Console || (m.Tape.EndHash == w.Tape.EndHash) != c.broken || len(m.Markers) != len(w.Markers) {
			t.Errorf("%s: %+v %+v", c.name, m.Snapshot, m.Tape)
		}
		if err := errors.Join(b.Verify(), slice.Prove(t.Context(), b, build, nil)); err != nil {
			t.Error(c.name, err)
		}
		level := (*bundle.LevelError)(nil)
		if err := b.Can(bundle.CanGoLive, "going live"); !errors.As(err, &level) || whole.Can(bundle.CanGoLive, "going live") != nil {
			t.Error(c.name, err)
		}
		if _, err := bundle.Golden(b, filepath.Join(t.TempDir(), "g"), nil); !errors.As(err, &level) {
			t.Error(c.name, err)
		}
		r, err := replay.Open(b, build)
		if err != nil {
			t.Fatal(c.name, err)
		}
		if ram := r.Machine().Mem; !ram.Lacks(100*mem.PageBytes) || ram.Lacks(10*mem.PageBytes) || ram.Lacks(101*mem.PageBytes) {
			t.Errorf("%s: onlookers see other pages than there are", c.name)
		}
	}
}

// TestTooMuchLeftOut: a page that the replay uses cannot be missing without being
// missed.
func TestTooMuchLeftOut(t *testing.T) {
	dir := record(t, true, false)
	s, err := slice.Make(t.Context(), standing(t, dir), build, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []int{0, 10, 62} {
		less := *s
		less.Absent = append([]bool(nil), s.Absent...)
		less.Absent[p] = true
		if err := slice.Prove(t.Context(), pack(t, dir, &less), build, nil); !errors.As(err, new(*tape.Divergence)) {
			t.Errorf("without page %d: %v", p, err)
		}
	}
}

func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := slice.Make(ctx, standing(t, record(t, true, false)), build, nil); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
