package export

import (
	"math"

	"vmrecord/vmm/cpu"
	"vmrecord/vmm/x86"
)

// A prstatus is Linux's struct elf_prstatus of x86-64 (include/linux/elfcore.h),
// with registers as struct user_regs_struct has them.
type prstatus struct {
	Signal, Code, Errno int32
	Current             int16
	_                   [2]byte
	Pending, Held       uint64
	PID, Parent         int32
	Group, Session      int32
	Times               [8]uint64
	R15, R14, R13, R12, RBP, RBX, R11, R10, R9, R8,
	RAX, RCX, RDX, RSI, RDI, OrigRAX, RIP, CS, RFLAGS, RSP, SS,
	FSBase, GSBase, DS, ES, FS, GS uint64
	FPValid int32
	_       [4]byte
}

// status is the processor's registers.
func (c *core) status() []byte {
	s := c.j.m.CPU
	r, sel := &s.R, func(n int) uint64 { return uint64(s.Seg[n].Sel) }
	p := prstatus{PID: c.pid(), OrigRAX: math.MaxUint64, RIP: s.RIP, RFLAGS: s.RFLAGS,
		RAX: r[x86.RAX], RBX: r[x86.RBX], RCX: r[x86.RCX], RDX: r[x86.RDX], RSI: r[x86.RSI], RDI: r[x86.RDI], RBP: r[x86.RBP], RSP: r[x86.RSP],
		R8: r[8], R9: r[9], R10: r[10], R11: r[11], R12: r[12], R13: r[13], R14: r[14], R15: r[15],
		CS: sel(x86.CS), SS: sel(x86.SS), DS: sel(x86.DS), ES: sel(x86.ES), FS: sel(x86.FS), GS: sel(x86.GS),
		FSBase: s.Seg[x86.FS].Base, GSBase: s.Seg[x86.GS].Base, FPValid: 1}
	return packed(p)
}

// pid is the running task's, 0 if nobody knows.
func (c *core) pid() int32 {
	if c.linux == nil {
		return 0
	}
	t, err := c.linux.Current()
	if err != nil {
		return 0
	}
	return int32(t.PID)
}

// An fpregs is struct user_i387_struct of x86-64, the image that FXSAVE stores
// (SDM vol. 1, table 10-2).
type fpregs struct {
	FCW, FSW    uint16
	Used        uint8 // a bit for each physical register that is not empty
	_           uint8
	FOP         uint16
	FIP, FDP    uint64
	MXCSR, Mask uint32
	ST          [8]struct { // from the top of the stack on
		Mant uint64
		SE   uint16
		_    [6]byte
	}
	XMM [16][2]uint64
	_   [96]byte
}

// fpregsOf is a processor's.
func fpregsOf(s *cpu.State) (f fpregs) {
	const empty, mask = 3, 0xffff // all bits of MXCSR that there are
	f = fpregs{FCW: s.FCW, FSW: s.FSW, FOP: s.FOP, FIP: s.FIP, FDP: s.FDP, MXCSR: s.MXCSR, Mask: mask, XMM: s.XMM}
	top := s.FSW >> 11 & 7
	for i := range uint16(8) {
		r := s.FPR[(top+i)&7]
		f.ST[i].Mant, f.ST[i].SE = r.Mant, r.SE
		if s.FTW>>(2*i)&3 != empty {
			f.Used |= 1 << i
		}
	}
	return f
}
