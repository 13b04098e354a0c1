package bundle_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"filippo.io/age"

	"vmrecord/bundle"
	"vmrecord/bundle/base"
	"vmrecord/bundle/recording"
	"vmrecord/bundle/replay"
	"vmrecord/bundle/store"
)

// shelved has the golden of a recording in a folder, and a file of which the guest
// has a page.
func shelved(t testing.TB, of made) (f base.Folder, golden, file string) {
	t.Helper()
	f.Dir = filepath.Join(t.TempDir(), "bases")
	golden = filepath.Join(t.TempDir(), "g.vmg")
	whole := open(t, pack(t, of.dir))
	if _, err := bundle.Golden(whole, golden, nil); err != nil {
		t.Fatal(err)
	}
	p := make([]byte, store.PageBytes)
	if err := whole.Page(100, p); err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, append(make([]byte, store.PageBytes), p...), 0o600); err != nil {
		t.Fatal(err)
	}
	return f, golden, file
}

// thin packs a recording against files.
func thin(t testing.TB, dir string, f base.Folder, o bundle.PackOptions, files ...string) bundle.Packed {
	t.Helper()
	for _, name := range files {
		i, err := f.Add(name)
		if err != nil {
			t.Fatal(err)
		}
		b, err := f.Open(i)
		if err != nil {
			t.Fatal(err)
		}
		defer b.Close()
		o.Bases = append(o.Bases, b)
	}
	return packWith(t, dir, o)
}

