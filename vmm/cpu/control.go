package cpu

import (
	"crypto/sha256"
	"encoding/binary"
)

// The bits that exist. Setting any other raises #GP(0), but for those in the low
// half of CR0, which stay zero (SDM vol. 2B, MOV to CR; vol. 3A, 2.5).
const (
	cr0Bits = CR0PE | CR0MP | CR0EM | CR0TS | CR0ET | CR0NE | CR0WP | CR0AM | CR0NW | CR0CD | CR0PG
	cr4Bits = CR4TSD | CR4DE | CR4PSE | CR4PAE | CR4MCE | CR4PGE | CR4PCE | CR4OSFXSR | CR4OSXMMEXCPT |
		CR4UMIP | CR4FSGSBASE | CR4PCIDE | CR4OSXSAVE | CR4SMEP | CR4SMAP
	eferBits = EFERSCE | EFERLME | EFERLMA | EFERNXE | EFERFFXSR | EFERAIBRS
)

// Cold puts the processor into the state of a cold reset (SDM vol. 3A, table
// 9-1), with the generator behind RDRAND seeded.
func (s *State) Cold(seed uint64) {
	*s = State{RIP: 0xfff0, RFLAGS: 2, CR0: CR0ET | CR0NW | CR0CD, FCW: 0x40, FTW: 0x5555, MXCSR: 0x1f80, XCR0: 1}
	s.R[2] = signature
	for i := range s.Seg {
		s.Seg[i] = Segment{Attr: AttrP | AttrS | typeWritable | typeAccessed, Limit: 0xffff}
	}
	s.Seg[segCS] = Segment{Sel: 0xf000, Base: 0xffff0000, Limit: 0xffff, Attr: AttrP | AttrS | typeCode | typeReadable | typeAccessed}
	s.LDTR = Segment{Attr: AttrP | typeLDT, Limit: 0xffff}
	s.TR = Segment{Attr: AttrP | typeTSSBusy, Limit: 0xffff}
	s.GDTR.Limit, s.IDTR.Limit = 0xffff, 0xffff
	s.DR[6], s.DR[7] = dr6Ones, dr7Ones
	s.PAT = 0x0007040600070406
	for i := range s.Rand { // splitmix64
		seed += 0x9e3779b97f4a7c15
		z := (seed ^ seed>>30) * 0xbf58476d1ce4e5b9
		z = (z ^ z>>27) * 0x94d049bb133111eb
		s.Rand[i] = z ^ z>>31
	}
}

