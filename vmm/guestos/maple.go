package guestos

// Maple trees hold a process's mappings since Linux 6.1 (include/linux/
// maple_tree.h). An entry of the root, or of an inner node, is a node's address
// with its kind in bits 6:3 and flags in bits 2:0 and 7 (nodes are aligned to
// 256 bytes). A node has slots, and between them pivots: slot i is for indexes
// up to and with pivot i. The last slot in use has the node's own upper end for
// its pivot, where 0 stands if there is room, and no pivot if there is none.
const (
	mapleLeaf64 = iota + 1
	mapleRange64
	mapleArange64

	mapleNodes = 1 << 17 // visited at most
	mapleDepth = 16
)

// A mapleKind says where pivots and slots of a node are.
type mapleKind struct{ pivots, pivotCount, slots, slotCount uint64 }

type mapleWalk struct {
	v     *view
	kinds [mapleArange64 + 1]mapleKind
	nodes int
	each  func(uint64) bool
}

// maple calls each for every entry that is not 0, by index.
func (v *view) maple(root uint64, each func(entry uint64) bool) {
	w := mapleWalk{v: v, each: each}
	for i, typ := range [...]string{mapleLeaf64: "maple_range_64", mapleRange64: "maple_range_64", mapleArange64: "maple_arange_64"} {
		if typ == "" {
			continue
		}
		p, s := v.field(typ, "pivot"), v.field(typ, "slot")
		w.kinds[i] = mapleKind{p.Offset, min(p.Count, 32), s.Offset, min(s.Count, 32)}
	}
	if isNode := root&3 == 2 && root >= pageBytes; isNode {
		w.node(root, ^uint64(0), 0)
	}
}

// node visits a node for indexes up to last, and tells whether to go on.
func (w *mapleWalk) node(entry, last uint64, depth int) bool {
	at, kind := entry&^0xff, entry>>3&15
	if w.nodes++; depth == mapleDepth || w.nodes > mapleNodes || kind == 0 || kind > mapleArange64 {
		w.v.fail("a process's tree of mappings is damaged at %#x", entry)
		return false
	}
	k := w.kinds[kind]
	b := w.v.bytes(at, 256)
	word := func(i uint64) uint64 {
		if i > 256-8 {
			return 0
		}
		return le64(b[i:])
	}
	for i := range k.slotCount {
		pivot := last
		if p := word(k.pivots + 8*i); i < k.pivotCount && (p != 0 || i == 0) {
			pivot = p
		}
		slot := word(k.slots + 8*i)
		switch {
		case slot == 0:
		case kind == mapleLeaf64:
			if !w.each(slot) || w.v.err != nil {
				return false
			}
		default:
			if !w.node(slot, pivot, depth+1) {
				return false
			}
		}
		if pivot >= last {
			break
		}
	}
	return w.v.err == nil
}
