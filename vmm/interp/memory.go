package interp

import (
	"encoding/binary"

	"vmrecord/vmm/cpu"
	"vmrecord/vmm/mem"
)

const (
	tlbSize = 1024 // entries, direct-mapped by page number
	pageMax = mem.PageBytes - 1
	noPage  = 1 // a tag that no page has
)

// An entry is one cached translation: tags are page addresses for which a
// read, a store without asking, a fetch, or a store that the RAM is told of
// may go to RAM at linear + add.
type entry struct {
	r, w, x, ask uint64
	add          uint64
}

func noEntry() entry { return entry{noPage, noPage, noPage, noPage, 0} }

// le reads a little-endian T.
func le[T width](b []byte) T {
	switch uint64(^T(0)) {
	case 0xff:
		return T(b[0])
	case 0xffff:
		return T(binary.LittleEndian.Uint16(b))
	case 0xffffffff:
		return T(uint64(binary.LittleEndian.Uint32(b)))
	}
	return T(binary.LittleEndian.Uint64(b))
}

func putLE[T width](b []byte, v T) {
	switch uint64(^T(0)) {
	case 0xff:
		b[0] = uint8(v)
	case 0xffff:
		binary.LittleEndian.PutUint16(b, uint16(v))
	case 0xffffffff:
		binary.LittleEndian.PutUint32(b, uint32(uint64(v)))
	default:
		binary.LittleEndian.PutUint64(b, uint64(v))
	}
}

// load reads memory at a linear address with the current privilege.
func load[T width](c *CPU, la uint64) T {
	e := &c.tlb[la>>12%tlbSize]
	if e.r == (la+uint64(size[T]())-1)&^pageMax {
		return le[T](c.Mem.B[la+e.add:])
	}
	return T(c.loadSlow(la, size[T](), false))
}

// loadW reads memory that will be stored to next: it faults as a store would,
// so that the store cannot.
func loadW[T width](c *CPU, la uint64) T {
	e := &c.tlb[la>>12%tlbSize]
	if e.w == (la+uint64(size[T]())-1)&^pageMax {
		return le[T](c.Mem.B[la+e.add:])
	}
	return T(c.loadSlow(la, size[T](), true))
}

// store writes memory at a linear address with the current privilege.
func store[T width](c *CPU, la uint64, v T) {
	e := &c.tlb[la>>12%tlbSize]
	if e.w == (la+uint64(size[T]())-1)&^pageMax {
		putLE(c.Mem.B[la+e.add:], v)
		return
	}
	c.storeSlow(la, size[T](), uint64(v))
}

// A span is where an access of up to 64 bytes goes: one page or two.
type span struct {
	pa  [2]uint64
	ram [2]bool
	n   [2]int
}

// span translates [la, la+n) and raises what it raises, first page first.
func (c *CPU) span(la uint64, n int, write bool) (s span) {
	c.whole(la, n)
	c.align(la, n)
	s.n[0] = min(n, int(mem.PageBytes-la&pageMax))
	s.n[1] = n - s.n[0]
	s.pa[0], s.ram[0] = c.fill(la, write)
	if s.n[1] > 0 {
		s.pa[1], s.ram[1] = c.fill(c.wrap(la+uint64(s.n[0])), write)
	}
	return s
}

// wrap is a linear address in the current mode: 32 bits wide outside 64-bit mode
// (SDM vol. 3A, 3.3.5; APM vol. 2, 4.5.3).
func (c *CPU) wrap(la uint64) uint64 {
	if c.flat {
		return la
	}
	return la & 0xffffffff
}

// whole raises #GP(0) for an access that begins or ends in the hole in the
// middle of the canonical addresses: that comes before any page fault.
func (c *CPU) whole(la uint64, n int) {
	if c.flat && (!cpu.Canonical(la) || !cpu.Canonical(la+uint64(n)-1)) {
		c.Fault = cpu.Fault{Vector: cpu.GP, NonCanon: true}
		panic(&c.Fault)
	}
}

