package x86

// Mode is the code-size mode an instruction is decoded in: CS.L and CS.D
// (Intel SDM vol. 3A, 5.2.1).
type Mode uint8

const (
	Mode64 Mode = iota // CS.L = 1
	Mode32             // CS.D = 1: protected or compatibility mode, 32-bit default
	Mode16             // CS.D = 0: 16-bit default
)

// MaxLen is the longest legal instruction, in bytes (SDM vol. 2A, 2.3.11).
const MaxLen = 15

// General registers in encoding order.
const (
	RAX = iota
	RCX
	RDX
	RBX
	RSP
	RBP
	RSI
	RDI
	R8
	R9
	R10
	R11
	R12
	R13
	R14
	R15
)

// Segment registers in encoding order.
const (
	ES = iota
	CS
	SS
	DS
	FS
	GS
)

// ArgKind says where an operand lives.
type ArgKind uint8

const (
	None   ArgKind = iota
	Reg            // general register Arg.Reg (0-15), low Arg.Size bytes
	RegHi          // bits 15:8 of general register Arg.Reg (0-3): AH CH DH BH
	Mem            // memory at Inst.Mem
	Imm            // Inst.Imm, already extended to Arg.Size as the form demands, then sign-extended to 64 bits
	Imm2           // Inst.Imm2: the second immediate (ENTER, far pointers' selector)
	Rel            // branch displacement in Inst.Imm, relative to the next instruction
	SegReg         // segment register Arg.Reg
	CR             // control register Arg.Reg
	DR             // debug register Arg.Reg
	ST             // x87 stack register Arg.Reg, relative to TOP
	MM             // MMX register Arg.Reg
	XMM            // SSE register Arg.Reg, low Arg.Size bytes used
)

// An Arg is one operand. Size is in bytes; for memory blobs (FXSAVE) and
// addresses only (LEA, INVLPG) it is 0.
type Arg struct {
	Kind ArgKind
	Reg  uint8
	Size uint8
}

// NoReg stands for an absent base or index.
const NoReg = 0xff

// A MemRef is an effective address: Seg:[Base + Index<<Scale + Disp], computed
// in AddrSize bytes and then zero-extended. RIP-relative: Base is NoReg, RIPRel
// is set and Disp counts from the next instruction.
type MemRef struct {
	Seg    uint8 // the segment that applies, override or default
	Base   uint8
	Index  uint8
	Scale  uint8 // 0-3
	RIPRel bool
	Disp   int64 // sign-extended displacement or 64-bit moffs
}

// Repeat and lock prefixes as found (the form's table row says what they mean).
const (
	PrefixLock  = 1 << iota // F0
	PrefixRepne             // F2, when not part of the opcode
	PrefixRep               // F3, when not part of the opcode
	PrefixSeg               // some segment override was present
	Prefix66
	Prefix67
	PrefixREX
)

// An Inst is one decoded instruction.
type Inst struct {
	Row      uint16 // index of the form in Table
	Sem      Sem    // the semantic routine
	Len      uint8  // bytes, 1-15
	OpSize   uint8  // operand size in bytes: 1, 2, 4, 8, 10 or 16 (of the operation, not of each operand); 0: has none
	AddrSize uint8  // 2, 4 or 8
	Cond     uint8  // condition code 0-15 of Jcc, SETcc, CMOVcc
	Prefixes uint8
	Opcode   uint8 // the last opcode byte
	ModRM    uint8 // 0 if the form has none; x87: FOP is Opcode&7<<8 | ModRM
	NArgs    uint8
	Args     [4]Arg
	Mem      MemRef
	Imm      int64
	Imm2     int64
}
