package debug

import (
	"cmp"
	"encoding/binary"
	"slices"
	"sort"

	"vmrecord/vmm/cpu"
	"vmrecord/vmm/guestos"
	"vmrecord/vmm/x86"
)

// A Frame is where a function stands. PC is the address behind its call, or where
// Exact is set, of the instruction that is next.
type Frame struct {
	PC, SP, BP uint64
	Exact      bool
}

// Top is the frame of what the processor runs.
func Top(s *cpu.State) Frame {
	return Frame{PC: s.RIP, SP: s.R[x86.RSP], BP: s.R[x86.RBP], Exact: true}
}

// An Unwinder goes from a function to its callers: in the kernel by its own
// tables, in programs from frame pointer to frame pointer (System V ABI, AMD64
// supplement, 3.2.2), as Go has them, and C where it is compiled with
// -fno-omit-frame-pointer.
type Unwinder struct{ rows []orcRow }

// NewUnwinder reads a kernel's tables, and those of the modules that it has now;
// without a kernel it knows programs.
func NewUnwinder(l *guestos.Linux) *Unwinder {
	u := new(Unwinder)
	if l != nil {
		all, _ := l.Modules()
		u.rows = append(orcOf(l), orcOfModules(l, all)...)
		slices.SortStableFunc(u.rows, func(a, b orcRow) int { return cmp.Compare(a.addr, b.addr) })
	}
	return u
}

// Caller is who called, or what was interrupted; false at the end of what is
// known. read reads 8 bytes of memory.
func (u *Unwinder) Caller(f Frame, read func(la uint64) (uint64, bool)) (Frame, bool) {
	if f.PC >= kernelHalf {
		return u.kernel(f, read)
	}
	bp, ok := read(f.BP)
	pc, ok2 := read(f.BP + 8)
	up := f.BP >= f.SP && f.BP%8 == 0 && (bp == 0 || bp > f.BP)
	return Frame{PC: pc, SP: f.BP + 16, BP: bp}, ok && ok2 && up && pc != 0 && pc < kernelHalf
}

// entered is the caller of a program's function that has no frame: its first
// instruction, or its RET, is next.
func entered(f Frame, read func(la uint64) (uint64, bool)) (Frame, bool) {
	pc, ok := read(f.SP)
	return Frame{PC: pc, SP: f.SP + 8, BP: f.BP}, ok && pc != 0 && pc < kernelHalf
}

// kernel goes by the tables.
func (u *Unwinder) kernel(f Frame, read func(la uint64) (uint64, bool)) (Frame, bool) {
	r, ok := u.row(f)
	if !ok {
		return f, false
	}
	sp := f.SP
	switch r.spr {
	case orcSP:
		sp += uint64(r.sp)
	case orcBP:
		sp = f.BP + uint64(r.sp)
	case orcSPMem:
		sp, ok = read(f.SP)
		sp += uint64(r.sp)
	case orcBPMem:
		sp, ok = read(f.BP + uint64(r.sp))
	default:
		return f, false
	}
	get := func(la uint64) (v uint64) {
		if ok {
			v, ok = read(la)
		}
		return v
	}
	n := Frame{SP: sp, BP: f.BP}
	const ( // of struct pt_regs (arch/x86/include/asm/ptrace.h), and of what an interrupt pushes
		bp, ip, stack             = 4 * 8, 16 * 8, 19 * 8
		interrupted, interruptedS = 0, 3 * 8
	)
	switch r.kind {
	case orcRegs:
		return Frame{PC: get(sp + ip), SP: get(sp + stack), BP: get(sp + bp), Exact: true}, ok
	case orcPartial:
		n.PC, n.SP, n.Exact = get(sp+interrupted), get(sp+interruptedS), true
	case orcCall:
		n.PC = get(sp - 8)
	default:
		return f, false
	}
	if r.bpr == orcPrevSP {
		n.BP = get(sp + uint64(r.bp))
	}
	return n, ok
}

// row is what the tables say of a place.
func (u *Unwinder) row(f Frame) (orcRow, bool) {
	pc := f.PC
	if !f.Exact {
		pc--
	}
	i := sort.Search(len(u.rows), func(i int) bool { return u.rows[i].addr > pc })
	if i == 0 || i == len(u.rows) { // behind the last row is nothing
		return orcRow{}, false
	}
	return u.rows[i-1], true
}

func le64(b []byte) uint64 { return binary.LittleEndian.Uint64(b) }

// maxCalls bounds a stack.
const maxCalls = 32

// stack are the callers of what runs; begin: it has no frame.
func (w *prober) stack(c *cpu.State, begin bool) (all []Call) {
	u, f := w.s.unwinder(w.linux), Top(c)
	read := func(la uint64) (uint64, bool) {
		var b [8]byte
		n := w.s.peek(la, b[:])
		return le64(b[:]), n == len(b)
	}
	for len(all) < maxCalls {
		next := u.Caller
		if begin && len(all) == 0 && f.PC < kernelHalf {
			next = entered
		}
		var ok bool
		if f, ok = next(f, read); !ok {
			break
		}
		all = append(all, Call{Hex(f.PC), w.where(f.PC, 1)})
	}
	return all
}

// unwinder is a kernel's, whose tables are read once.
func (s *Session) unwinder(l *guestos.Linux) *Unwinder {
	if s.unwinds == nil || s.unwindsOf != s.guest.kernel {
		s.unwinds, s.unwindsOf = NewUnwinder(l), s.guest.kernel
	}
	return s.unwinds
}
