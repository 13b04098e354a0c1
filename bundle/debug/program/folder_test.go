package program

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"vmrecord/vmm/guestos"
)

// A folder's programs are those with symbols; where there are none, it says why.
func TestFolder(t *testing.T) {
	dir := t.TempDir()
	ok(t, os.WriteFile(filepath.Join(dir, "notes.txt"), []byte("no program"), 0o600))
	ok(t, os.WriteFile(filepath.Join(dir, "empty"), nil, 0o600))
	if _, err := OpenFolder(dir); !errors.Is(err, ErrNoSymbols) {
		t.Errorf("%v", err)
	}
	build := func(out string, args ...string) {
		if b, err := exec.Command("gcc", append(args, "-o", filepath.Join(dir, out), "./testdata/args.c")...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, b)
		}
	}
	build("bare", "-s", "-static")
	if _, err := OpenFolder(dir); !errors.Is(err, ErrNoSymbols) || !strings.Contains(err.Error(), "bare: ") {
		t.Errorf("a stripped program: %v", err)
	}
	build("args.debug", "-g", "-Wl,--build-id=0x616263")
	d, err := OpenFolder(dir)
	ok(t, err)
	all, err := d.All()
	if err != nil || len(all) != 1 || all[0].Base != "args" || all[0].BuildID != "616263" || !all[0].Moves {
		t.Fatalf("%+v, %v", all, err)
	}
	d.Close()
	build("args.o", "-c", "-g", "-O2")
	o, err := Open(filepath.Join(dir, "args.o"))
	ok(t, err)
	defer o.Close()
	addr, _, _ := o.Symbol("after")
	if fn, err := o.Function(addr); err != nil || !o.Object || len(fn.Params) != 3 || fn.Params[0].Name != "known" {
		t.Errorf("a file that is not linked: %+v, %v", fn, err)
	}
	if _, err := OpenFolder(filepath.Join(dir, "missing")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a folder that is not there: %v", err)
	}
}

func note(id string) []byte {
	le := binary.LittleEndian
	return append(append(le.AppendUint32(le.AppendUint32(le.AppendUint32(nil, 4), uint32(len(id))), 3), "GNU\x00"...), id...)
}

// firstPage is a file's first page: one segment, and a build id.
func firstPage(id string) []byte {
	var b bytes.Buffer
	h := elf.Header64{Type: uint16(elf.ET_DYN), Machine: uint16(elf.EM_X86_64), Version: 1, Phoff: 64, Phnum: 2, Phentsize: 56, Ehsize: 64}
	copy(h.Ident[:], "\x7fELF\x02\x01\x01")
	n := note(id)
	for _, v := range []any{h, elf.Prog64{Type: uint32(elf.PT_LOAD), Filesz: 4096},
		elf.Prog64{Type: uint32(elf.PT_NOTE), Off: 64 + 2*56, Filesz: uint64(len(n))}, n} {
		_ = binary.Write(&b, binary.LittleEndian, v)
	}
	return b.Bytes()
}

func TestHead(t *testing.T) {
	for _, c := range []struct {
		page []byte
		want string
	}{{firstPage("abcd"), "61626364"}, {firstPage(""), ""}, {[]byte("#!/bin/sh"), ""}} {
		if id := headID(c.page); id != c.want {
			t.Errorf("%q, want %q", id, c.want)
		}
	}
}

func FuzzHead(f *testing.F) {
	f.Add(firstPage("abcd"))
	f.Fuzz(func(t *testing.T, b []byte) { headID(b) })
}

// A file is chosen by build id, then by name, but not with another id.
func TestChoose(t *testing.T) {
	file := func(base, id string) *File { return &File{Base: base, BuildID: id} }
	d := &Folder{files: []*File{file("ledger", ""), file("other", ""), file("with an id", "6364")}}
	for _, c := range []struct{ base, id, want string }{{"ledger", "", "ledger"}, {"ledger", "6162", "ledger"}, {"ledger", "6364", "with an id"},
		{"with an id", "6162", ""}, {"with an id", "", "with an id"}, {"other", "", "other"}, {"none", "", ""}} {
		got := ""
		if f := d.Choose(c.base, c.id); f != nil {
			got = f.Base
		}
		if got != c.want {
			t.Errorf("%s %s: %q, want %q", c.base, c.id, got, c.want)
		}
	}
	if f := (*Folder)(nil).Choose("ledger", ""); f != nil {
		t.Errorf("no folder holds %s", f.Base)
	}
}

// What is mapped of a file is measured from where its beginning is mapped.
func TestBeginning(t *testing.T) {
	of := func(path string, start, offset uint64) guestos.Mapping {
		return guestos.Mapping{Path: path, Start: start, Offset: offset}
	}
	all := []guestos.Mapping{of("/a", 0x1000, 0), of("/a", 0x2000, 0x1000), of("/b", 0x3000, 0), of("/a", 0x8000, 0), of("/a", 0x9000, 0x1000), of("/c", 0xa000, 0x1000)}
	for i, want := range []uint64{0x1000, 0x1000, 0x3000, 0x8000, 0x8000, 0xa000} {
		if got := beginning(all, all[i]); got.Start != want || got.Path != all[i].Path {
			t.Errorf("of %+v it is %+v, want %#x", all[i], got, want)
		}
	}
}
