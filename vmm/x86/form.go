package x86

//go:generate go run ./internal/isagen/gen

// A Sem names the routine that carries an instruction out. Forms that differ
// only in operands share one.
type Sem uint16

// String is the name used in isa.txt.
func (s Sem) String() string { return semNames[s] }

// A Feature is the CPUID feature without which a form raises #UD; FeatNone
// forms are in every x86-64 processor.
type Feature uint8

// String is the name used in isa.txt.
func (f Feature) String() string { return featureNames[f] }

// An Attr holds what else a row says about its form.
type Attr uint32

const (
	AttrLock   Attr = 1 << iota // LOCK is legal with a memory destination
	AttrRep                     // F2 and F3 repeat rCX times
	AttrRepc                    // F3 repeats while equal, F2 while not equal
	AttrPriv                    // #GP(0) unless CPL is 0
	AttrPrivud                  // #UD unless CPL is 0
	AttrPm                      // #UD in real and virtual-8086 mode
	AttrSys                     // not testable in user mode against another processor
	AttrI64                     // invalid in 64-bit mode: Decode gives SemUd
	AttrO64                     // valid in 64-bit mode only: Decode gives SemUd elsewhere
	AttrD64                     // operand size defaults to 64 bits in 64-bit mode; 66 makes it 16
	AttrF64                     // operand size is always 64 bits in 64-bit mode
	AttrA16                     // #GP(0) unless a 16-byte memory operand is aligned
	AttrAmd                     // vendors differ; this row follows AMD
	AttrV                       // no operand says so, but operand size matters
	AttrY                       // OpSize is 8 with REX.W, else 4
	AttrModx                    // ModRM.mod is ignored and taken as 3
	AttrX87                     // needs the x87 unit: #NM if CR0.EM or TS
	AttrMmx                     // needs MMX: #UD if CR0.EM, #NM if TS, #MF if one is pending; sets the tags and TOP
	AttrSse                     // needs SSE: #UD if CR0.EM or not CR4.OSFXSR, #NM if TS
	AttrFp                      // uses MXCSR and may raise #XM
	AttrCtl                     // x87 control: leaves FOP, FIP and FDP alone
	AttrNowait                  // x87: does not report a pending exception
)

// A Width is an operand's size: a number of bytes up to 16, 0 for none, or a
// rule of the opcode map's notation (SDM vol. 2D, A.2.2).
type Width uint8

const (
	WidthV     Width = 0x80 + iota // 2, 4 or 8: the effective operand size
	WidthZ                         // 2 or 4: as v, but 4 for 8
	WidthY                         // 4, or 8 with REX.W
	WidthN                         // 8 in 64-bit mode, else 4
	WidthOp                        // Inst.OpSize
	WidthFar                       // a far pointer: z plus 2
	WidthPair                      // two of v
	WidthTable                     // a limit and a base: 10 in 64-bit mode, else 6
)

// A Loc says which part of the encoding names an operand.
type Loc uint8

const (
	LocNone   Loc = iota
	LocReg        // ModRM.reg
	LocRM         // ModRM.rm, a register or memory
	LocOpcode     // the low three bits of the opcode
	LocFixed      // implied: register Operand.Fixed
	LocConst      // implied: the number Operand.Fixed, in Inst.Imm
	LocImm        // the first immediate
	LocImm2       // the second immediate
	LocRel        // a branch displacement
	LocFar        // offset and selector; two arguments, Imm and Imm2
	LocMoffs      // an absolute memory offset
)

// An Operand describes one operand of a form. Reg and Mem are its widths as a
// register (or immediate) and as memory.
type Operand struct {
	Loc      Loc
	Class    ArgKind
	Reg, Mem Width
	Fixed    uint8
}

// An ImmKind is the encoding of an immediate.
type ImmKind uint8

const (
	ImmNone ImmKind = iota
	ImmIB           // 1 byte, signed
	ImmIZ           // 2 or 4 bytes, signed
	ImmIV           // 2, 4 or 8 bytes
	ImmUB           // 1 byte, unsigned
	ImmUW           // 2 bytes, unsigned
	ImmCB           // 1 byte displacement
	ImmCZ           // 2 or 4 bytes displacement
	ImmCP           // far pointer: 2 or 4 bytes offset, 2 bytes selector
	ImmMO           // memory offset, as wide as addresses
)

// A Low says what the low bits of the opcode hold.
type Low uint8

const (
	LowNone Low = iota
	LowReg      // three bits of register
	LowCond     // four bits of condition
)

// An Encoding describes the bytes of a form. In the masks bit n allows value n.
type Encoding struct {
	Map    uint8 // 0: one byte, 1: 0F, 2: 0F 38, 3: 0F 3A
	Opcode uint8
	Span   uint8 // opcodes Opcode to Opcode+Span belong to this row
	Prefix uint8 // mask of: none, 66, F3, F2
	W, B   uint8 // masks of REX.W and REX.B
	Low    Low
	ModRM  bool
	Mod    uint8 // mask of: memory, register
	Reg    uint8 // mask of ModRM.reg
	RM     uint8 // mask of ModRM.rm, for registers
	Imm    [2]ImmKind
}

// A Form is one row of isa.txt. The flag masks have RFLAGS's bit positions.
type Form struct {
	Text      string // in the manual's notation
	Sem       Sem
	Feature   Feature
	Attr      Attr
	Size      Width // of the operation: Inst.OpSize
	Cond      uint8 // condition of the FCMOVcc rows
	NOps      uint8
	Read      uint32 // flags that decide what it does
	Written   uint32 // flags with a defined new value, at least sometimes
	Undefined uint32 // flags the manual leaves undefined, at least sometimes
	Ops       [4]Operand
	Enc       Encoding
}

// Valid reports that the row is an instruction in the mode.
func (f Form) Valid(mode Mode) bool {
	if mode == Mode64 {
		return f.Attr&AttrI64 == 0
	}
	return f.Attr&AttrO64 == 0
}

// Sizes lists the values Inst.OpSize can take in the mode (0 alone where size
// means nothing), none if the row is not valid there. Each is a case to test.
func (f Form) Sizes(mode Mode) []uint8 {
	wide := mode == Mode64
	switch {
	case !f.Valid(mode):
		return nil
	case f.Size < WidthV:
		return []uint8{uint8(f.Size)}
	case f.Size == WidthN && wide, wide && f.Attr&AttrF64 != 0:
		return []uint8{8}
	case f.Size == WidthN, f.Size == WidthY && !wide:
		return []uint8{4}
	case f.Size == WidthY:
		return []uint8{4, 8}
	case f.Size == WidthZ, !wide:
		return []uint8{2, 4}
	case f.Attr&AttrD64 != 0:
		return []uint8{2, 8}
	}
	return []uint8{2, 4, 8}
}
