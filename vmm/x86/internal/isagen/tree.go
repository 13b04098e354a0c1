package isagen

import (
	"fmt"
	"math/bits"
	"slices"
)

// A tree is package x86's dispatch: roots by mode (0: 64-bit), opcode map and
// opcode; a value below nodeBit is a row plus one (0: unknown), else the index
// of a node: its dimension, then one value per choice.
type tree struct {
	roots [2][4][256]uint16
	nodes []uint16
	seen  map[string]uint16
}

const nodeBit = 0x8000

// dims in the order in which they are asked. size is the number of choices.
var dims = [...]struct {
	name string
	size int
	mask func(*form) uint
}{
	{"dimPrefix", 4, func(f *form) uint { return f.prefix }},
	{"dimMod", 2, func(f *form) uint { return f.mod }},
	{"dimReg", 8, func(f *form) uint { return f.reg }},
	{"dimRM", 8, func(f *form) uint { return f.rm }},
	{"dimW", 2, func(f *form) uint { return f.w }},
	{"dimB", 2, func(f *form) uint { return f.b }},
}

func buildTree(forms []*form) (*tree, error) {
	t := &tree{seen: map[string]uint16{}}
	for mode := range t.roots {
		for m := range t.roots[mode] {
			for op := range 256 {
				var c []int
				for i, f := range forms {
					if f.opMap == m && f.covers(op) {
						c = append(c, i)
					}
				}
				n, err := t.build(forms, c, mode, 0)
				if err != nil {
					return nil, fmt.Errorf("map %d opcode %02X: %w", m, op, err)
				}
				t.roots[mode][m][op] = n
			}
		}
	}
	return t, nil
}

func (f *form) covers(op int) bool {
	return op >= f.opcode && op < f.opcode+f.span
}

func (t *tree) build(forms []*form, c []int, mode, dim int) (uint16, error) {
	if dim == len(dims) {
		return choose(forms, c, mode)
	}
	d := dims[dim]
	child := make([]uint16, d.size)
	for v := range child {
		var in []int
		for _, i := range c {
			if d.mask(forms[i])>>v&1 != 0 {
				in = append(in, i)
			}
		}
		n, err := t.build(forms, in, mode, dim+1)
		if err != nil {
			return 0, err
		}
		child[v] = n
	}
	if !slices.ContainsFunc(child, func(n uint16) bool { return n != child[0] }) {
		return child[0], nil
	}
	node := append([]uint16{uint16(dim)}, child...)
	key := fmt.Sprint(node)
	if n, ok := t.seen[key]; ok {
		return n, nil
	}
	n := uint16(len(t.nodes)) | nodeBit
	t.nodes = append(t.nodes, node...)
	t.seen[key] = n
	return n, nil
}

// choose takes the row valid in the mode, then the narrowest one.
func choose(forms []*form, c []int, mode int) (uint16, error) {
	best, bestRank, tie := 0, 1<<30, false
	for _, i := range c {
		r := forms[i].breadth()
		if forms[i].has([]string{"i64", "o64"}[mode]) {
			r += 1 << 24
		}
		if r == bestRank {
			tie = true
		}
		if r < bestRank {
			best, bestRank, tie = i+1, r, false
		}
	}
	if tie {
		return 0, fmt.Errorf("isa.txt:%d is not told apart from another row", forms[best-1].line)
	}
	return uint16(best), nil
}

func (f *form) breadth() int {
	n := f.span
	for _, d := range dims {
		n *= bits.OnesCount(d.mask(f))
	}
	return n
}
