package cpu

import "vmrecord/vmm/mem"

// A View is memory by linear address, for onlookers: a debugger, probes. It
// sets no accessed or dirty bit, asks no device, and minds no rights; what the
// structures say is the only thing that counts. It is a copy of what it needs
// to know of the processor, and looks at RAM as that is when it is asked.
type View struct{ c Core }

// Look is the view of the address space in use.
func Look(s *State, r *mem.RAM) *View { return &View{Core{State: *s, Mem: r}} }

// LookIn is the view of another one, whose table is where cr3 says, under the
// same form of paging.
func LookIn(s *State, r *mem.RAM, cr3 uint64) *View {
	v := Look(s, r)
	v.c.CR3 = cr3
	if !v.c.Long() && v.c.CR0&CR0PG != 0 && v.c.CR4&CR4PAE != 0 {
		for i := range v.c.PDPTE { // at 32 bytes (SDM vol. 3A, table 4-7)
			v.c.PDPTE[i] = v.c.readEntry(cr3&0xffffffe0+8*uint64(i), 8)
		}
	}
	return v
}

// PA is where a linear address leads; ok is false where nothing is mapped, and
// for addresses that are not canonical.
func (v *View) PA(la uint64) (pa uint64, ok bool) {
	c := &v.c
	switch {
	case c.CR0&CR0PG == 0:
		return la & 0xffffffff, true
	case !c.Long():
		la &= 0xffffffff
	case !Canonical(la):
		return 0, false
	}
	w := c.toWalk(la)
	_, ok = w.form()
	return w.t.PA, ok
}

// Peek reads from la on, and returns how many bytes there were: up to the first
// that is not mapped, or in a page that is not RAM or not known. Outside long mode addresses wrap at 4 GiB.
func (v *View) Peek(la uint64, p []byte) (n int) {
	for n < len(p) {
		pa, ok := v.PA(la + uint64(n))
		k := min(len(p)-n, int(pageMask+1-pa&pageMask))
		if !ok || v.c.Mem.ReadPhys(pa, p[n:n+k]) < k {
			return n
		}
		n += k
	}
	return n
}

// Peek is View.Peek in the address space in use.
func Peek(s *State, r *mem.RAM, la uint64, p []byte) int { return Look(s, r).Peek(la, p) }

// PeekPA is View.PA in the address space in use.
func PeekPA(s *State, r *mem.RAM, la uint64) (pa uint64, ok bool) { return Look(s, r).PA(la) }
