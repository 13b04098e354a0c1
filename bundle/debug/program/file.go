package program

import (
	"bytes"
	"debug/dwarf"
	"debug/elf"
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"vmrecord/vmm/guestos"
)

// A File is an ELF file, which is read when something of it is first asked for.
// Addresses are those that it was linked for. Goroutines may share it for its
// symbols; the rest is for one.
type File struct {
	Name    string
	Base    string // the name without folders, and without .debug
	BuildID string // in hex, "" if it has none
	Moves   bool   // it may be loaded anywhere: a shared library, or a program that is like one
	Object  bool   // it is not linked, like a module of the kernel's: its addresses count from its section's beginning

	named   bool // it has a table of symbols
	once    sync.Once
	bad     error // why it cannot be read
	elf     *elf.File
	symbols []symbol // by address

	dwarf   *dwarf.Data // nil: not read so far
	noDWARF error       // and why it cannot be
	places  map[uint64]Place
}

// ErrNoSymbols says that there are none in a file, or in a folder no file with some.
var ErrNoSymbols = errors.New("there are no symbols; put a program's ELF file there as it was linked, not stripped")

// ErrNoDWARF says that a file has symbols only.
var ErrNoDWARF = errors.New("there is no debug information (DWARF), and so no lines and variables; build it with: go build, without -ldflags=-w, or: cc -g")

// Open finds out what file it is.
func Open(name string) (*File, error) {
	e, err := elf.Open(name)
	if err != nil {
		return nil, fmt.Errorf("symbols of %s: %w", name, err)
	}
	defer e.Close()
	if e.Machine != elf.EM_X86_64 {
		return nil, fmt.Errorf("symbols of %s: it is for %v", name, e.Machine)
	}
	return &File{Name: name, Base: strings.TrimSuffix(path.Base(filepath.ToSlash(name)), ".debug"), BuildID: buildID(e),
		Moves: e.Type == elf.ET_DYN, Object: e.Type == elf.ET_REL, places: map[uint64]Place{},
		named: e.SectionByType(elf.SHT_SYMTAB) != nil || e.SectionByType(elf.SHT_DYNSYM) != nil || e.Section(goTable) != nil}, nil
}

const maxNotes = 64 << 10 // bytes

// buildID finds it in the file's notes.
func buildID(e *elf.File) string {
	for _, s := range e.Sections {
		if s.Type != elf.SHT_NOTE || s.Size > maxNotes {
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

// load reads the file's symbols.
func (f *File) load() error {
	f.once.Do(func() {
		if f.elf, f.bad = elf.Open(f.Name); f.bad == nil {
			f.symbols = symbolsOf(f.elf)
		}
	})
	return f.bad
}

// Close closes the file, which is of no more use.
func (f *File) Close() error {
	f.once.Do(func() { f.bad = errors.New("the file is closed") })
	if f.elf == nil {
		return nil
	}
	return f.elf.Close()
}

// debug is the file's DWARF.
func (f *File) debug() (*dwarf.Data, error) {
	if f.dwarf != nil || f.noDWARF != nil {
		return f.dwarf, f.noDWARF
	}
	if f.noDWARF = f.load(); f.noDWARF != nil {
		return nil, f.noDWARF
	}
	if f.elf.Section(".debug_info") == nil && f.elf.Section(".zdebug_info") == nil {
		f.noDWARF = fmt.Errorf("%s: %w", f.Name, ErrNoDWARF)
		return nil, f.noDWARF
	}
	var err error
	if f.dwarf, err = f.elf.DWARF(); err != nil {
		f.dwarf, f.noDWARF = nil, fmt.Errorf("debug information of %s: %w", f.Name, err)
	}
	return f.dwarf, f.noDWARF
}

// Sections are the names of the sections that are loaded.
func (f *File) Sections() (names []string, err error) {
	if err := f.load(); err != nil {
		return nil, err
	}
	for _, s := range f.elf.Sections {
		if s.Flags&elf.SHF_ALLOC != 0 {
			names = append(names, s.Name)
		}
	}
	return names, nil
}

// Code is what the file has at an address that is executed, at most n bytes; nil
// if it has none, as where a file holds debug information alone.
func (f *File) Code(addr uint64, n int) []byte {
	if f.load() != nil {
		return nil
	}
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

// Is tells whether code is what the file, which is linked, has at an address. Where
// it has data, or debug information alone, nobody knows: true.
func (f *File) Is(addr uint64, code []byte) bool {
	if f.load() != nil || !slices.ContainsFunc(f.elf.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_LOAD && addr-p.Vaddr < p.Memsz }) {
		return false
	}
	own := f.Code(addr, len(code))
	return own == nil || len(code) > 0 && bytes.HasPrefix(code, own)
}

// movedBy is how far the file is from where it was linked to be, if what is at an
// offset in it, in bytes, is mapped at an address.
func (f *File) movedBy(offset, at uint64) (uint64, bool) {
	const page = 4096
	if f.load() != nil {
		return 0, false
	}
	i := slices.IndexFunc(f.elf.Progs, func(p *elf.Prog) bool {
		return p.Type == elf.PT_LOAD && offset >= p.Off&^(page-1) && offset < p.Off+max(p.Filesz, 1)
	})
	if i < 0 {
		return 0, false
	}
	p := f.elf.Progs[i]
	return at - (p.Vaddr + offset - p.Off), true
}
