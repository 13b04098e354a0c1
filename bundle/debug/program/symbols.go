package program

import (
	"cmp"
	"debug/elf"
	"debug/gosym"
	"slices"
	"sort"
	"strings"

	"github.com/ianlancetaylor/demangle"
)

// A symbol is a name of a function or of data.
type symbol struct {
	name       string // as in the source, without parameters
	linked     string // as the linker knows it
	addr, size uint64
	code       bool // it is a function
}

// symbolsOf reads those of code and data, in order.
func symbolsOf(e *elf.File) (all []symbol) {
	table, err := e.Symbols()
	if err != nil {
		table, _ = e.DynamicSymbols()
		all = goFunctions(e)
	}
	for _, y := range table {
		typ := elf.ST_TYPE(y.Info)
		if y.Name == "" || y.Section == elf.SHN_UNDEF || y.Section >= elf.SHN_LORESERVE || typ != elf.STT_FUNC && typ != elf.STT_OBJECT && typ != elf.STT_NOTYPE {
			continue
		}
		all = append(all, symbol{demangle.Filter(y.Name, demangle.NoParams), y.Name, y.Value, y.Size, typ == elf.STT_FUNC})
	}
	slices.SortStableFunc(all, func(a, b symbol) int { return cmp.Or(cmp.Compare(a.addr, b.addr), cmp.Compare(b.rank(), a.rank())) })
	return slices.Compact(all)
}

// rank tells which of two at the same address names it: functions, and what has a
// size.
func (y symbol) rank() (n int) {
	if y.code {
		n++
	}
	if y.size != 0 {
		n += 2
	}
	return n
}

// goTable is Go's own table of functions, which stays where a program is stripped.
const goTable = ".gopclntab"

func goFunctions(e *elf.File) (all []symbol) {
	table, text := e.Section(goTable), e.Section(".text")
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
		all = append(all, symbol{y.Name, y.Name, y.Entry, y.End - y.Entry, true})
	}
	return all
}

// A Body is where a function's code is.
type Body struct{ Addr, Size uint64 }

// Functions are those of a name, by address: the linker's name, or the source's,
// which several may have.
func (f *File) Functions(name string) (all []Body) {
	_ = f.load() // what cannot be read has none
	for _, y := range f.symbols {
		if y.code && y.is(name) && (len(all) == 0 || all[len(all)-1].Addr != y.addr) {
			all = append(all, Body{y.addr, y.size})
		}
	}
	return all
}

func (y *symbol) is(name string) bool { return y.name == name || y.linked == name }

// Symbol finds a function, or something else, by its name.
func (f *File) Symbol(name string) (addr, size uint64, ok bool) {
	_ = f.load()
	for _, y := range f.symbols {
		if y.is(name) && (y.code || !ok) {
			if addr, size, ok = y.addr, y.size, true; y.code {
				break
			}
		}
	}
	return addr, size, ok
}

// Like lists names of functions with a part in them, at most so many.
func (f *File) Like(part string, most int) (names []string) {
	_ = f.load()
	for _, y := range f.symbols {
		if len(names) < most && part != "" && y.code && strings.Contains(y.name, part) {
			names = append(names, y.name)
		}
	}
	return names
}

// SymbolAt finds the symbol that an address is in; without a size, a symbol goes up
// to the next.
func (f *File) SymbolAt(addr uint64) (name string, off uint64, ok bool) {
	_ = f.load()
	i := sort.Search(len(f.symbols), func(i int) bool { return f.symbols[i].addr > addr }) - 1
	if i < 0 {
		return "", 0, false
	}
	for i > 0 && f.symbols[i-1].addr == f.symbols[i].addr {
		i--
	}
	y := &f.symbols[i]
	off = addr - y.addr
	return y.name, off, y.size == 0 || off < y.size
}
