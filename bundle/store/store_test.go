package store

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// What a killed program left is cleared by the next that writes there, and nothing else.
func TestCreateTemp(t *testing.T) {
	dir := t.TempDir()
	old := time.Now().Add(-2 * time.Hour)
	for name, made := range map[string]time.Time{".a-old": old, ".a-new": time.Now(), ".b-old": old, "a-old": old} {
		if err := errors.Join(os.WriteFile(filepath.Join(dir, name), nil, 0o600), os.Chtimes(filepath.Join(dir, name), made, made)); err != nil {
			t.Fatal(err)
		}
	}
	f, err := CreateTemp(dir, ".a-")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Close(), os.Remove(f.Name())); err != nil {
		t.Fatal(err)
	}
	es, err := os.ReadDir(dir)
	if got := fmt.Sprint(es); err != nil || got != "[- .a-new - .b-old - a-old]" {
		t.Errorf("left %s (%v)", got, err)
	}
}

// page n has content of its own.
func page(n int) (Hash, []byte) {
	p := bytes.Repeat(fmt.Appendf(nil, "%08d", n), PageBytes/8)
	return sha256.Sum256(p), p
}

func put(t *testing.T, s *Store, from, to int) {
	for n := from; n < to; n++ {
		h, p := page(n)
		if err := s.Put(h, p); err != nil {
			t.Fatal(err)
		}
	}
}

func has(s *Store, from, to int) (n int) {
	p := make([]byte, PageBytes)
	for i := from; i < to; i++ {
		h, want := page(i)
		if s.Has(h) && s.Get(h, p) == nil && bytes.Equal(p, want) {
			n++
		}
	}
	return n
}