// pickTLB chooses the TLB for the current rights. Where alignment is checked or
// data breakpoints are enabled it is one without tags, so that every access
// comes to span (SDM vol. 3A, 4.6.1 and 6.15).
func (c *CPU) pickTLB() {
	user := c.cpl == 3
	ac := c.RFLAGS&cpu.FlagAC != 0
	c.checks = user && ac && c.CR0&cpu.CR0AM != 0
	switch {
	case c.checks || c.armed&cpu.WatchData != 0:
		c.tlb = &c.noTags
	case user:
		c.tlb = c.bankOf(cpu.BankUser)
	case c.CR4&cpu.CR4SMAP != 0 && !ac:
		c.tlb = c.bankOf(cpu.BankClosed)
	default:
		c.tlb = c.bankOf(cpu.BankSystem)
	}
}

// align raises #AC where alignment is checked (SDM vol. 3A, 6.15). It comes
// before page faults. Ten bytes want 8, sixteen 16, as on a Zen 4.
func (c *CPU) align(la uint64, n int) {
	if !c.checks {
		return
	}
	if n == 10 {
		n = 8
	}
	if n <= 16 && n&(n-1) == 0 && la&uint64(n-1) != 0 && cpu.Canonical(la) {
		c.Raise(cpu.AC, 0)
	}
}

func (c *CPU) loadSlow(la uint64, n int, write bool) uint64 {
	la = c.wrap(la)
	s := c.span(la, n, write)
	c.heed(la, n, false)
	if write {
		c.heed(la, n, true)
	}
	v := c.readSpan(s.pa[0], s.ram[0], s.n[0])
	if s.n[1] > 0 {
		v |= c.readSpan(s.pa[1], s.ram[1], s.n[1]) << (8 * s.n[0])
	}
	if c.armed&cpu.WatchData != 0 && !write {
		c.hits |= c.DataBreaks(la, n, false)
	}
	return v
}

// readSpan reads n bytes within one page; a split access to a device goes
// byte by byte.
func (c *CPU) readSpan(pa uint64, ram bool, n int) (v uint64) {
	if !ram && n&(n-1) == 0 {
		c.SetClock()
		return c.Bus.MemIn(pa, n)
	}
	for i := range n {
		b := uint64(0)
		if ram {
			b = uint64(c.Mem.B[pa+uint64(i)])
		} else {
			c.SetClock()
			b = c.Bus.MemIn(pa+uint64(i), 1)
		}
		v |= b << (8 * i)
	}
	return v
}

func (c *CPU) storeSlow(la uint64, n int, v uint64) {
	la = c.wrap(la)
	s := c.span(la, n, true)
	c.heed(la, n, true)
	c.writeSpan(s.pa[0], s.ram[0], s.n[0], v)
	if c.armed&cpu.WatchData != 0 {
		c.hits |= c.DataBreaks(la, n, true)
	}
	if s.n[1] > 0 {
		c.writeSpan(s.pa[1], s.ram[1], s.n[1], v>>(8*s.n[0]))
		return
	}
	if e := &c.tlb[la>>12%tlbSize]; s.ram[0] && e.ask == la&^pageMax {
		c.tagWrite(e, s.pa[0])
	}
}

func (c *CPU) writeSpan(pa uint64, ram bool, n int, v uint64) {
	if !ram {
		c.SetClock()
		if n&(n-1) == 0 {
			c.Bus.MemOut(pa, n, v)
			return
		}
		for i := range n {
			c.Bus.MemOut(pa+uint64(i), 1, v>>(8*i)&0xff)
		}
		return
	}
	c.stored(pa, n)
	for i := range n {
		c.Mem.B[pa+uint64(i)] = byte(v >> (8 * i))
	}
}

// stored tells the RAM of a store to [pa, pa+n), and leaves the block where it
// hits code or paging entries.
func (c *CPU) stored(pa uint64, n int) {
	if c.Mem.Flags[pa>>12] == 0 {
		return
	}
	c.Mem.Store(pa, n)
	if len(c.Mem.Hits) != 0 && c.leave == stay {
		c.leave = after
	}
}

// fill translates one access within a page and caches the translation. It
// raises the page fault.
func (c *CPU) fill(la uint64, write bool) (pa uint64, ram bool) {
	if e, page := &c.tlb[la>>12%tlbSize], la&^pageMax; write && e.ask == page || !write && e.r == page {
		c.tagWrite(e, la+e.add)
		return la + e.add, true
	}
	a := cpu.Access(cpu.Read)
	if write {
		a = cpu.Write
	}
	pa, ram = c.translate(la, a)
	if !ram || c.tlb == &c.noTags || c.watched(la) {
		return pa, ram
	}
	e := c.claim(la, pa)
	e.r = la &^ pageMax
	if write {
		e.ask = e.r
	}
	c.tagWrite(e, pa)
	return pa, true
}

