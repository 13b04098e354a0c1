package bundle_test

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"vmrecord/bundle"
	"vmrecord/bundle/base"
	"vmrecord/bundle/recording"
	"vmrecord/vmm"
	"vmrecord/vmm/tape/tapetest"
)

// started opens a golden and its start.
func started(t testing.TB, name string) *bundle.Start {
	t.Helper()
	b, err := base.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	s, err := bundle.StartOf(b)
	if err != nil || s == nil {
		t.Fatal(s, err)
	}
	return s
}

// TestStartGoesOn: a machine loaded from a golden goes on as the one that it was made
// of, whether that was still there or recorded; in one of another size it is refused.
func TestStartGoesOn(t *testing.T) {
	m := tapetest.New(ramPages)
	m.Door = tapetest.NewLive(3)
	m.Run(7000)
	meta := recording.Meta{Appliance: "toy", Version: "2", Machine: config, Boot: "b"}
	name := filepath.Join(t.TempDir(), "g.vmg")
	i, err := bundle.GoldenOf(m, meta, name, nil)
	if err != nil || i.Name != "toy 2" || i.Kind != base.Golden {
		t.Fatal(i, err)
	}
	s := started(t, name)
	if s.Model != vmm.Model || s.Machine != config || s.Boot != "b" || s.MemoryBytes() != m.Mem.Size() {
		t.Errorf("%+v", s)
	}
	n := tapetest.New(ramPages)
	if err := s.Load(n); err != nil {
		t.Fatal(err)
	}
	m.Door, n.Door = tapetest.NewLive(4), tapetest.NewLive(4)
	m.Run(30_000)
	n.Run(30_000)
	_, x := m.Digests()
	_, y := n.Digests()
	if x != y || m.Mem.Root() != n.Mem.Root() || m.Position() != n.Position() {
		t.Errorf("at %s and %s the machines differ", m.Position(), n.Position())
	}
	if err := s.Load(tapetest.New(ramPages + 1)); err == nil || !strings.Contains(err.Error(), "bytes of memory") {
		t.Error(err)
	}

	rec := open(t, pack(t, record(t, 9, 20_000).dir))
	if _, err := bundle.Golden(rec, name, nil); err != nil {
		t.Fatal(err)
	}
	n = tapetest.New(ramPages)
	if err := started(t, name).Load(n); err != nil {
		t.Fatal(err)
	}
	if n.Position() != rec.Manifest().Tape.Start {
		t.Errorf("it begins at %s, the recording at %s", n.Position(), rec.Manifest().Tape.Start)
	}
}

func FuzzStart(f *testing.F) {
	name := filepath.Join(f.TempDir(), "g.vmg")
	if _, err := bundle.GoldenOf(tapetest.New(2), recording.Meta{Machine: config}, name, nil); err != nil {
		f.Fatal(err)
	}
	b, err := base.Open(name)
	if err != nil {
		f.Fatal(err)
	}
	defer b.Close()
	raw, err := b.Start()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Add(raw[:len(raw)-1])
	f.Fuzz(func(t *testing.T, c []byte) {
		once, err := bundle.ParseStart(c, 2)
		if err != nil {
			return
		}
		twice, err := bundle.ParseStart(once, 2)
		if err != nil || !bytes.Equal(once, twice) {
			t.Fatalf("% x\n% x, %v", once, twice, err)
		}
	})
}
