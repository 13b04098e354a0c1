package guestos

import (
	"encoding/binary"
	"fmt"
	"math"
	"strings"

	"vmrecord/vmm/cpu"
)

// A Memory is what a guest's RAM holds at one instant.
type Memory interface {
	// ReadPhys copies from physical address pa and tells how many bytes of p
	// there were. It has no side effect.
	ReadPhys(pa uint64, p []byte) int
}

// A Partial is a Memory that does not hold all.
type Partial interface {
	// Lacks tells whether the content at a physical address is not known.
	Lacks(pa uint64) bool
}

// NotHere is what is said of memory that a Partial lacks.
const NotHere = "not in this bundle (L1), ask for L2"

// RAM is guest memory as a slice of bytes, by physical address.
type RAM []byte

// ReadPhys implements Memory.
func (r RAM) ReadPhys(pa uint64, p []byte) int {
	if pa >= uint64(len(r)) {
		return 0
	}
	return copy(p, r[pa:])
}

// Registers are those of the processor that say where its kernel is.
type Registers struct {
	RIP, CR3, CR4, EFER  uint64
	IDTR                 uint64 // the base
	LSTAR                uint64 // where SYSCALL enters the kernel
	GSBase, KernelGSBase uint64 // one of them is the kernel's
}

// Of takes the registers from a processor's state.
func Of(s *cpu.State) Registers {
	return Registers{RIP: s.RIP, CR3: s.CR3, CR4: s.CR4, EFER: s.EFER, IDTR: s.IDTR.Base, LSTAR: s.LSTAR,
		GSBase: s.Seg[gs].Base, KernelGSBase: s.KernelGSBase}
}

const gs = 5 // the segment register's number

const (
	pageBytes = 4096
	la57      = 1 << 12           // CR4: paging has five levels
	lma       = 1 << 10           // EFER: 64-bit mode
	physMask  = 1<<52 - pageBytes // of CR3 and of paging entries
)

// A space is a linear address space: memory through page tables of four or
// five levels (SDM vol. 3A, 4.5).
type space struct {
	mem    Memory
	cr3    uint64
	levels int
}

func newSpace(m Memory, cr3, cr4 uint64) space {
	s := space{mem: m, cr3: cr3 & physMask, levels: 4}
	if cr4&la57 != 0 {
		s.levels = 5
	}
	return s
}

// phys translates an address. run is the number of bytes from there to the end
// of its page; of the largest page there would be if ok is false, or to the next
// canonical address.
func (s space) phys(la uint64) (pa, run uint64, ok bool) {
	const present, large = 1, 1 << 7
	table, width := s.cr3, 12+9*s.levels
	if top := int64(la) >> (width - 1); top != 0 && top != -1 { // not canonical
		return 0, math.MaxUint64<<(width-1) - la, false
	}
	for shift := width - 9; ; shift -= 9 {
		var b [8]byte
		run = 1<<shift - la&(1<<shift-1)
		if s.mem.ReadPhys(table+la>>shift&511*8, b[:]) < len(b) {
			return 0, run, false
		}
		e := le64(b[:])
		switch {
		case e&present == 0:
			return 0, run, false
		case shift == 12 || e&large != 0 && shift <= 30:
			return e&physMask&^(1<<shift-1) + la&(1<<shift-1), run, true
		}
		table = e & physMask
	}
}

// read copies what is mapped from la on, up to the first byte that is not, and
// tells how much that was.
func (s space) read(la uint64, p []byte) (n int) {
	for n < len(p) {
		pa, run, ok := s.phys(la + uint64(n))
		if !ok {
			return n
		}
		want := p[n:]
		if uint64(len(want)) > run {
			want = want[:run]
		}
		got := s.mem.ReadPhys(pa, want)
		if n += got; got < len(want) {
			return n
		}
	}
	return n
}

// maxReads bounds what one question about a guest costs, whatever is in memory.
const maxReads = 1 << 22

// A reader reads values, and keeps the first error: after it all are zero.
type reader struct {
	space
	err   error
	reads int
}

// more counts a read, and tells whether it may be done.
func (r *reader) more() bool {
	if r.reads++; r.reads > maxReads {
		r.fail("more than %d things to read: the guest's memory is damaged", maxReads)
	}
	return r.err == nil
}

func (r *reader) fail(format string, arg ...any) {
	if r.err == nil {
		r.err = fmt.Errorf(format, arg...)
	}
}

// none fails for want of memory at la.
func (r *reader) none(la uint64) {
	if m, ok := r.mem.(Partial); ok {
		if pa, _, ok := r.phys(la); ok && m.Lacks(pa) {
			r.fail("%#x is %s", la, NotHere)
			return
		}
	}
	r.fail("no memory at %#x", la)
}

// bytes reads exactly n bytes, which the caller has bounded.
func (r *reader) bytes(la uint64, n int) []byte {
	p := make([]byte, n)
	if !r.more() {
		return p
	}
	if got := r.read(la, p); got < n {
		r.none(la + uint64(got))
		clear(p)
	}
	return p
}

// num reads a little-endian number of 1, 2, 4 or 8 bytes.
func (r *reader) num(la uint64, size int) uint64 {
	var b [8]byte
	if n := min(size, len(b)); r.more() && r.read(la, b[:n]) < n {
		r.none(la)
		return 0
	}
	return le64(b[:])
}

func (r *reader) u64(la uint64) uint64 { return r.num(la, 8) }

// text reads a string that ends with a zero byte, or after limit bytes.
func (r *reader) text(la uint64, limit int) string {
	if !r.more() {
		return ""
	}
	p := make([]byte, limit)
	n := r.read(la, p)
	if n == 0 {
		r.fail("no text at %#x", la)
	}
	return cstring(p[:n])
}

// le64 is the little-endian number that b begins with.
func le64(b []byte) uint64 { return binary.LittleEndian.Uint64(b) }

// nameOf is cstring for the name of a symbol or type, which is all of visible ASCII: what
// a kernel that means harm has otherwise stands as '?', so that a terminal shows it.
func nameOf(b []byte) string {
	return strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' {
			return '?'
		}
		return r
	}, cstring(b))
}

// cstring is the text before the first zero byte.
func cstring(b []byte) string {
	for i, c := range b {
		if c == 0 {
			return string(b[:i])
		}
	}
	return string(b)
}
