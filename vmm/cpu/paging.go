package cpu

import "encoding/binary"

// An Access is what a translation is for.
type Access uint8

const (
	Read Access = iota
	Write
	Exec
)

// PhysBits is the width of a physical address, as CPUID 0x80000008 says.
const PhysBits = 40

const pageMask = 0xfff

// Bits of a paging entry (SDM vol. 3A, tables 4-14 to 4-19).
const (
	pteP  = 1 << 0
	pteW  = 1 << 1
	pteU  = 1 << 2
	pteA  = 1 << 5
	pteD  = 1 << 6
	ptePS = 1 << 7
	pteNX = 1 << 63

	pteAddr = (1<<PhysBits - 1) &^ pageMask
	pteRsvd = (1<<52 - 1) &^ (1<<PhysBits - 1)

	pteRsvdPAE = 0x7ff << 52 // ignored in 4-level paging
	pdeRsvdPSE = 1 << 21     // of a 4-MByte page
)

// Bits of a page fault's error code (SDM vol. 3A, figure 4-12).
const (
	pfP    = 1 << 0
	pfW    = 1 << 1
	pfU    = 1 << 2
	pfRsvd = 1 << 3
	pfI    = 1 << 4
)

// A Translation is where a linear address leads, and the physical addresses of
// the paging entries that said so.
type Translation struct {
	PA      uint64
	Entries [4]uint64
	N       int
}

// Canonical tells whether bits 63:47 of a linear address are equal.
func Canonical(la uint64) bool { return uint64(int64(la<<16)>>16) == la }

// Walked tells that a paging entry is present and was walked through.
func Walked(e []byte) bool { return e[0]&(pteP|pteA) == pteP|pteA }

// A level of paging structures: where the index stands in the linear address,
// and whether an entry may map a large page there.
type level struct {
	shift uint
	large bool
}

// The three forms of paging (SDM vol. 3A, 4.3-4.5); PAE's first level stands in registers.
func longLevels() [4]level   { return [...]level{{39, false}, {30, true}, {21, true}, {12, false}} }
func paeLevels() [2]level    { return [...]level{{21, true}, {12, false}} }
func legacyLevels() [2]level { return [...]level{{22, true}, {12, false}} }

// form walks the structures of the current mode.
func (w *walk) form() (code uint32, ok bool) {
	c := w.c
	switch {
	case c.Long():
		l := longLevels()
		return w.down(c.CR3&pteAddr, l[:], 8)
	case c.CR4&CR4PAE != 0:
		e, l := c.PDPTE[w.la>>30&3], paeLevels()
		if e&pteP == 0 {
			return 0, false
		}
		w.rsvd |= pteRsvdPAE
		return w.down(e&pteAddr, l[:], 8)
	}
	l := legacyLevels()
	w.rsvd = 0
	return w.down(c.CR3&0xfffff000, l[:], 4)
}

// Walk translates one access and sets accessed and dirty bits, both only when
// the access is allowed (SDM vol. 3A, 4.8). It raises #PF, and #GP(0) for a
// non-canonical address. A supervisor's access is explicit, so that RFLAGS.AC
// opens SMAP to it, unless it is made in ring 3.
func (c *Core) Walk(la uint64, a Access, user bool) Translation {
	return c.walk(la, a, user, c.RFLAGS&FlagAC != 0 && c.CPL() != 3)
}

// walk is Walk; open lets a supervisor's data access past SMAP.
func (c *Core) walk(la uint64, a Access, user, open bool) (t Translation) {
	if c.CR0&CR0PG == 0 {
		t.PA = la & 0xffffffff
		return t
	}
	fault := uint32(0)
	if user {
		fault |= pfU
	}
	if a == Write {
		fault |= pfW
	}
	if a == Exec && (c.EFER&EFERNXE != 0 && c.CR4&CR4PAE != 0 || c.CR4&CR4SMEP != 0) {
		fault |= pfI
	}
	w := c.toWalk(la)
	if c.Long() && !Canonical(la) {
		c.Fault = Fault{Vector: GP, NonCanon: true}
		panic(&c.Fault)
	}
	code, ok := w.form()
	if !ok {
		c.pageFault(la, fault|code)
	}
	if !c.allowed(&w, a, user, open) {
		c.pageFault(la, fault|pfP)
	}
	w.touch(a)
	return w.t
}

// toWalk is a walk that has not begun.
func (c *Core) toWalk(la uint64) walk {
	w := walk{c: c, la: la, rights: pteW | pteU, rsvd: pteRsvd}
	if c.EFER&EFERNXE == 0 {
		w.rsvd |= pteNX
	}
	return w
}

// pageFault raises #PF; CR2 is written on delivery.
func (c *Core) pageFault(la uint64, code uint32) {
	c.Fault = Fault{Vector: PF, Code: code, Addr: la}
	panic(&c.Fault)
}

// allowed applies the access rights gathered on the way (SDM vol. 3A, 4.6.1).
func (c *Core) allowed(w *walk, a Access, user, open bool) bool {
	switch {
	case a != Exec && !user && !open && c.CR4&CR4SMAP != 0 && w.rights&pteU != 0:
		return false
	case user && w.rights&pteU == 0:
		return false
	case a == Write && w.rights&pteW == 0 && (user || c.CR0&CR0WP != 0):
		return false
	case a == Exec && w.nx:
		return false
	case a == Exec && !user && c.CR4&CR4SMEP != 0 && w.rights&pteU != 0:
		return false
	}
	return true
}

