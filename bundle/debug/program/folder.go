package program

import (
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"

	"vmrecord/vmm/guestos"
)

// A Folder is an engineer's, with ELF files. Goroutines may share it.
type Folder struct {
	dir   string
	files []*File
	used  atomic.Bool
}

// OpenFolder finds the files in a folder and below.
func OpenFolder(dir string) (*Folder, error) {
	const most = 10_000
	d := &Folder{dir: dir}
	why := fmt.Errorf("%s: %w", dir, ErrNoSymbols)
	n := 0
	err := filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		if n++; n > most {
			return fmt.Errorf("%s holds more than %d files; name a folder with those that are of interest", dir, most)
		}
		f, err := Open(name)
		switch bad := (*elf.FormatError)(nil); {
		case err == nil:
			if d.files = append(d.files, f); !f.named {
				why = fmt.Errorf("%s: %w", name, ErrNoSymbols)
			}
		case !errors.As(err, &bad) && !errors.Is(err, io.EOF): // an ELF file
			why = err
		}
		return nil
	})
	if err == nil && !slices.ContainsFunc(d.files, func(f *File) bool { return f.named }) {
		err = why
	}
	if err != nil {
		return nil, err
	}
	return d, nil
}

// Close closes the files. A nil Folder has none.
func (d *Folder) Close() {
	if d == nil {
		return
	}
	for _, f := range d.files {
		_ = f.Close()
	}
}

// All are the files with symbols, to look for a name in. A nil Folder has none.
func (d *Folder) All() (all []*File, err error) {
	const most = 64
	if d == nil {
		return nil, nil
	}
	why := fmt.Errorf("%s: %w", d.dir, ErrNoSymbols)
	for _, f := range d.files {
		if !f.named {
			continue
		}
		if len(all) == most {
			return nil, fmt.Errorf("%s holds more than %d programs; name a folder with those that are of interest", d.dir, most)
		}
		if err := f.load(); err != nil {
			why = err
		} else if len(f.symbols) == 0 {
			why = fmt.Errorf("%s: %w", f.Name, ErrNoSymbols)
		} else {
			all = append(all, f)
		}
	}
	if len(all) == 0 {
		return nil, why
	}
	return all, nil
}

// Choose is the file with the build id, or else with the name and not another id;
// nil if there is none. A nil Folder has none.
func (d *Folder) Choose(base, id string) (named *File) {
	if d == nil {
		return nil
	}
	for _, f := range d.files {
		if id != "" && f.BuildID == id {
			return f
		}
		if named == nil && (id == "" || f.BuildID == "") && f.Base == base {
			named = f
		}
	}
	return named
}

// An Image is a file that a process has mapped, and how far it is from where it was
// linked to be.
type Image struct {
	*File
	Moved uint64
}

// Mapped are the folder's files that a task has mapped. Where that cannot be told
// of all, the rest comes with the error.
func (d *Folder) Mapped(t guestos.Task) (all []Image, err error) {
	if d == nil {
		return nil, nil
	}
	maps, err := t.Maps()
	for _, m := range maps {
		if i, ok := d.image(t, maps, m); ok && !slices.Contains(all, i) {
			all = append(all, i)
		}
	}
	return all, err
}

// image is the file of one of a task's mappings.
func (d *Folder) image(t guestos.Task, all []guestos.Mapping, m guestos.Mapping) (i Image, ok bool) {
	if !strings.HasPrefix(m.Path, "/") {
		return i, false
	}
	m = beginning(all, m)
	if i.File = d.Choose(path.Base(m.Path), BuildIDAt(t, m)); i.File == nil || i.Object {
		return i, false
	}
	i.Moved, ok = i.movedBy(m.Offset, m.Start)
	return i, ok
}

// BuildIDAt is the build id, in hex, of the file that a task has mapped there from
// its beginning on; "" if that is not in memory, or has none.
func BuildIDAt(t guestos.Task, m guestos.Mapping) string {
	if m.Offset != 0 {
		return ""
	}
	b := make([]byte, min(m.End-m.Start, headBytes))
	return headID(b[:t.Read(m.Start, b)])
}

// beginning is where a mapped file begins: its next mapping below that has the
// file's first page, or if none has, the mapping itself.
func beginning(all []guestos.Mapping, m guestos.Mapping) guestos.Mapping {
	first := m
	for _, x := range all {
		if x.Path == m.Path && x.Offset == 0 && x.Start <= m.Start && (first.Offset != 0 || x.Start > first.Start) {
			first = x
		}
	}
	return first
}

// Names is what names addresses in one of a task's mappings: a symbol, and how far
// it is from its beginning. It is nil if there is no file for it.
func (d *Folder) Names(t guestos.Task, maps []guestos.Mapping, m guestos.Mapping) func(la uint64) (name string, off uint64, ok bool) {
	i, ok := d.image(t, maps, m)
	if !ok {
		return nil
	}
	d.used.Store(true)
	return func(la uint64) (string, uint64, bool) { return i.SymbolAt(la - i.Moved) }
}

// Used tells whether Names found any file so far.
func (d *Folder) Used() bool { return d.used.Load() }

const headBytes = 4096

// headID is the build id in a file's first page, as it is in memory: the guest's
// word. It is "" if it is not there.
func headID(b []byte) string {
	var e elf.Header64
	if _, err := binary.Decode(b, binary.LittleEndian, &e); err != nil || string(e.Ident[:4]) != elf.ELFMAG || e.Ident[elf.EI_CLASS] != byte(elf.ELFCLASS64) {
		return ""
	}
	size := uint64(len(b))
	for i := range min(uint64(e.Phnum), 64) {
		at := e.Phoff + i*56
		var p elf.Prog64
		if at >= size {
			break
		}
		if _, err := binary.Decode(b[at:], binary.LittleEndian, &p); err != nil {
			break
		}
		if elf.ProgType(p.Type) == elf.PT_NOTE && p.Filesz <= maxNotes && p.Off < size {
			if id := guestos.NoteBuildID(b[p.Off:min(p.Off+p.Filesz, size)]); id != "" {
				return id
			}
		}
	}
	return ""
}
