package base_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vmrecord/bundle/base"
	"vmrecord/bundle/store"
	"vmrecord/configs/cpio"
)

// page is a page that begins with a text.
func page(text string) []byte {
	return append([]byte(text), make([]byte, store.PageBytes-len(text))...)
}

func write(t testing.TB, name string, b []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// initramfs has a file of one page and a bit.
func initramfs(t testing.TB) []byte {
	b, err := cpio.BuildInitramfs([]cpio.File{{Name: "bin/long", Data: append(page("first"), "second"...)}, {Name: "empty"}})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// kernel is an image whose payload unpacks to two pages, the second made by a
// reference that overlaps what it makes.
func kernel() []byte {
	block := append([]byte{0xf4, 241}, strings.Repeat("k", 256)...)    // 256 literals
	block = append(block, 0x01, 0x00)                                  // 8 more, one byte back
	block = append(block, 0x1f, 'x', 0x01, 0x00)                       // one literal, then
	block = append(append(block, bytes.Repeat([]byte{255}, 30)...), 7) // 15+30*255+7+4
	block = append(block, 0x10, 'z')                                   // the end
	payload := binary.LittleEndian.AppendUint32([]byte{0x02, 0x21, 0x4c, 0x18}, uint32(len(block)))
	payload = append(append(payload, block...), 0, 0, 0, 0)
	k := make([]byte, 1024+512)
	k[0x1f1], k[0x206], k[0x207] = 1, 8, 2
	copy(k[0x202:], "HdrS")
	binary.LittleEndian.PutUint32(k[0x248:], 512)
	binary.LittleEndian.PutUint32(k[0x24c:], uint32(len(payload)))
	return append(k, payload...)
}

func TestPagesOfFiles(t *testing.T) {
	unpacked := strings.Repeat("k", 264) + strings.Repeat("x", 1+15+30*255+7+4) + "z"
	for _, c := range []struct {
		name, kind string
		file       []byte
		want       [][]byte // among others
		pages      int
	}{
		{"empty", base.Plain, nil, nil, 0},
		{"zeros", base.Plain, make([]byte, 9000), nil, 0},
		{"twice", base.Plain, bytes.Repeat(page("a"), 3), [][]byte{page("a")}, 1},
		{"short", base.Plain, append(page("a"), "rest"...), [][]byte{page("a"), page("rest")}, 2},
		{"initramfs", base.Initramfs, initramfs(t), [][]byte{page("first"), page("second")}, 4},
		{"kernel", base.Kernel, kernel(), [][]byte{[]byte(unpacked)[:4096], page(unpacked[4096:])}, 3},
	} {
		var out bytes.Buffer
		i, err := base.Make(&out, write(t, c.name, c.file))
		if err != nil {
			t.Fatal(c.name, err)
		}
		b, err := base.New(bytes.NewReader(out.Bytes()))
		if err != nil || b.Info != i || i.Kind != c.kind || int(i.Pages) != c.pages || i.Name != c.name {
			t.Errorf("%s: %+v, %v; want %d pages", c.name, i, err, c.pages)
			continue
		}
		if err := b.Check(); err != nil {
			t.Error(c.name, err)
		}
		for _, want := range c.want {
			if !has(t, b, want) {
				t.Errorf("%s: page %.10q… is missing", c.name, want)
			}
		}
	}
}

func has(t *testing.T, b *base.Base, want []byte) bool {
	p := make([]byte, store.PageBytes)
	for n := range b.Pages {
		if err := b.Page(n, p); err != nil {
			t.Fatal(err)
		}
		if bytes.Equal(p, want) {
			return true
		}
	}
	return false
}

func TestFolder(t *testing.T) {
	f := base.Folder{Dir: filepath.Join(t.TempDir(), "bases")}
	if all, err := f.List(); err != nil || len(all) != 0 {
		t.Errorf("%v, %v", all, err)
	}
	file := write(t, "file", page("a"))
	i, err := f.Add(file)
	if err != nil {
		t.Fatal(err)
	}
	golden := write(t, "some.vmg", nil)
	if c, err := os.ReadFile(f.Path(i.ID)); err != nil || os.WriteFile(golden, c, 0o600) != nil {
		t.Fatal(err)
	}
	other := base.Folder{Dir: t.TempDir()}
	for range 2 {
		if j, err := other.Add(golden); err != nil || j != i {
			t.Errorf("%+v, %v; want %+v", j, err, i)
		}
	}
	if all, err := other.List(); err != nil || len(all) != 1 || all[0] != i {
		t.Errorf("%+v, %v", all, err)
	}
	b, err := other.Open(i)
	if err != nil || b.Close() != nil {
		t.Error(err)
	}
	j := i
	j.ID = strings.Repeat("0", 64)
	var missing *base.MissingError
	if _, err := other.Open(j); !errors.As(err, &missing) || missing.Info != j || !strings.Contains(err.Error(), "vmbundle base add") {
		t.Error(err)
	}
	if _, err := (base.Folder{}).Open(i); !errors.As(err, &missing) {
		t.Error(err)
	}
	beside := base.Folder{Dir: t.TempDir(), Also: []string{t.TempDir(), other.Dir}}
	if b, err := beside.Open(i); err != nil || b.Close() != nil {
		t.Error(err)
	}
	if _, err := beside.Open(j); !errors.As(err, &missing) || !strings.Contains(err.Error(), beside.Dir+" and in "+beside.Also[0]) {
		t.Error(err)
	}
	if err := os.Rename(other.Path(i.ID), other.Path(j.ID)); err != nil {
		t.Fatal(err)
	}
	if _, err := other.Open(j); !isDamaged(err) {
		t.Error("another's name:", err)
	}
	j.ID = "../" + i.ID[3:]
	if _, err := other.Open(j); !isDamaged(err) {
		t.Error("a path for an id:", err)
	}
	if _, err := f.Add(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	if _, err := f.Add(write(t, "bad.vmg", page("a"))); !isDamaged(err) {
		t.Error(err)
	}
}

func isDamaged(err error) bool { return errors.As(err, new(*base.DamageError)) }

// TestDamaged: no byte of a base can change, and none be missing at its end.
func TestDamaged(t *testing.T) {
	check := func(c []byte) error {
		b, err := base.New(bytes.NewReader(c))
		if err == nil {
			err = b.Check()
		}
		return err
	}
	for _, start := range []string{"", "the start"} {
		var out bytes.Buffer
		w := base.NewBuilder()
		for i := range 20 {
			w.Add(page(string(rune('a' + i))))
		}
		if _, err := w.Finish(&out, base.Golden, "x", []byte(start)); err != nil {
			t.Fatal(err)
		}
		if err := check(out.Bytes()); err != nil {
			t.Fatal(err)
		}
		for i := range out.Bytes() {
			c := bytes.Clone(out.Bytes())
			c[i] ^= 0x10
			if err := check(c); !isDamaged(err) {
				t.Errorf("byte %d changed: %v", i, err)
			}
			if err := check(out.Bytes()[:i]); !isDamaged(err) {
				t.Errorf("cut off after %d bytes: %v", i, err)
			}
		}
	}
}

// TestStart: a start comes back, and the id is that of the pages.
func TestStart(t *testing.T) {
	var ids []string
	for _, start := range []string{"", "s", strings.Repeat("long ", 4<<20)} {
		var out bytes.Buffer
		w := base.NewBuilder()
		if n, again, zeros := w.Add(page("a")), w.Add(page("a")), w.Add(page("")); n != 1 || again != 1 || zeros != 0 {
			t.Errorf("numbers %d, %d, %d", n, again, zeros)
		}
		if _, err := w.Finish(&out, base.Golden, "x", []byte(start)); err != nil {
			t.Fatal(err)
		}
		b, err := base.New(bytes.NewReader(out.Bytes()))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := b.Start(); err != nil || string(got) != start {
			t.Errorf("a start of %d bytes is one of %d, %v", len(start), len(got), err)
		}
		ids = append(ids, b.ID)
	}
	if ids[0] != ids[1] || ids[0] != ids[2] {
		t.Errorf("ids %q", ids)
	}
}

func FuzzNew(f *testing.F) {
	var out bytes.Buffer
	w := base.NewBuilder()
	w.Add(page("a"))
	if _, err := w.Finish(&out, base.Golden, "x", nil); err != nil {
		f.Fatal(err)
	}
	f.Add(out.Bytes())
	f.Fuzz(func(t *testing.T, c []byte) {
		b, err := base.New(bytes.NewReader(c))
		if err == nil {
			err = b.Check()
		}
		if err != nil && !isDamaged(err) {
			t.Fatal(err)
		}
	})
}

// FuzzMake: whatever a file holds, its base can be read.
func FuzzMake(f *testing.F) {
	f.Add(kernel())
	f.Add(initramfs(f))
	name := filepath.Join(f.TempDir(), "file")
	f.Fuzz(func(t *testing.T, c []byte) {
		if err := os.WriteFile(name, c, 0o600); err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if _, err := base.Make(&out, name); err != nil {
			return
		}
		b, err := base.New(bytes.NewReader(out.Bytes()))
		if err == nil {
			err = b.Check()
		}
		if err != nil {
			t.Fatal(err)
		}
	})
}