// A walk is a translation on its way down.
type walk struct {
	c      *Core
	la     uint64
	rights uint64 // pteW and pteU, as all levels allow
	nx     bool
	rsvd   uint64
	t      Translation
	entry  [4]uint64
	size   int // of an entry, in bytes
}

// down follows the levels; ok is false with the error code's P and RSVD bits
// where an entry is missing or malformed.
func (w *walk) down(table uint64, levels []level, size int) (code uint32, ok bool) {
	w.size = size
	index := uint64(4096/size - 1)
	for i, l := range levels {
		pa := table + (w.la>>l.shift&index)*uint64(size)
		e := w.c.readEntry(pa, size)
		if e&pteP == 0 {
			return 0, false
		}
		w.t.Entries[i], w.entry[i], w.t.N = pa, e, i+1
		leaf, rsvd := l.shift == 12, w.rsvd
		if e&ptePS != 0 && !leaf {
			leaf = l.large && (size == 8 || w.c.CR4&CR4PSE != 0)
			switch {
			case leaf && size == 8:
				rsvd |= 1<<l.shift - 1<<13
			case leaf:
				rsvd |= pdeRsvdPSE
			case !leaf && size == 8:
				rsvd |= ptePS
			}
		}
		if e&rsvd != 0 {
			return pfP | pfRsvd, false
		}
		w.rights &= e
		w.nx = w.nx || size == 8 && e&pteNX != 0
		if leaf {
			w.t.PA = w.base(e, l.shift) | w.la&(1<<l.shift-1)
			return 0, true
		}
		table = e & pteAddr
		if size == 4 {
			table = e & 0xfffff000
		}
	}
	return 0, false
}

// base is the page's physical address in a leaf entry. A 4-MByte page keeps
// address bits 39:32 in entry bits 20:13 (SDM vol. 3A, table 4-4).
func (w *walk) base(e uint64, shift uint) uint64 {
	if w.size == 4 && shift == 22 {
		return e&0xffc00000 | e>>13&0xff<<32
	}
	return e & pteAddr &^ (1<<shift - 1)
}

// touch sets A in every entry, and D in the last for a write.
func (w *walk) touch(a Access) {
	for i := range w.t.N {
		e := w.entry[i] | pteA
		if a == Write && i == w.t.N-1 {
			e |= pteD
		}
		if e == w.entry[i] {
			continue
		}
		if m := w.c.Mem; m.Has(w.t.Entries[i], w.size) {
			w.c.keep(w.t.Entries[i], 1)
			m.StoreAD(w.t.Entries[i])
			m.B[w.t.Entries[i]] = byte(e)
		}
	}
}

// readEntry reads a paging entry; outside RAM the bus floats.
func (c *Core) readEntry(pa uint64, size int) uint64 {
	if !c.Mem.Has(pa, size) {
		return 1<<(8*size) - 1
	}
	c.Mem.Use(pa)
	if size == 4 {
		return uint64(binary.LittleEndian.Uint32(c.Mem.B[pa:]))
	}
	return binary.LittleEndian.Uint64(c.Mem.B[pa:])
}

// ReadSys reads n bytes, at most 8, at a linear address with supervisor
// rights: descriptor tables, task state. These are implicit accesses: SMAP
// stands whatever RFLAGS.AC is (SDM vol. 3A, 4.6.1).
func (c *Core) ReadSys(la uint64, n int) uint64 {
	if c.CR4&CR4SMAP != 0 && c.RFLAGS&FlagAC != 0 {
		c.walk(la, Read, false, false)
		c.walk(la+uint64(n)-1, Read, false, false)
	}
	return c.read(la, n, false)
}

// read reads n bytes, at most 8, at a linear address; user says with whose rights.
func (c *Core) read(la uint64, n int, user bool) (v uint64) {
	if la&pageMask+uint64(n) > pageMask+1 {
		k := int(pageMask + 1 - la&pageMask)
		return c.read(la, k, user) | c.read(la+uint64(k), n-k, user)<<(8*k)
	}
	pa := c.Walk(la, Read, user).PA
	c.meet(la, n, false)
	if !c.Mem.Has(pa, n) {
		c.Bus.SetClock()
		for i := range n {
			v |= c.Bus.MemIn(pa+uint64(i), 1) << (8 * i)
		}
		return v
	}
	c.Mem.Use(pa)
	var b [8]byte
	copy(b[:n], c.Mem.B[pa:])
	return binary.LittleEndian.Uint64(b[:])
}

// WriteSys writes n bytes, at most 8, at a linear address; user says with whose rights.
func (c *Core) WriteSys(la uint64, n int, v uint64, user bool) {
	if la&pageMask+uint64(n) > pageMask+1 {
		k := int(pageMask + 1 - la&pageMask)
		c.Walk(la+uint64(k), Write, user)
		c.WriteSys(la, k, v, user)
		c.WriteSys(la+uint64(k), n-k, v>>(8*k), user)
		return
	}
	pa := c.Walk(la, Write, user).PA
	c.meet(la, n, true)
	if !c.Mem.Has(pa, n) {
		c.Bus.SetClock()
		for i := range n {
			c.Bus.MemOut(pa+uint64(i), 1, v>>(8*i)&0xff)
		}
		return
	}
	c.keep(pa, n)
	c.Mem.Use(pa)
	if c.Mem.Flags[pa>>12] != 0 {
		c.Mem.Store(pa, n)
	}
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], v)
	copy(c.Mem.B[pa:], b[:n])
}

// keep tells the Watcher that n bytes of RAM change.
func (c *Core) keep(pa uint64, n int) {
	if c.Watcher != nil {
		c.Watcher.Keep(pa, n)
	}
}
