package program

import (
	"bytes"
	"cmp"
	"debug/dwarf"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"vmrecord/vmm/guestos"
)

// A File is an open ELF file. Addresses are those that it was linked for.
type File struct {
	Name    string
	Base    string // the name without folders, and without .debug
	BuildID string // in hex, "" if it has none
	Moves   bool   // it may be loaded anywhere: a shared library, or a program that is like one
	Object  bool   // it is not linked, like a module of the kernel's: its addresses count from its section's beginning

	elf   *elf.File
	dwarf *dwarf.Data // nil: there is none
	funcs []symbol    // by address
	lines map[uint64]string
}

type symbol struct {
	name       string
	addr, size uint64
}

// ErrNoSymbols says that there are none in a file, or in a folder no file with some.
var ErrNoSymbols = errors.New("there are no symbols; put a program's ELF file there as it was linked, not stripped")

// Open reads a file's symbols. A file without any is ErrNoSymbols.
func Open(name string) (*File, error) {
	e, err := elf.Open(name)
	if err != nil {
		return nil, fmt.Errorf("symbols of %s: %w", name, err)
	}
	f := &File{Name: name, Base: strings.TrimSuffix(path.Base(filepath.ToSlash(name)), ".debug"), BuildID: buildID(e),
		elf: e, Moves: e.Type == elf.ET_DYN, Object: e.Type == elf.ET_REL, lines: map[uint64]string{}}
	if e.Machine != elf.EM_X86_64 {
		return nil, errors.Join(fmt.Errorf("symbols of %s: it is for %v", name, e.Machine), e.Close())
	}
	f.symbols()
	if len(f.funcs) == 0 {
		return nil, errors.Join(fmt.Errorf("%s: %w", name, ErrNoSymbols), e.Close())
	}
	if e.Section(".debug_info") != nil || e.Section(".zdebug_info") != nil {
		if f.dwarf, err = e.DWARF(); err != nil {
			return nil, errors.Join(fmt.Errorf("debug information of %s: %w", name, err), e.Close())
		}
	}
	return f, nil
}

// buildID finds it in the file's notes.
func buildID(e *elf.File) string {
	const most = 64 << 10
	for _, s := range e.Sections {
		if s.Type != elf.SHT_NOTE || s.Size > most {
			continue
		}
		if b, err := s.Data(); err == nil {
			if id := guestos.NoteBuildID(b); id != "" {
				return id
			}
		}
	}
	return ""
}

// Folder opens all files with symbols in a folder and below.
func Folder(dir string) (all []*File, err error) {
	const mostFiles, mostPrograms = 10_000, 64
	var why error // of one without
	n := 0
	err = filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		f, err := Open(name)
		switch bad := (*elf.FormatError)(nil); {
		case err == nil:
			all = append(all, f)
		case !errors.As(err, &bad) && !errors.Is(err, io.EOF): // an ELF file
			why = err
		}
		if n++; n > mostFiles || len(all) > mostPrograms {
			return fmt.Errorf("%s holds more than %d programs or %d files; name a folder with those that are of interest", dir, mostPrograms, mostFiles)
		}
		return nil
	})
	if err == nil && len(all) == 0 {
		if err = why; why == nil {
			err = fmt.Errorf("%s: %w", dir, ErrNoSymbols)
		}
	}
	if err != nil {
		for _, f := range all {
			_ = f.Close()
		}
		return nil, err
	}
	return all, nil
}

func (f *File) symbols() {
	all, _ := f.elf.Symbols() // the dynamic ones stay where these were stripped
	more, _ := f.elf.DynamicSymbols()
	for _, y := range append(all, more...) {
		if elf.ST_TYPE(y.Info) == elf.STT_FUNC && y.Section != elf.SHN_UNDEF {
			f.funcs = append(f.funcs, symbol{y.Name, y.Value, y.Size})
		}
	}
	slices.SortStableFunc(f.funcs, func(a, b symbol) int { return cmp.Compare(a.addr, b.addr) })
	f.funcs = slices.Compact(f.funcs)
}

// Close closes the file.
func (f *File) Close() error { return f.elf.Close() }

// Symbol finds a function by its name as the linker knows it.
func (f *File) Symbol(name string) (addr, size uint64, ok bool) {
	for _, y := range f.funcs {
		if y.name == name {
			return y.addr, y.size, true
		}
	}
	return 0, 0, false
}

// Like lists names of functions with a part in them, at most so many.
func (f *File) Like(part string, most int) (names []string) {
	for _, y := range f.funcs {
		if len(names) < most && part != "" && strings.Contains(y.name, part) {
			names = append(names, y.name)
		}
	}
	return names
}

