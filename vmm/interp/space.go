package interp

import (
	"vmrecord/vmm/cpu"
	"vmrecord/vmm/mem"
)

// A space is the translations of one address space. They are coherent with the
// paging structures, so they stay true while another one is in use.
type space struct {
	root  uint64 // Core.Root, plus 1; 0: nobody's
	gen   uint32 // of jumps that were found in it
	used  bool   // some entry may be filled
	banks [cpu.Banks][tlbSize]entry
}

func (s *space) clear() {
	if !s.used {
		return
	}
	s.used = false
	for b := range s.banks {
		for i := range s.banks[b] {
			s.banks[b][i] = noEntry()
		}
	}
}

// bankOf is a TLB of the current space.
func (c *CPU) bankOf(bank int) *[tlbSize]entry {
	c.bank = bank
	return &c.tlbs[c.space].banks[bank]
}

// switchSpace makes the address space of CR3 the current one.
func (c *CPU) switchSpace() {
	root := c.Root() + 1
	if c.tlbs[c.space].root == root {
		return
	}
	for i := range c.tlbs {
		if c.tlbs[i].root == root {
			c.enterSpace(i)
			return
		}
	}
	if c.victim++; c.victim%cpu.Spaces == c.space {
		c.victim++
	}
	i := c.victim % cpu.Spaces
	c.dropSpace(i)
	c.tlbs[i].root = root
	c.cache.count++
	c.tlbs[i].gen = c.cache.count
	c.inherit(c.space, i)
	c.enterSpace(i)
}

// inherit gives an empty space the translations that it shares with another
// one: those that come through an entry of the first level that both have,
// marked as accessed, so that nobody can tell that they were not walked for.
// Kernels keep their half of the addresses in all spaces.
func (c *CPU) inherit(from, to int) {
	var slots [8]uint64
	a, b := c.tlbs[from].root-1, c.tlbs[to].root-1
	if !c.Long() || c.tlbs[from].root == 0 || !c.Mem.Has(a, mem.PageBytes) || !c.Mem.Has(b, mem.PageBytes) {
		return
	}
	for k := uint64(256); k < 512; k++ { // the upper half
		if e := c.Mem.B[a+8*k:][:8]; cpu.Walked(e) && string(e) == string(c.Mem.B[b+8*k:][:8]) {
			slots[k/64] |= 1 << (k % 64)
			if c.Mem.MarkPaging(b+8*k, mem.ReachRoot) {
				c.dropWrites(b)
			}
		}
	}
	in := func(tag uint64) bool { k := tag >> 39 & 511; return tag != noPage && slots[k/64]>>(k%64)&1 != 0 }
	for n := range c.tlbs[from].banks {
		for i, e := range c.tlbs[from].banks[n] {
			if in(e.r) || in(e.x) {
				c.tlbs[to].banks[n][i] = e
			}
		}
	}
	c.tlbs[to].used = true
	if c.fast != nil {
		c.fast.Inherit(from, to, &slots)
	}
}

func (c *CPU) enterSpace(i int) {
	c.space, c.cache.gen = i, c.tlbs[i].gen
	c.pickTLB()
}

// forget has no jump found before be trusted any more.
func (c *CPU) forget() {
	for i := range c.tlbs {
		c.cache.count++
		c.tlbs[i].gen = c.cache.count
	}
	c.cache.gen = c.tlbs[c.space].gen
}

// dropStale drops what hangs on paging entries that were stored to. A program that
// ends takes its tables apart, and the first of them soon serves another one: that
// must not cost the kernel its translations.
func (c *CPU) dropStale(lines []uint32) {
	all := mem.Reach(0)
	for _, l := range lines {
		all |= c.Mem.Reach(l)
	}
	if all&mem.ReachHigh != 0 {
		c.Stale = true
		return
	}
	if all&mem.ReachLow != 0 {
		c.dropLow()
	}
	for _, l := range lines {
		for i := range c.tlbs {
			if all&mem.ReachRoot != 0 && (c.tlbs[i].root-1)>>12 == uint64(l>>6) {
				c.dropSpace(i)
			}
		}
		if c.Mem.IsPaging(l) {
			c.dropLine(l)
		}
	}
	if all != 0 {
		c.forget()
	}
}

// dropSpace drops the translations of space i.
func (c *CPU) dropSpace(i int) {
	c.tlbs[i].clear()
	if c.fast != nil {
		c.fast.FlushSpace(i)
	}
}

// dropLow drops the translations of the lower half of addresses, in all spaces:
// those of programs, where kernels have the upper half.
func (c *CPU) dropLow() {
	low := func(tag uint64) bool { return tag != noPage && tag>>63 == 0 }
	for s := range c.tlbs {
		if !c.tlbs[s].used {
			continue
		}
		for b := range c.tlbs[s].banks {
			for i := range c.tlbs[s].banks[b] {
				if e := &c.tlbs[s].banks[b][i]; low(e.r) || low(e.x) {
					*e = noEntry()
				}
			}
		}
	}
	if c.fast != nil {
		c.fast.FlushLow()
	}
}

// flush drops every cached translation.
func (c *CPU) flush() {
	for i := range c.tlbs {
		c.tlbs[i].clear()
		c.tlbs[i].root = 0
	}
	c.tlbs[c.space].root = c.Root() + 1
	c.Mem.ClearPaging()
	c.forget()
	if c.fast != nil {
		c.fast.Flush()
	}
}

// dropLine drops the translations of data that came through paging line l: of
// eight pages each in all that the tables of the last level may map, or of 16
// where entries have four bytes.
func (c *CPU) dropLine(l uint32) {
	entries := uint32(mem.PageBytes / 8) // in a table
	if c.CR4&cpu.CR4PAE == 0 {
		entries *= 2
	}
	inLine := entries / (mem.PageBytes / mem.LineBytes)
	first := l % (mem.PageBytes / mem.LineBytes) * inLine
	for s := range c.tlbs {
		if !c.tlbs[s].used {
			continue
		}
		for b := range c.tlbs[s].banks {
			for i := first; i < tlbSize; i += entries {
				for k := range inLine {
					c.tlbs[s].banks[b][i+k] = noEntry()
				}
			}
		}
	}
	c.Mem.UnmarkPaging(l)
	if c.fast != nil {
		c.fast.DropPages(first, inLine, entries)
	}
}