func TestPagesSurviveReopening(t *testing.T) {
	dir := t.TempDir()
	for round := range 3 {
		s, err := Open(dir, Disk{})
		if err != nil {
			t.Fatal(err)
		}
		if got := has(s, 0, 100*round); got != 100*round {
			t.Errorf("round %d: %d pages of %d", round, got, 100*round)
		}
		before := s.Bytes()
		put(t, s, 0, 100*round) // known: nothing is written
		if s.Bytes() != before {
			t.Errorf("known pages took %d bytes", s.Bytes()-before)
		}
		put(t, s, 100*round, 100*round+100)
		if got := has(s, 0, 100*round+100); got != 100*round+100 {
			t.Errorf("round %d: %d pages, some not yet written", round, got)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// The costs of all pages are the store's size, but for rounding; also to a reader.
func TestCost(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(dir, Disk{})
	if err != nil {
		t.Fatal(err)
	}
	put(t, s, 0, 100)
	if err := s.Sync(); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	r, err := OpenReader(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for _, s := range []*Store{s, r} {
		sum, unknown := s.Cost(Zero()), Hash{1}
		for i := range 100 {
			h, _ := page(i)
			sum += s.Cost(h)
		}
		if sum > s.Bytes() || sum < s.Bytes()-100 || s.Cost(unknown) != 0 {
			t.Errorf("pages cost %d bytes of %d, an unknown one %d", sum, s.Bytes(), s.Cost(unknown))
		}
	}
}

func TestZeroPageIsNotStored(t *testing.T) {
	s, _ := Open(t.TempDir(), Disk{})
	p := make([]byte, PageBytes)
	if err := s.Put(Zero(), p); err != nil || s.Sync() != nil || s.Bytes() != 0 || !s.Has(Zero()) {
		t.Errorf("%v, %d bytes", err, s.Bytes())
	}
	p[9] = 1
	if err := s.Get(Zero(), p); err != nil || p[9] != 0 {
		t.Error(err)
	}
}

// Wherever a pack is cut or damaged, what stands before is still there, and
// what is there is right.
func TestDamagedPack(t *testing.T) {
	dir := t.TempDir()
	s, _ := Open(dir, Disk{})
	put(t, s, 0, 80)
	s.Close()
	whole, err := os.ReadFile(filepath.Join(dir, packName(0)))
	if err != nil {
		t.Fatal(err)
	}
	for at := 0; at < len(whole); at += 37 {
		for _, cut := range []bool{true, false} {
			b := bytes.Clone(whole[:at])
			if !cut {
				b = bytes.Clone(whole)
				b[at] ^= 0x40
			}
			d := t.TempDir()
			os.WriteFile(filepath.Join(d, packName(0)), b, 0o600)
			s, err := Open(d, Disk{})
			if err != nil {
				t.Fatal(err)
			}
			for i := range 80 {
				h, _ := page(i)
				if p := make([]byte, PageBytes); s.Has(h) && s.Get(h, p) != nil {
					t.Fatalf("byte %d, cut %v: page %d is claimed and cannot be read", at, cut, i)
				}
			}
			if n := has(s, 0, 80); n == 80 || n < at*80/len(whole)-BlockPages {
				t.Errorf("byte %d, cut %v: %d pages", at, cut, n)
			}
			put(t, s, 0, 80)
			if n := has(s, 0, 80); n != 80 {
				t.Errorf("byte %d, cut %v: %d pages after putting them again", at, cut, n)
			}
			s.Close()
		}
	}
}

func TestSweep(t *testing.T) {
	dir := t.TempDir()
	s, _ := Open(dir, Disk{})
	put(t, s, 0, 200)
	before := s.Bytes()
	live := map[Hash]bool{}
	for i := 50; i < 90; i++ {
		h, _ := page(i)
		live[h] = true
	}
	if err := s.Sweep(func(h Hash) bool { return live[h] }); err != nil {
		t.Fatal(err)
	}
	check := func() {
		if n, all := has(s, 50, 90), has(s, 0, 200); n != 40 || all != 40 || s.Bytes() > before/3 {
			t.Errorf("%d live pages, %d in all, %d bytes of %d", n, all, s.Bytes(), before)
		}
	}
	check()
	put(t, s, 300, 310)
	s.Close()
	s, _ = Open(dir, Disk{})
	if err := s.Sweep(func(h Hash) bool { return live[h] }); err != nil {
		t.Fatal(err)
	}
	check()
	s.Sweep(func(Hash) bool { return false })
	if s.Bytes() != 0 {
		t.Errorf("%d bytes of nothing", s.Bytes())
	}
}

// failing fails the n-th operation and all later ones.
type failing struct {
	Disk
	n int
}

func (f *failing) err() error {
	if f.n--; f.n < 0 {
		return errors.New("no space left on device")
	}
	return nil
}

func (f *failing) Create(name string) (File, error) {
	if err := f.err(); err != nil {
		return nil, err
	}
	w, err := f.Disk.Create(name)
	return &failingFile{w, f}, err
}
func (f *failing) SyncDir(name string) error { return f.err() }

type failingFile struct {
	File
	f *failing
}

func (w *failingFile) Write(p []byte) (int, error) {
	if err := w.f.err(); err != nil {
		n, _ := w.File.Write(p[:len(p)/2])
		return n, err
	}
	return w.File.Write(p)
}
func (w *failingFile) Sync() error { return w.f.err() }

// Whichever operation fails, a page that was durable stays, and a page that
// the store claims can be read.
func TestFailingDisk(t *testing.T) {
	for n := 0; ; n++ {
		f := &failing{n: n}
		s, err := Open(t.TempDir(), f)
		if err != nil {
			t.Fatal(err)
		}
		durable, failed := 0, false
		for i := 0; i < 100; i++ {
			h, p := page(i)
			failed = s.Put(h, p) != nil || failed
			if i%25 == 24 {
				if s.Sync() == nil && !failed {
					durable = i + 1
				} else {
					failed = true
				}
			}
		}
		for i := range 100 {
			h, _ := page(i)
			err := s.Get(h, make([]byte, PageBytes))
			if (err != nil) == s.Has(h) || i < durable && err != nil {
				t.Fatalf("operation %d failed: page %d of %d durable ones: %v", n, i, durable, err)
			}
		}
		s.Close()
		if !failed {
			t.Logf("%d operations", n)
			return
		}
	}
}

func TestBlocksStopAtDamage(t *testing.T) {
	c := NewCoder(false)
	var b []byte
	for i := range 5 {
		b = c.Append(b, []byte{byte(i)}, bytes.Repeat([]byte{byte('a' + i)}, 1000*i))
	}
	all, err := io.ReadAll(NewBlocks(bytes.NewReader(b), c))
	if err != nil || len(all) != 10_000 {
		t.Fatal(len(all), err)
	}
	for at := range b {
		bad := bytes.Clone(b)
		bad[at] ^= 0x81
		got, err := io.ReadAll(NewBlocks(bytes.NewReader(bad), c))
		var d *DamageError
		if !errors.As(err, &d) || !bytes.HasPrefix(all, got) {
			t.Errorf("byte %d flipped: %v", at, err)
		}
		l := NewBlocks(bytes.NewReader(b[:at]), c)
		l.Lenient = true
		if got, err := io.ReadAll(l); err != nil || !bytes.HasPrefix(all, got) || l.Good() > int64(at) {
			t.Errorf("cut at %d: %v", at, err)
		}
	}
}

func FuzzBlock(f *testing.F) {
	c := NewCoder(true)
	f.Add(c.Append(nil, []byte("head"), bytes.Repeat([]byte("x"), 5000)))
	f.Add(c.Append(c.Append(nil, nil, nil), nil, []byte("y")))
	f.Fuzz(func(t *testing.T, b []byte) {
		n, err := io.Copy(io.Discard, NewBlocks(bytes.NewReader(b), c))
		if err == nil && n > int64(len(b))*MaxBlock {
			t.Fatal(n)
		}
	})
}
