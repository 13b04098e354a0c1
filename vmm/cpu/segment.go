package cpu

// Bits of Segment.Attr.
const (
	AttrType = 0xf
	AttrS    = 1 << 4 // code or data, not system
	AttrDPL  = 3 << 5
	AttrP    = 1 << 7
	AttrL    = 1 << 13 // 64-bit code
	AttrD    = 1 << 14 // 32-bit default
	AttrG    = 1 << 15

	typeAccessed = 1
	typeWritable = 2 // data
	typeReadable = 2 // code
	typeDown     = 4 // expand-down data
	typeConform  = 4 // conforming code
	typeCode     = 8

	typeLDT     = 2
	typeTSS     = 9 // available; +2: busy
	typeTSSBusy = 11
)

// DPL is the descriptor privilege level.
func (s *Segment) DPL() uint8 { return uint8(s.Attr >> 5 & 3) }

func (s *Segment) code() bool       { return s.Attr&(AttrS|typeCode) == AttrS|typeCode }
func (s *Segment) conforming() bool { return s.code() && s.Attr&typeConform != 0 }
func (s *Segment) writable() bool   { return s.Attr&(AttrS|typeCode|typeWritable) == AttrS|typeWritable }
func (s *Segment) present() bool    { return s.Attr&AttrP != 0 }

// Allows tells whether [off, off+n) may be read or written through the
// segment outside 64-bit mode (SDM vol. 3A, 5.3 and 5.5).
func (s *Segment) Allows(off, n uint64, write bool) bool {
	if s.Attr&AttrP == 0 {
		return false
	}
	if s.code() {
		if write || s.Attr&typeReadable == 0 {
			return false
		}
	} else {
		if write && s.Attr&typeWritable == 0 {
			return false
		}
		if s.Attr&typeDown != 0 {
			top := uint64(0xffff)
			if s.Attr&AttrD != 0 {
				top = 0xffffffff
			}
			return off > uint64(s.Limit) && off+n-1 <= top
		}
	}
	return off+n-1 <= uint64(s.Limit)
}

// Fetches tells whether code may be fetched at off outside 64-bit mode.
func (s *Segment) Fetches(off uint64) bool { return off <= uint64(s.Limit) }

// Flat tells that every access through the segment outside 64-bit mode is
// allowed that ends within 4 GiB, and that offsets are linear addresses.
func (s *Segment) Flat() bool { return s.Base == 0 && s.Top() == 0xffffffff }

// Top is the largest offset up to which all may be read and written through
// the segment outside 64-bit mode, -1 if there is none. Where it grows downward
// nothing is promised.
func (s *Segment) Top() int64 {
	if s.Attr&(AttrP|AttrS|typeCode|typeDown|typeWritable) != AttrP|AttrS|typeWritable {
		return -1
	}
	return int64(s.Limit)
}

// decode makes a segment from its selector and descriptor (SDM vol. 3A, 3.4.5).
func decode(sel uint16, d uint64) Segment {
	s := Segment{Sel: sel, Attr: uint16(d >> 40 & 0xf0ff)}
	s.Base = d>>16&0xffffff | d>>56<<24
	s.Limit = uint32(d&0xffff | d>>32&0xf0000)
	if s.Attr&AttrG != 0 {
		s.Limit = s.Limit<<12 | 0xfff
	}
	return s
}

// table is the descriptor table that sel chooses: GDT or LDT. A null LDT has no entries.
func (c *Core) table(sel uint16) (base uint64, limit uint32, ok bool) {
	if sel&4 != 0 {
		return c.LDTR.Base, c.LDTR.Limit, c.LDTR.Sel&^3 != 0
	}
	return c.GDTR.Base, uint32(c.GDTR.Limit), true
}

// descriptor reads a descriptor from GDT or LDT; a selector beyond the table
// raises vector with the selector and ext as code. la is where it stands.
func (c *Core) descriptor(sel uint16, vector uint8, ext uint32) (d, la uint64) {
	base, limit, ok := c.table(sel)
	if !ok || uint32(sel|7) > limit {
		c.Raise(vector, uint32(sel&^3)|ext)
	}
	la = base + uint64(sel&^7)
	return c.ReadSys(la, 8), la
}

// setAccessed writes the accessed bit back to the table; la is 0 for a segment
// that stands in none.
func (c *Core) setAccessed(s *Segment, la uint64) {
	if la != 0 && s.Attr&typeAccessed == 0 {
		s.Attr |= typeAccessed
		c.WriteSys(la+5, 1, uint64(s.Attr&0xff), false)
	}
}