// SymbolAt finds the function that an address is in.
func (f *File) SymbolAt(addr uint64) (name string, off uint64, ok bool) {
	i := sort.Search(len(f.funcs), func(i int) bool { return f.funcs[i].addr > addr }) - 1
	if i < 0 || addr-f.funcs[i].addr >= max(f.funcs[i].size, 1) {
		return "", 0, false
	}
	return f.funcs[i].name, addr - f.funcs[i].addr, true
}

// Code is what the file has at an address that is executed, at most n bytes; nil
// if it has none, as where a file holds debug information alone.
func (f *File) Code(addr uint64, n int) []byte {
	for _, s := range f.elf.Sections {
		if s.Type != elf.SHT_PROGBITS || s.Flags&elf.SHF_EXECINSTR == 0 || addr < s.Addr || addr-s.Addr >= s.Size {
			continue
		}
		b := make([]byte, min(uint64(n), s.Size-(addr-s.Addr)))
		got, _ := s.ReadAt(b, int64(addr-s.Addr)) // of a file that is cut off, what is there
		return b[:got]
	}
	return nil
}

// Moved is how far the file is from where it was linked to be, if what is at an
// offset in it, in bytes, is mapped at an address.
func (f *File) Moved(offset, at uint64) (uint64, bool) {
	const page = 4096
	for _, p := range f.elf.Progs {
		if p.Type == elf.PT_LOAD && offset >= p.Off&^(page-1) && offset < p.Off+max(p.Filesz, 1) {
			return at - (p.Vaddr + offset - p.Off), true
		}
	}
	return 0, false
}

// ErrNoDWARF says that a file has symbols only.
var ErrNoDWARF = errors.New("there is no debug information (DWARF), and so no lines; build it with: go build, without -ldflags=-w, or: cc -g")

// Line finds where the code of a line of a source file begins: in each function
// that has some, the lowest address. file is a name, or the end of a path.
func (f *File) Line(file string, line int) (addrs []uint64, err error) {
	if f.dwarf == nil {
		return nil, fmt.Errorf("%s: %w", f.Name, ErrNoDWARF)
	}
	in := map[string]uint64{} // by function
	err = f.units(func(lr *dwarf.LineReader) bool {
		if !slices.ContainsFunc(lr.Files(), func(l *dwarf.LineFile) bool { return l != nil && endsIn(l.Name, file) }) {
			return true
		}
		for e := (dwarf.LineEntry{}); lr.Next(&e) == nil; {
			if e.Line != line || !e.IsStmt || e.EndSequence || e.File == nil || !endsIn(e.File.Name, file) {
				continue
			}
			name, _, _ := f.SymbolAt(e.Address)
			if a, ok := in[name]; !ok || e.Address < a {
				in[name] = e.Address
			}
		}
		return true
	})
	for _, a := range in {
		addrs = append(addrs, a)
	}
	slices.Sort(addrs)
	return addrs, err
}

func endsIn(name, file string) bool {
	return name == file || strings.HasSuffix(name, "/"+file)
}

// LineAt is the place in the source that an address was compiled from, as
// FILE:LINE; "" if it is not known.
func (f *File) LineAt(addr uint64) string {
	if f.dwarf == nil {
		return ""
	}
	line, ok := f.lines[addr]
	if !ok {
		line = f.lineAt(addr)
		if len(f.lines) == maxLines {
			clear(f.lines)
		}
		f.lines[addr] = line
	}
	return line
}

// maxLines are remembered: a unit's table is long, and in no order.
const maxLines = 1 << 16

func (f *File) lineAt(addr uint64) string {
	unit, err := f.dwarf.Reader().SeekPC(addr)
	if err != nil {
		return ""
	}
	lr, err := f.dwarf.LineReader(unit)
	if err != nil || lr == nil {
		return ""
	}
	var last, e dwarf.LineEntry
	for last.EndSequence = true; lr.Next(&e) == nil; last = e {
		if !last.EndSequence && last.Address <= addr && addr < e.Address && last.File != nil {
			return fmt.Sprintf("%s:%d", path.Base(last.File.Name), last.Line)
		}
	}
	return ""
}

// units calls do with the lines of each unit.
func (f *File) units(do func(*dwarf.LineReader) bool) error {
	r := f.dwarf.Reader()
	for {
		e, err := r.Next()
		if err != nil || e == nil {
			return err
		}
		r.SkipChildren()
		if e.Tag != dwarf.TagCompileUnit {
			continue
		}
		lr, err := f.dwarf.LineReader(e)
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if lr != nil && !do(lr) {
			return nil
		}
	}
}

// Is tells whether code is what the file has at an address. Where the file has no
// code, nobody knows: true.
func (f *File) Is(addr uint64, code []byte) bool {
	own := f.Code(addr, len(code))
	return own == nil || len(code) > 0 && bytes.HasPrefix(code, own)
}
