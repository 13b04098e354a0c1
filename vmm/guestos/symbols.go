package guestos

import (
	"cmp"
	"slices"
	"sort"
)

// A Symbol is a name for an address of the kernel's.
type Symbol struct {
	Name   string
	Module string // "" is the kernel itself
	Type   byte   // as nm has it: t and T are code
	Addr   uint64 // of per-cpu variables the offset, if not in the upper half
	Size   uint64 // up to the next symbol, 0 if there is none
}

// A symbols is a table to look up names and addresses.
type symbols struct {
	all  []Symbol // by address
	name map[string]int32
	end  uint64 // of what the last one can name
}

// newSymbols takes symbols in any order; of equal addresses and names the first
// counts.
func newSymbols(all []Symbol, end uint64) *symbols {
	slices.SortStableFunc(all, func(a, b Symbol) int { return cmp.Compare(a.Addr, b.Addr) })
	s := &symbols{all: all, end: end, name: make(map[string]int32, len(all))}
	next := end
	for i := len(all) - 1; i >= 0; i-- {
		if e := &all[i]; e.Size == 0 && next > e.Addr {
			e.Size = next - e.Addr
		}
		if i > 0 && all[i-1].Addr != all[i].Addr {
			next = all[i].Addr
		}
		s.name[all[i].Name] = int32(i)
	}
	return s
}

func (s *symbols) byName(name string) (Symbol, bool) {
	i, ok := s.name[name]
	if !ok {
		return Symbol{}, false
	}
	return s.all[i], true
}

func (s *symbols) at(la uint64) (y Symbol, off uint64, ok bool) {
	n := sort.Search(len(s.all), func(i int) bool { return s.all[i].Addr > la }) - 1
	if n < 0 || la >= s.end {
		return y, 0, false
	}
	for n > 0 && s.all[n-1].Addr == s.all[n].Addr {
		n--
	}
	y = s.all[n]
	return y, la - y.Addr, plausible(y.Addr) && la-y.Addr < y.Size
}