// tagWrite lets stores to the page of pa go without asking, if there is
// nothing to tell.
func (c *CPU) tagWrite(e *entry, pa uint64) {
	if c.Mem.Flags[pa>>12] == 0 && e.ask != noPage {
		e.w = e.ask
		if len(c.writers) != len(c.Mem.Flags) {
			c.writers = make([]bool, len(c.Mem.Flags))
		}
		c.writers[pa>>12] = true
	}
}

// claim makes la's entry its own, for the page at pa.
func (c *CPU) claim(la, pa uint64) *entry {
	c.tlbs[c.space].used = true
	e, page := &c.tlb[la>>12%tlbSize], la&^pageMax
	add := pa&^pageMax - page
	if e.r != page && e.x != page || e.add != add {
		*e = entry{noPage, noPage, noPage, noPage, add}
	}
	return e
}

// translate walks the paging structures for one access and marks the lines
// that the translation came through.
func (c *CPU) translate(la uint64, a cpu.Access) (pa uint64, ram bool) {
	w := c.Walk(la, a, c.cpl == 3)
	if len(c.Mem.Hits) != 0 { // an accessed bit stands among code
		c.lookAround()
	}
	if !c.Mem.Has(w.PA&^pageMax, mem.PageBytes) {
		return w.PA, false
	}
	c.Mem.Use(w.PA)
	last := 1
	if c.Long() {
		last = 3
	}
	for i, p := range w.Entries[:w.N] {
		reach := mem.Reach(0)
		switch {
		case i == 0 && c.Long():
			reach = mem.ReachRoot
		case i == last && a != cpu.Exec:
		case la>>63 == 0:
			reach = mem.ReachLow
		default:
			reach = mem.ReachHigh
		}
		if c.Mem.Has(p, 8) && c.Mem.MarkPaging(p, reach) {
			c.dropWrites(p)
		}
	}
	return w.PA, true
}

// dropWrites takes back the right to store to the page of pa without asking.
func (c *CPU) dropWrites(pa uint64) {
	pa &^= pageMax
	if len(c.writers) == 0 || !c.writers[pa>>12] {
		return
	}
	c.writers[pa>>12] = false
	for s := range c.tlbs {
		if !c.tlbs[s].used {
			continue
		}
		for b := range c.tlbs[s].banks {
			for i := range c.tlbs[s].banks[b] {
				if e := &c.tlbs[s].banks[b][i]; e.w != noPage && e.w+e.add == pa {
					e.w = noPage
				}
			}
		}
	}
	if c.fast != nil {
		c.fast.Unwrite(pa)
	}
}

// readBytes and writeBytes move any number of bytes, for wide registers and
// save areas. Both prove the whole range before the first byte moves.
func (c *CPU) readBytes(la uint64, p []byte) {
	c.probe(la, len(p), false)
	for i := range p {
		p[i] = load[uint8](c, c.wrap(la+uint64(i)))
	}
}

func (c *CPU) writeBytes(la uint64, p []byte) {
	c.probe(la, len(p), true)
	for i, b := range p {
		store(c, c.wrap(la+uint64(i)), b)
	}
}

// probe raises what an access to [la, la+n) would raise, and meets its stops,
// so that accesses to its parts are neither interrupted by a fault nor struck.
func (c *CPU) probe(la uint64, n int, write bool) {
	c.reach(la, n, write)
	c.heed(la, n, write)
}

// reach is probe where nothing is accessed afterwards.
func (c *CPU) reach(la uint64, n int, write bool) {
	c.whole(la, n)
	c.align(la, n)
	for end := la + uint64(n); la != end; {
		at := c.wrap(la)
		if e, page := &c.tlb[at>>12%tlbSize], at&^pageMax; e.w != page && (write || e.r != page) {
			c.fill(at, write)
		}
		la += min(mem.PageBytes-la&pageMax, end-la)
	}
}
