package base_test

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"

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

// unpacked is the payload of kernel: two pages.
var unpacked = strings.Repeat("k", 264) + strings.Repeat("x", 7677) + "z"

// packers pack as these programs do; some know the payload only.
var packers = []struct {
	name string
	size bool // put behind a kernel's payload
	pack func(t testing.TB, b []byte) []byte
}{
	{"gzip", false, func(t testing.TB, b []byte) []byte {
		var out bytes.Buffer
		return packed(t, &out, gzip.NewWriter(&out), b)
	}},
	{"bzip2", true, constant("425a6839314159265359ce9c5c8e000003618082000080000800500008200030c006f553d0973ceeac641b6213b6c1f177245385090ce9c5c8e0")},
	{"xz --x86", true, constant("fd377a585a0000016922de3602010400210116000d86351fe01f05002a5d0035efe678dfff6ad0d6b377a9c656e8dfe3b1b7949cc679526bdb991b7467fa3f99344c46a25b2b68f80000000050ffbe37000142863e0000001ab597af3e300d8b020000000001595a")},
	{"lz4", true, func(t testing.TB, b []byte) []byte {
		var out bytes.Buffer
		w := lz4.NewWriter(&out)
		if err := w.Apply(lz4.LegacyOption(true)); err != nil {
			t.Fatal(err)
		}
		return packed(t, &out, w, b)
	}},
	{"zstd", true, func(t testing.TB, b []byte) []byte {
		var out bytes.Buffer
		w, err := zstd.NewWriter(&out)
		if err != nil {
			t.Fatal(err)
		}
		return packed(t, &out, w, b)
	}},
}

// constant is what a program made of the payload.
func constant(text string) func(testing.TB, []byte) []byte {
	return func(t testing.TB, b []byte) []byte {
		out, err := hex.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		if string(b) != unpacked {
			return nil
		}
		return out
	}
}

func packed(t testing.TB, out *bytes.Buffer, w io.WriteCloser, b []byte) []byte {
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// kernel is an image with that payload.
func kernel(payload []byte) []byte {
	k := make([]byte, 1024+512)
	k[0x1f1], k[0x206], k[0x207] = 1, 8, 2
	copy(k[0x202:], "HdrS")
	binary.LittleEndian.PutUint32(k[0x248:], 512)
	binary.LittleEndian.PutUint32(k[0x24c:], uint32(len(payload)))
	return append(k, payload...)
}

// TestPacked: however a kernel or an initramfs is packed, its pages are there.
func TestPacked(t *testing.T) {
	for _, k := range packers {
		payload := k.pack(t, []byte(unpacked))
		if k.size {
			payload = append(payload, 0, 0, 0, 0)
		}
		b := made(t, kernel(payload))
		if b.Kind != base.Kernel || !has(t, b, []byte(unpacked)[:4096]) || !has(t, b, page(unpacked[4096:])) {
			t.Errorf("kernel by %s: %+v", k.name, b.Info)
		}
		if len(payload) > 30 {
			_, err := base.Make(io.Discard, write(t, "cut", kernel(payload[:len(payload)-20])))
			if err == nil || !strings.Contains(err.Error(), "its payload") {
				t.Errorf("kernel by %s, cut off: %v", k.name, err)
			}
		}
		second := k.pack(t, initramfs(t))
		if second == nil {
			continue
		}
		early, err := cpio.BuildInitramfs([]cpio.File{{Name: "microcode", Data: page("early")}})
		if err != nil {
			t.Fatal(err)
		}
		file := append(early, second...)
		for _, after := range []int{0, 512} {
			b = made(t, append(file, make([]byte, after)...))
			if b.Kind != base.Initramfs || !has(t, b, page("early")) || !has(t, b, page("first")) || !has(t, b, page("second")) {
				t.Errorf("initramfs by %s with %d bytes after it: %+v", k.name, after, b.Info)
			}
		}
	}
}

// made is the base of a file.
func made(t *testing.T, file []byte) *base.Base {
	var out bytes.Buffer
	i, err := base.Make(&out, write(t, "file", file))
	if err != nil {
		t.Fatal(err)
	}
	b, err := base.New(bytes.NewReader(out.Bytes()))
	if err != nil || b.Info != i {
		t.Fatalf("%+v, %v; made %+v", b, err, i)
	}
	return b
}

func TestPagesOfFiles(t *testing.T) {
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
	for _, k := range packers {
		f.Add(kernel(append(k.pack(f, []byte(unpacked)), 0, 0, 0, 0)))
	}
	f.Add(initramfs(f))
	f.Add(packers[0].pack(f, initramfs(f)))
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
