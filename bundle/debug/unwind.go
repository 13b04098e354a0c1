package debug

import (
	"encoding/binary"
	"sort"

	"vmrecord/vmm/cpu"
	"vmrecord/vmm/guestos"
)

// maxCalls bounds a stack.
const maxCalls = 32

// An unwinder goes from a function to its callers: in the kernel by its own
// tables, in programs from frame pointer to frame pointer, as Go has them, and C
// where it is compiled with -fno-omit-frame-pointer.
type unwinder struct {
	rows       []orcRow
	read       func(la uint64, p []byte) int
	ip, sp, bp uint64
	call       bool // ip is where a call returns to
	begin      bool // ip is a function's first instruction, or its return
}

func le64(b []byte) uint64 { return binary.LittleEndian.Uint64(b) }

// word reads eight bytes.
func (u *unwinder) word(la uint64) (uint64, bool) {
	var b [8]byte
	n := u.read(la, b[:])
	return le64(b[:]), n == len(b)
}

// callers lists where functions return to, the nearest first.
func (u *unwinder) callers() (all []uint64) {
	for len(all) < maxCalls {
		next := u.program
		if u.ip >= kernelHalf {
			next = u.kernel
		}
		if !next() || u.ip == 0 {
			break
		}
		all = append(all, u.ip)
	}
	return all
}

// program goes to a program's caller. Frames lie one above the other.
func (u *unwinder) program() (ok bool) {
	if u.begin {
		u.begin = false
		if u.ip, ok = u.word(u.sp); ok {
			u.sp += 8
		}
		return ok && u.ip < kernelHalf
	}
	at := u.bp
	if at < u.sp || at%8 != 0 {
		return false
	}
	bp, ok := u.word(at)
	if u.ip, _ = u.word(at + 8); !ok || u.ip >= kernelHalf {
		return false
	}
	u.sp, u.bp = at+16, bp
	return true
}

// kernel goes to the kernel's caller, or to what an interrupt or a system call
// came from.
func (u *unwinder) kernel() bool {
	la := u.ip
	if u.call {
		la--
	}
	i := sort.Search(len(u.rows), func(i int) bool { return u.rows[i].addr > la }) - 1
	if i < 0 {
		return false
	}
	r, ok := u.rows[i], true
	cfa := u.sp
	switch r.spr {
	case orcSP:
		cfa += uint64(int64(r.sp))
	case orcBP:
		cfa = u.bp + uint64(int64(r.sp))
	case orcSPMem:
		cfa, ok = u.word(u.sp)
		cfa += uint64(int64(r.sp))
	case orcBPMem:
		cfa, ok = u.word(u.bp + uint64(int64(r.sp)))
	default:
		return false
	}
	if !ok {
		return false
	}
	switch r.kind {
	case orcCall:
		return u.returned(cfa, r)
	case orcRegs:
		return u.interrupted(cfa)
	}
	return false
}

// returned is behind a call's frame.
func (u *unwinder) returned(cfa uint64, r orcRow) (ok bool) {
	if u.ip, ok = u.word(cfa - 8); !ok {
		return false
	}
	if r.bpr == orcPrevSP {
		u.bp, ok = u.word(cfa + uint64(int64(r.bp)))
	}
	u.sp, u.call, u.begin = cfa, true, false
	return ok
}

// interrupted is what a pt_regs says (arch/x86/include/asm/ptrace.h).
func (u *unwinder) interrupted(at uint64) bool {
	const bp, ip, sp, words = 4, 16, 19, 21
	var b [8 * words]byte
	if u.read(at, b[:]) < len(b) {
		return false
	}
	u.ip, u.sp, u.bp = le64(b[8*ip:]), le64(b[8*sp:]), le64(b[8*bp:])
	u.call, u.begin = false, false
	return true
}

// stack are the callers of what runs.
func (w *prober) stack(c *cpu.State, begin bool) (all []Call) {
	u := unwinder{read: w.peek, ip: c.RIP, sp: c.R[4], bp: c.R[5], begin: begin}
	if w.linux != nil {
		u.rows = w.s.orc(w.linux)
	}
	for _, la := range u.callers() {
		all = append(all, Call{Hex(la), w.where(la, 1)})
	}
	return all
}

// orc is a kernel's table, which is read once.
func (s *Session) orc(l *guestos.Linux) []orcRow {
	if s.rowsOf != s.guest.kernel {
		s.rows, s.rowsOf = orcOf(l), s.guest.kernel
	}
	return s.rows
}