// Stir makes the generator behind RDRAND another one: its new state is the
// SHA-256 of the old one, low bytes first, and of entropy. That it be all zeros,
// which xoshiro256** must not be, nobody can bring about.
func (s *State) Stir(entropy []byte) {
	var b []byte
	for _, v := range s.Rand {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	h := sha256.Sum256(append(b, entropy...))
	for i := range s.Rand {
		s.Rand[i] = binary.LittleEndian.Uint64(h[8*i:])
	}
}

// SetCR0 is MOV CR0 (SDM vol. 2B, MOV to CR; vol. 3A, 9.8.5: long mode is not
// entered from a segment with L set, nor with a 16-bit task state segment).
func (c *Core) SetCR0(v uint64) {
	high := v >> 32
	v = v&cr0Bits | CR0ET
	if high != 0 || v&(CR0PG|CR0PE) == CR0PG || v&(CR0NW|CR0CD) == CR0NW {
		c.GP(0)
	}
	on, was := v&CR0PG != 0, c.CR0&CR0PG != 0
	if on && !was {
		if c.EFER&EFERLME != 0 {
			if c.CR4&CR4PAE == 0 || c.Seg[segCS].Attr&AttrL != 0 || c.TR.Attr&AttrType&^2 == typeTSS16 {
				c.GP(0)
			}
			c.EFER |= EFERLMA
		}
	}
	if on && !c.Long() && c.CR4&CR4PAE != 0 && (v^c.CR0)&(CR0PG|CR0CD|CR0NW) != 0 {
		c.loadPDPTEs(c.CR3)
	}
	if !on && was {
		if c.Code64() || c.CR4&CR4PCIDE != 0 {
			c.GP(0)
		}
		c.EFER &^= EFERLMA
	}
	c.Stale = c.Stale || (v^c.CR0)&(CR0PG|CR0WP|CR0PE) != 0
	c.CR0 = v
	c.Recode = true
}

// cr3NoFlush in a value for CR3 spares the translations of its PCID. It is not
// stored, and reserved without CR4.PCIDE (SDM vol. 3A, 4.10.4.1).
const cr3NoFlush = 1 << 63

// SetCR3 is MOV CR3.
func (c *Core) SetCR3(v uint64) {
	if c.Long() {
		if c.CR4&CR4PCIDE != 0 {
			v &^= cr3NoFlush
		}
		if v>>PhysBits != 0 {
			c.GP(0)
		}
	} else {
		v &= 0xffffffff
		if c.CR0&CR0PG != 0 && c.CR4&CR4PAE != 0 {
			c.loadPDPTEs(v)
		}
	}
	// the same structures again leave every translation as it was, but for PAE's
	// first level, which is not looked at until then
	c.Stale = c.Stale || !c.Long() && c.CR4&CR4PAE != 0
	c.Switched = c.Switched || (v^c.CR3)&pteAddr != 0
	c.CR3 = v
}

// loadPDPTEs loads PAE paging's first level, for MOV CR3 and for changes of
// some bits in CR0 and CR4 (SDM vol. 3A, 4.4.1).
func (c *Core) loadPDPTEs(cr3 uint64) {
	var p [4]uint64
	for i := range p {
		p[i] = c.readEntry(cr3&0xffffffe0+uint64(8*i), 8)
		if p[i]&pteP != 0 && p[i]&(pteRsvd|0x1e6|0xfff<<52) != 0 {
			c.GP(0)
		}
	}
	c.PDPTE = p
}

// SetCR4 is MOV CR4. PCIDs begin in long mode, with PCID 0 (SDM vol. 3A, 4.10.1).
func (c *Core) SetCR4(v uint64) {
	if v&^cr4Bits != 0 || c.Long() && v&CR4PAE == 0 {
		c.GP(0)
	}
	if v&^c.CR4&CR4PCIDE != 0 && (!c.Long() || c.CR3&pageMask != 0) {
		c.GP(0)
	}
	const reload = CR4PAE | CR4PGE | CR4PSE | CR4SMEP
	if !c.Long() && c.CR0&CR0PG != 0 && v&CR4PAE != 0 && (v^c.CR4)&reload != 0 {
		c.loadPDPTEs(c.CR3)
	}
	c.Stale = c.Stale || (v^c.CR4)&(CR4PAE|CR4PSE|CR4SMEP) != 0
	c.CR4 = v
	c.Recode = true
}

// INVPCID is the checks of the instruction: the kind of invalidation, the
// descriptor's PCID with reserved bits above it, and its address. There is
// nothing to invalidate (SDM vol. 2A, INVPCID; APM vol. 3).
func (c *Core) INVPCID(kind, pcid, la uint64) {
	const oneAddress, onePCID = 0, 1
	if pcid>>12 != 0 || kind <= onePCID && pcid != 0 && c.CR4&CR4PCIDE == 0 || kind == oneAddress && !Canonical(la) {
		c.GP(0)
	}
}

// setEFER is WRMSR to EFER (SDM vol. 3A, 2.2.1).
func (c *Core) setEFER(v uint64) {
	if v&^eferBits != 0 || (v^c.EFER)&EFERLME != 0 && c.CR0&CR0PG != 0 {
		c.GP(0)
	}
	c.EFER = v&^EFERLMA | c.EFER&EFERLMA
	c.Stale, c.Recode = true, true
}

// Root is the physical address of the paging structures. In PAE paging it does
// not tell all.
func (c *Core) Root() uint64 { return c.CR3 & pteAddr }
