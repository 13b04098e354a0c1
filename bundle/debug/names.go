package debug

import (
	"cmp"
	"debug/elf"
	"debug/gosym"
	"fmt"
	"path"
	"slices"
	"sort"
	"strings"
	"sync"

	"github.com/ianlancetaylor/demangle"

	"vmrecord/vmm/guestos"
)

// Files are ELF files in a folder, whose symbols name addresses of programs. They
// may be used by several goroutines.
type Files struct {
	all    []elfFile
	mu     sync.Mutex
	chosen map[[2]string]*names // by name and build id of what is mapped
}

// OpenFiles is what the folder holds.
func OpenFiles(dir string) (*Files, error) {
	all, err := candidates(dir)
	if err == nil && len(all) == 0 {
		err = fmt.Errorf("%s holds no ELF file; put programs there as they were before they were stripped", dir)
	}
	return &Files{all: all, chosen: map[[2]string]*names{}}, err
}

// Names is what names addresses in one of a task's mappings: a symbol, demangled,
// and how far it is from its beginning. It is nil if there is no file for it: one
// with the same build id, or where either has none, the same name.
func (f *Files) Names(t guestos.Task, maps []guestos.Mapping, m guestos.Mapping) func(la uint64) (name string, off uint64, ok bool) {
	if !strings.HasPrefix(m.Path, "/") {
		return nil
	}
	var h head
	known := false
	for _, first := range maps {
		if first.Path == m.Path && first.Offset == 0 {
			h, known = mapped(t, first)
			break
		}
	}
	n := f.of(path.Base(m.Path), h.buildID)
	if n == nil {
		return nil
	}
	moved := h.moved
	if !known { // the file's first page is not in memory
		moved = n.moved(m)
	}
	return func(la uint64) (string, uint64, bool) { return n.at(la - moved) }
}

// Used tells whether any of the files named anything so far.
func (f *Files) Used() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, n := range f.chosen {
		if n != nil {
			return true
		}
	}
	return false
}

// of are the symbols of the file for what is mapped, or nil.
func (f *Files) of(base, id string) *names {
	f.mu.Lock()
	defer f.mu.Unlock()
	key := [2]string{base, id}
	n, ok := f.chosen[key]
	if !ok {
		if name := choose(f.all, base, id); name != "" {
			n, _ = readNames(name) // one that cannot be read names nothing
		}
		f.chosen[key] = n
	}
	return n
}

// names are an ELF file's symbols, by address.
type names struct {
	all   []elf.Symbol
	loads []elf.ProgHeader
}

// readNames reads the symbols of code and data.
func readNames(file string) (*names, error) {
	f, err := elf.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	all, err := f.Symbols()
	if err != nil {
		all, _ = f.DynamicSymbols()
		all = append(all, goFunctions(f)...)
	}
	n := &names{}
	for _, p := range f.Progs {
		if p.Type == elf.PT_LOAD {
			n.loads = append(n.loads, p.ProgHeader)
		}
	}
	for _, y := range all {
		switch elf.ST_TYPE(y.Info) {
		case elf.STT_FUNC, elf.STT_OBJECT, elf.STT_NOTYPE:
			if y.Section != elf.SHN_UNDEF && y.Section < elf.SHN_LORESERVE && y.Name != "" {
				n.all = append(n.all, y)
			}
		}
	}
	slices.SortStableFunc(n.all, func(a, b elf.Symbol) int { return cmp.Compare(a.Value, b.Value) })
	for i := range n.all {
		n.all[i].Name = demangle.Filter(n.all[i].Name, demangle.NoParams)
	}
	return n, nil
}

// goFunctions are those of a stripped Go program, whose own table of them stays.
func goFunctions(f *elf.File) (all []elf.Symbol) {
	table, text := f.Section(".gopclntab"), f.Section(".text")
	if table == nil || text == nil {
		return nil
	}
	b, err := table.Data()
	if err != nil {
		return nil
	}
	t, err := gosym.NewTable(nil, gosym.NewLineTable(b, text.Addr))
	if err != nil {
		return nil
	}
	for _, y := range t.Funcs {
		all = append(all, elf.Symbol{Name: y.Name, Info: elf.ST_INFO(elf.STB_LOCAL, elf.STT_FUNC), Section: elf.SectionIndex(1), Value: y.Entry, Size: y.End - y.Entry})
	}
	return all
}

// at finds the symbol that an address, as the file has it, is in; without a size
// a symbol goes up to the next.
func (n *names) at(addr uint64) (string, uint64, bool) {
	i := sort.Search(len(n.all), func(i int) bool { return n.all[i].Value > addr }) - 1
	if i < 0 {
		return "", 0, false
	}
	for i > 0 && n.all[i-1].Value == n.all[i].Value {
		i--
	}
	y := &n.all[i]
	off := addr - y.Value
	return y.Name, off, y.Size == 0 || off < y.Size
}

// moved is how far the file is from where it was linked to be, if one of its
// segments is mapped so.
func (n *names) moved(m guestos.Mapping) uint64 {
	for _, p := range n.loads {
		if p.Off <= m.Offset && m.Offset < p.Off+p.Filesz || p.Off&^0xfff == m.Offset {
			return m.Start - m.Offset - (p.Vaddr - p.Off)
		}
	}
	return 0
}
