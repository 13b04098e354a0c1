package vmm

import "fmt"

// A Window is a range of ports or physical addresses that a device answers.
// Where it is and whether it is open are board state.
type Window struct {
	b *Board
	i int
}

type window struct {
	n    uint64
	h    Handler
	port bool
	max  int // widest access the handler takes, in bytes
	name string
}

// place of a window: board state.
type mapping struct {
	Base uint64
	Open bool
}

// Ports claims n I/O ports at the motherboard's port base i. Wider accesses
// than a handler takes (1 byte unless Width says more) are split, low address first.
func (s *Slot) Ports(i, n int, h Handler) Window {
	return s.b.window(window{uint64(n), h, true, 1, s.place.Name}, uint64(s.place.Ports[i]))
}

// Memory claims n bytes of physical address space at the motherboard's base i.
func (s *Slot) Memory(i int, n uint64, h Handler) Window {
	return s.b.window(window{n, h, false, 4, s.place.Name}, s.place.Mem[i])
}

// Width sets the widest access, in bytes, that the handler takes in one piece.
func (w Window) Width(max int) Window { w.b.wins[w.i].max = max; return w }

// Map opens the window at base.
func (w Window) Map(base uint64) { w.b.w.Maps[w.i] = mapping{base, true}; w.b.remap() }

// Unmap closes the window.
func (w Window) Unmap() { w.b.w.Maps[w.i].Open = false; w.b.remap() }

func (b *Board) window(w window, base uint64) Window {
	b.wins = append(b.wins, w)
	b.w.Maps = append(b.w.Maps, mapping{base, true})
	b.remap()
	return Window{b, len(b.wins) - 1}
}

const (
	portCount = 1 << 16
	noWindow  = 0xff
)

// remap rebuilds the port table from the mappings. Earlier claims win.
func (b *Board) remap() {
	if len(b.wins) >= noWindow {
		panic(fmt.Sprintf("vmm: %d windows", len(b.wins)))
	}
	for i := range b.ports {
		b.ports[i] = noWindow
	}
	for i := len(b.wins) - 1; i >= 0; i-- {
		w, m := &b.wins[i], b.w.Maps[i]
		if !w.port || !m.Open {
			continue
		}
		for p := m.Base; p < m.Base+w.n && p < portCount; p++ {
			b.ports[p] = uint8(i)
		}
	}
	b.Moved = true
	b.Attention = true
}

// memWindow finds the window that answers pa: the earliest claim wins.
func (b *Board) memWindow(pa uint64) int {
	for i := range b.wins {
		if m := b.w.Maps[i]; !b.wins[i].port && m.Open && pa-m.Base < b.wins[i].n {
			return i
		}
	}
	return -1
}

// ones is the floating bus: all ones in size bytes.
func ones(size int) uint64 { return 1<<(8*size) - 1 }

// in and out split an access into pieces that the window's handler takes, low
// address first; bytes beyond the window float.
func (b *Board) in(i int, off uint64, size int) uint64 {
	w := &b.wins[i]
	if size <= w.max && off+uint64(size) <= w.n {
		return w.h.In(off, size) & ones(size)
	}
	v, step := uint64(0), min(size, w.max)
	for k := 0; k < size; k += step {
		p := ones(step)
		if off+uint64(k+step) <= w.n {
			p = w.h.In(off+uint64(k), step) & ones(step)
		}
		v |= p << (8 * k)
	}
	return v
}

func (b *Board) out(i int, off uint64, size int, v uint64) {
	w := &b.wins[i]
	step := min(size, w.max)
	for k := 0; k < size; k += step {
		if off+uint64(k+step) <= w.n {
			w.h.Out(off+uint64(k), step, v>>(8*k)&ones(step))
		}
	}
}

// PortIn reads a port as the processor does.
func (b *Board) PortIn(port uint16, size int) uint64 {
	if i := b.ports[port]; i != noWindow {
		return b.in(int(i), uint64(port)-b.w.Maps[i].Base, size)
	}
	return ones(size)
}

// PortOut writes a port as the processor does.
func (b *Board) PortOut(port uint16, size int, v uint64) {
	if i := b.ports[port]; i != noWindow {
		b.out(int(i), uint64(port)-b.w.Maps[i].Base, size, v)
	}
}

// MemIn reads physical memory that is not RAM.
func (b *Board) MemIn(pa uint64, size int) uint64 {
	if i := b.memWindow(pa); i >= 0 {
		return b.in(i, pa-b.w.Maps[i].Base, size)
	}
	return ones(size)
}

// MemOut writes physical memory that is not RAM.
func (b *Board) MemOut(pa uint64, size int, v uint64) {
	if i := b.memWindow(pa); i >= 0 {
		b.out(i, pa-b.w.Maps[i].Base, size, v)
	}
}