func openThin(t testing.TB, path string, f base.Folder, keys ...age.Identity) *bundle.Bundle {
	t.Helper()
	b, err := bundle.Open(path, keys...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	b.UseBases(f)
	return b
}

// TestThin: against any bases, and against a base without pages, a bundle is the
// recording to the bit; it is the smaller the more they have.
func TestThin(t *testing.T) {
	rec, other := record(t, 21, 30_000), record(t, 22, 30_000)
	f, golden, file := shelved(t, other)
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	whole := open(t, pack(t, rec.dir))
	stored := whole.Manifest().Snapshot.Stored
	for _, c := range []struct {
		name  string
		files []string
		less  func(stored uint64) bool
	}{
		{"an empty file", []string{empty}, func(n uint64) bool { return n == stored }},
		{"a file", []string{file}, func(n uint64) bool { return n == stored-1 }},
		{"a golden", []string{golden}, func(n uint64) bool { return n < stored*9/10 }},
		{"all, the same twice", []string{empty, golden, empty, file, golden}, func(n uint64) bool { return n < stored*9/10 }},
	} {
		p := thin(t, rec.dir, f, bundle.PackOptions{}, c.files...)
		b := openThin(t, p.Path, f)
		m := b.Manifest()
		if !c.less(m.Snapshot.Stored) || m.Level != "L2" || len(m.Snapshot.Bases) != len(c.files) || len(m.Requires) != 1 {
			t.Errorf("%s: %+v, whole it stores %d", c.name, m.Snapshot, stored)
		}
		if err := b.Verify(); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		same(t, c.name, b, whole)
		if res, err := play(b, replay.Options{}); err != nil || !res.Identical || res.EndHash != rec.sum.EndHash {
			t.Errorf("%s: %+v, %v", c.name, res, err)
		}
		again, err := os.ReadFile(thin(t, rec.dir, f, bundle.PackOptions{}, c.files...).Path)
		if first, err2 := os.ReadFile(p.Path); err != nil || err2 != nil || !bytes.Equal(again, first) {
			t.Errorf("%s: packed twice, two different files", c.name)
		}
	}
}

// same compares the memory with which two bundles begin.
func same(t *testing.T, name string, b, c *bundle.Bundle) {
	t.Helper()
	p, q := make([]byte, store.PageBytes), make([]byte, store.PageBytes)
	for no := range b.Manifest().Snapshot.Pages {
		if err := errors.Join(b.Page(no, p), c.Page(no, q)); err != nil || !bytes.Equal(p, q) {
			t.Fatalf("%s: page %d differs, %v", name, no, err)
		}
	}
}

// TestThinSealed: a thin bundle can be sealed as any other.
func TestThinSealed(t *testing.T) {
	rec := record(t, 23, 15_000)
	f, golden, _ := shelved(t, record(t, 24, 15_000))
	key := newLock(t)
	b := openThin(t, thin(t, rec.dir, f, bundle.PackOptions{To: key.to}, golden).Path, f, key.id)
	if res, err := play(b, replay.Options{}); err != nil || !res.Identical {
		t.Errorf("%+v, %v", res, err)
	}
}

// TestBaseMissing: everything but memory can be had without the bases, and the
// error names what is missing.
func TestBaseMissing(t *testing.T) {
	rec := record(t, 25, 15_000)
	f, golden, file := shelved(t, record(t, 26, 15_000))
	path := thin(t, rec.dir, f, bundle.PackOptions{}, file, golden).Path
	for _, have := range []base.Folder{{}, {Dir: t.TempDir()}} {
		b := openThin(t, path, have)
		if i := b.Inspect(); i.Manifest.Snapshot.Bases[0].Name != "file" {
			t.Errorf("%+v", i)
		}
		_, errPlay := play(b, replay.Options{})
		for _, err := range []error{b.Verify(), b.Page(3, make([]byte, store.PageBytes)), errPlay} {
			var missing *base.MissingError
			if !errors.As(err, &missing) || missing.Name != "file" || missing.Dir != have.Dir {
				t.Error(err)
			}
		}
	}
}

// TestHostileThin: what a thin bundle says of its pages is bounded.
func TestHostileThin(t *testing.T) {
	rec := record(t, 27, 15_000)
	f, golden, _ := shelved(t, record(t, 28, 15_000))
	b := openThin(t, thin(t, rec.dir, f, bundle.PackOptions{}, golden).Path, f)
	s := b.Manifest().Snapshot
	known := uint64(s.Bases[0].Pages)
	block := func(c []byte) []byte { return store.NewCoder(false).Append(nil, nil, c) }
	short := bytes.Repeat([]byte{0}, int(s.Stored)-1)
	for _, c := range []struct {
		name string
		file []byte
		want int
	}{
		{"no base", bundle.Tamper(b, func(m *bundle.Manifest) { m.Snapshot.Bases = nil }), 5},
		{"bases that are not required", bundle.Tamper(b, func(m *bundle.Manifest) { m.Requires = nil }), 5},
		{"another thing required", bundle.Tamper(b, func(m *bundle.Manifest) { m.Requires = []string{"bases", "x"} }), 6},
		{"too many bases", bundle.Tamper(b, func(m *bundle.Manifest) { m.Snapshot.Bases = make([]base.Info, 65) }), 5},
		{"a huge base", bundle.Tamper(b, func(m *bundle.Manifest) { m.Snapshot.Bases = []base.Info{{Pages: 1<<24 + 1}} }), 5},
		{"bases of too many pages", bundle.Tamper(b, func(m *bundle.Manifest) {
			m.Snapshot.Bases = make([]base.Info, 64)
			for i := range m.Snapshot.Bases {
				m.Snapshot.Bases[i].Pages = 1 << 24
			}
		}), 5},
		{"no likeness", bundle.Tamper(b, func(m *bundle.Manifest) { m.Snapshot.Likeness = "x" }), 5},
		{"likeness: empty", bundle.Replace(b, s.Likeness, nil), 5},
		{"likeness: too short", bundle.Replace(b, s.Likeness, block(short)), 5},
		{"likeness: too long", bundle.Replace(b, s.Likeness, block(append(short, 0, 0))), 5},
		{"likeness: the page before all", bundle.Replace(b, s.Likeness, block(append(short, 2))), 5},
		{"likeness: the page behind all", bundle.Replace(b, s.Likeness, block(binary.AppendUvarint(short, 2*known+1))), 5},
		{"likeness: far away", bundle.Replace(b, s.Likeness, block(binary.AppendUvarint(short, 1<<64-1))), 5},
		{"likeness: another page", bundle.Replace(b, s.Likeness, block(binary.AppendUvarint(short, 2*known-1))), 5},
	} {
		n, err := bundle.New(bytes.NewReader(c.file), int64(len(c.file)))
		if err == nil {
			n.UseBases(f)
			err = n.Verify()
		}
		if got := exitClass(err); got != c.want {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func FuzzLikeness(f *testing.F) {
	f.Add([]byte{0, 1, 2, 0}, uint32(4), uint32(2))
	f.Add(binary.AppendUvarint(nil, 1<<64-1), uint32(1), uint32(1<<30))
	f.Fuzz(func(t *testing.T, b []byte, stored, total uint32) {
		likes, err := bundle.ParseLikeness(b, uint64(stored%5000), uint64(total))
		for _, n := range likes {
			if err == nil && uint64(n) > uint64(total) {
				t.Fatalf("page %d of %d", n, total)
			}
		}
	})
}

// TestHostileAbsent: so is what a sliced bundle says of what it lacks.
func TestHostileAbsent(t *testing.T) {
	rec := record(t, 29, 15_000)
	whole := open(t, pack(t, rec.dir))
	r, err := recording.Read(rec.dir)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	raw, err := r.RawTape(1 << 20)
	if err != nil {
		t.Fatal(err)
	}
	s := &bundle.Slice{Absent: make([]bool, ramPages), Tape: raw}
	s.Absent[101], s.Absent[ramPages-1] = true, true // pages of zeros, so the roots stay
	b := open(t, packWith(t, rec.dir, bundle.PackOptions{Slice: s}).Path)
	same(t, "sliced", b, whole)
	var lacks []uint64
	if err := errors.Join(b.Verify(), b.Absent(func(no uint64) { lacks = append(lacks, no) })); err != nil || !slices.Equal(lacks, []uint64{101, ramPages - 1}) {
		t.Errorf("%v, %v", lacks, err)
	}
	part := b.Manifest().Snapshot.Absent
	runs := func(n ...uint64) []byte {
		var c []byte
		for _, n := range n {
			c = binary.AppendUvarint(c, n)
		}
		return bundle.Replace(b, part, store.NewCoder(false).Append(nil, nil, c))
	}
	for _, c := range []struct {
		name string
		file []byte
		want int
	}{
		{"it is named, not required", bundle.Tamper(b, func(m *bundle.Manifest) { m.Requires = nil }), 5},
		{"it is required, not named", bundle.Tamper(b, func(m *bundle.Manifest) { m.Snapshot.Absent = "" }), 5},
		{"it is not there", bundle.Tamper(b, func(m *bundle.Manifest) { m.Snapshot.Absent = "x" }), 5},
		{"half a run", runs(3), 5},
		{"an empty run", runs(3, 0), 5},
		{"behind memory", runs(ramPages, 1), 5},
		{"a run too long", runs(3, ramPages-2), 5},
		{"more than there are numbers", runs(1<<64-1, 1<<64-1), 5},
		{"all pages", runs(0, ramPages), 0},
	} {
		n, err := bundle.New(bytes.NewReader(c.file), int64(len(c.file)))
		if err == nil {
			err = n.Verify()
		}
		if got := exitClass(err); got != c.want || c.want == 0 && err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func FuzzMap(f *testing.F) {
	f.Add([]byte{6, 4, 5, 0, 3, 2}, uint16(6), uint32(9))
	f.Add(binary.AppendUvarint([]byte{3}, 1<<63|7), uint16(3), uint32(1<<30))
	f.Fuzz(func(t *testing.T, b []byte, pages uint16, known uint32) {
		m, err := bundle.ParseMap(b, uint64(pages), uint64(known%(1<<30)))
		if err != nil {
			return
		}
		again, err := bundle.ParseMap(bundle.AppendMap(nil, m), uint64(pages), uint64(known%(1<<30)))
		if err != nil || !slices.Equal(m, again) || len(m) != int(pages) || slices.ContainsFunc(m, func(n uint32) bool { return n > known%(1<<30) }) {
			t.Fatalf("%v, %v; %v", m, again, err)
		}
	})
}

func FuzzRuns(f *testing.F) {
	f.Add([]byte{3, 1, 0, 2})
	f.Fuzz(func(t *testing.T, b []byte) {
		set, err := bundle.ParseRuns(b, 5000)
		if err != nil {
			return
		}
		again, err := bundle.ParseRuns(bundle.AppendRuns(nil, set), 5000)
		if err != nil || !slices.Equal(set, again) {
			t.Fatalf("%v, %v; %v", set, again, err)
		}
	})
}

// TestReport: a report tells of the whole recording and holds nothing of it, neither what
// the guest marked besides the failure nor the seed of what was random to it.
func TestReport(t *testing.T) {
	rec, key := record(t, 30, 15_000), newLock(t)
	b := openThin(t, packWith(t, rec.dir, bundle.PackOptions{Report: "what happened", To: key.to}).Path, base.Folder{}, key.id)
	m, whole := b.Manifest(), open(t, pack(t, rec.dir)).Manifest()
	tape := m.Tape
	if tape.Segments = whole.Tape.Segments; !reflect.DeepEqual(tape, whole.Tape) || len(m.Parts) != 1 || m.Level != "L0" {
		t.Errorf("%+v", m)
	}
	if len(whole.Markers) < 2 || !reflect.DeepEqual(m.Markers, []bundle.Marker{*whole.Failure}) || whole.Machine.Seed == 0 || m.Machine.Seed != 0 {
		t.Errorf("marks %+v of %+v, seed %d", m.Markers, whole.Markers, m.Machine.Seed)
	}
	if text, err := b.Report(); err != nil || text != "what happened" || b.Verify() != nil {
		t.Errorf("%q, %v, %v", text, err, b.Verify())
	}
	_, errTape := b.Tape()
	_, errSections := b.Sections()
	_, errPlay := play(b, replay.Options{})
	for _, err := range []error{errTape, errSections, errPlay, b.Page(0, make([]byte, store.PageBytes))} {
		if !errors.As(err, new(*bundle.LevelError)) {
			t.Error(err)
		}
	}
	if _, err := bundle.Pack(rec.dir, t.TempDir(), bundle.PackOptions{Report: strings.Repeat("x", bundle.MaxReport+1)}); err == nil {
		t.Error("a report of any length")
	}
	for name, file := range map[string][]byte{
		"required, not named": bundle.Tamper(b, func(m *bundle.Manifest) { m.Report = "" }),
		"named, not required": bundle.Tamper(b, func(m *bundle.Manifest) { m.Requires = nil }),
		"not there":           bundle.Tamper(b, func(m *bundle.Manifest) { m.Report = "x" }),
		"too long":            bundle.Replace(b, m.Report, make([]byte, bundle.MaxReport+1)),
		"replays, it says":    bundle.Tamper(b, func(m *bundle.Manifest) { m.Capabilities = []string{bundle.CanReplay} }),
	} {
		n, err := bundle.New(bytes.NewReader(file), int64(len(file)))
		if err == nil {
			_, err = n.Tape()
			err = errors.Join(err, n.Verify())
		}
		if exitClass(err) != 5 && !errors.As(err, new(*bundle.LevelError)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
