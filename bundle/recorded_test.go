package bundle_test

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"vmrecord/bundle"
	"vmrecord/bundle/replay"
	"vmrecord/vmm/mem"
)

// A recording is the same where it stands and packed.
func TestOpenRecording(t *testing.T) {
	rec := record(t, 12, 30_000)
	packed := open(t, pack(t, rec.dir))
	b, err := bundle.OpenRecording(rec.dir)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if err := b.Verify(); err != nil {
		t.Error(err)
	}
	for range 2 {
		res, err := play(b, replay.Options{})
		if err != nil || !res.Identical || res.EndHash != rec.sum.EndHash {
			t.Errorf("%+v, %v", res, err)
		}
	}
	got, want := *b.Manifest(), *packed.Manifest()
	want.Parts, want.Tape.Segments = nil, nil
	want.Snapshot.Sections, want.Snapshot.Map, want.Snapshot.Packs = "", "", nil
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, packed %+v", got, want)
	}
	var p, q [mem.PageBytes]byte
	for i := range uint64(ramPages) {
		if err := b.Page(i, p[:]); err != nil || packed.Page(i, q[:]) != nil || p != q {
			t.Errorf("page %d: %v", i, err)
		}
	}
	if err := b.Page(ramPages, p[:]); err == nil || b.ID() == "" || b.Inspect().Bytes == 0 {
		t.Errorf("a page too many: %v; %+v", err, b.Inspect())
	}
}

// What is damaged on the disk is an error with a name, or diverges.
func TestOpenDamagedRecording(t *testing.T) {
	for _, c := range []struct {
		what string
		want int
		harm func(dir string) error
	}{
		{"tape cut", 5, func(dir string) error { return os.Truncate(filepath.Join(dir, "tape", "000001.seg"), 500) }},
		{"packs gone", 5, func(dir string) error { return os.Remove(filepath.Join(dir, "..", "pages", "000000.vmp")) }},
		{"pack cut", 5, func(dir string) error { return os.Truncate(filepath.Join(dir, "..", "pages", "000000.vmp"), 3000) }},
		{"another configuration", 5, func(dir string) error {
			name := filepath.Join(dir, "recording.json")
			b, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			return os.WriteFile(name, bytes.Replace(b, []byte("toy = true"), []byte("toy = false"), 1), 0o600)
		}},
	} {
		rec := record(t, 13, 20_000)
		if err := c.harm(rec.dir); err != nil {
			t.Fatal(err)
		}
		b, err := bundle.OpenRecording(rec.dir)
		if err == nil {
			_, err = play(b, replay.Options{})
			b.Close()
		}
		if exitClass(err) != c.want {
			t.Errorf("%s: %v, want status %d", c.what, err, c.want)
		}
	}
	if _, err := bundle.OpenRecording(t.TempDir()); err == nil {
		t.Error("a folder without a recording opens")
	}
}