// LoadSeg loads ES, SS, DS, FS or GS in protected or long mode (SDM vol. 2B,
// MOV; vol. 3A, 5.4). A null selector clears the base, as processors do that
// report NullSelClearsBase in CPUID 0x80000021.
func (c *Core) LoadSeg(reg int, sel uint16) {
	c.protectedOnly("segment load")
	cpl, rpl := c.CPL(), uint8(sel&3)
	if sel&^3 == 0 {
		if reg == segSS && (!c.Code64() || cpl == 3 || rpl != cpl) {
			c.GP(0)
		}
		c.Seg[reg], c.Recode = Segment{Sel: sel}, true
		if reg == segSS {
			c.Seg[reg].Attr = uint16(cpl) << 5
		}
		return
	}
	d, la := c.descriptor(sel, GP, 0)
	s := decode(sel, d)
	bad := s.Attr&AttrS == 0
	if reg == segSS {
		bad = bad || rpl != cpl || s.DPL() != cpl || !s.writable()
	} else {
		bad = bad || s.code() && s.Attr&typeReadable == 0 ||
			!s.conforming() && (rpl > s.DPL() || cpl > s.DPL())
	}
	if bad {
		c.GP(uint32(sel &^ 3))
	}
	if !s.present() {
		v := uint8(NP)
		if reg == segSS {
			v = SS
		}
		c.Raise(v, uint32(sel&^3))
	}
	c.setAccessed(&s, la)
	c.Seg[reg] = s
	c.Recode = true
}

// SetCS makes s the code segment and asks for the mode to be looked at.
func (c *Core) SetCS(s Segment) { c.Seg[segCS] = s; c.Recode = true }

// LoadSystem loads LDTR or TR from the GDT (SDM vol. 2A, LLDT, LTR).
func (c *Core) LoadSystem(tr bool, sel uint16) {
	if sel&^3 == 0 {
		if tr {
			c.GP(0)
		}
		c.LDTR = Segment{Sel: sel}
		return
	}
	n := uint16(7)
	if c.Long() {
		n = 15
	}
	if sel&4 != 0 || uint32(sel&^7)+uint32(n) > uint32(c.GDTR.Limit) {
		c.GP(uint32(sel &^ 3))
	}
	d, la := c.descriptor(sel, GP, 0)
	s := decode(sel, d)
	typ := s.Attr & (AttrS | AttrType)
	if !tr && typ != typeLDT || tr && typ != typeTSS && (typ != typeTSS16 || c.Long()) {
		c.GP(uint32(sel &^ 3))
	}
	if !s.present() {
		c.Raise(NP, uint32(sel&^3))
	}
	if c.Long() {
		s.Base |= c.ReadSys(la+8, 4) << 32
	}
	if !tr {
		c.LDTR = s
		return
	}
	s.Attr |= 2
	c.WriteSys(la+5, 1, uint64(s.Attr&0xff), false)
	c.TR = s
}

// protectedOnly stops the machine in real mode, whose segments are not built yet.
func (c *Core) protectedOnly(what string) {
	if c.CR0&CR0PE == 0 {
		c.Unbuilt(what + " in real mode")
	}
}

// Unbuilt is the panic of a Core asked for what is not modelled: the machine
// stops and says so, the guest sees nothing.
type Unbuilt string

func (u Unbuilt) Error() string { return "cpu: " + string(u) + " is not modelled" }

// Unbuilt stops the machine.
func (c *Core) Unbuilt(what string) { panic(Unbuilt(what)) }

// Inspect is LAR and LSL: a descriptor's access rights and limit, if the
// selector may be seen from here (SDM vol. 2A, LAR, LSL).
func (c *Core) Inspect(sel uint16, limit bool) (rights, bytes uint64, ok bool) {
	d, ok := c.visible(sel)
	if !ok {
		return 0, 0, false
	}
	s := decode(sel, d)
	if s.Attr&AttrS == 0 {
		valid := uint32(1<<2 | 1<<9 | 1<<11) // LDT, TSS
		if !limit {
			valid |= 1 << 12 // call gate
		}
		if !c.Long() {
			valid |= 1<<1 | 1<<3
			if !limit {
				valid |= 1<<4 | 1<<5
			}
		}
		if valid>>(s.Attr&AttrType)&1 == 0 {
			return 0, 0, false
		}
	}
	if !c.reaches(&s) {
		return 0, 0, false
	}
	return d >> 32 & 0xffff00, uint64(s.Limit), true
}

// Verify is VERR and VERW.
func (c *Core) Verify(sel uint16, write bool) bool {
	d, ok := c.visible(sel)
	if !ok {
		return false
	}
	s := decode(sel, d)
	if s.Attr&AttrS == 0 || !c.reaches(&s) {
		return false
	}
	if write {
		return s.writable()
	}
	return !s.code() || s.Attr&typeReadable != 0
}

func (c *Core) reaches(s *Segment) bool {
	return s.conforming() || s.DPL() >= max(c.CPL(), uint8(s.Sel&3))
}

// visible reads a descriptor; false where the selector is null or beyond its table.
func (c *Core) visible(sel uint16) (d uint64, ok bool) {
	base, limit, ok := c.table(sel)
	if !ok || sel&^3 == 0 || uint32(sel|7) > limit {
		return 0, false
	}
	return c.ReadSys(base+uint64(sel&^7), 8), true
}
