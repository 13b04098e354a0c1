package cpu

// State is everything architectural about one processor: a flat struct of
// fixed-size plain values, the same for every engine. TLBs, decoded code and
// budgets are not in it. On return from an engine it is exact and complete.
type State struct {
	R      [16]uint64 // RAX RCX RDX RBX RSP RBP RSI RDI R8-R15
	RIP    uint64
	RFLAGS uint64 // bit 1 always set

	Seg        [6]Segment // ES CS SS DS FS GS
	LDTR, TR   Segment
	GDTR, IDTR TableReg

	CR0, CR2, CR3, CR4, CR8 uint64
	XCR0                    uint64
	DR                      [8]uint64 // DR0-3, DR6, DR7; 4 and 5 unused
	PDPTE                   [4]uint64 // PAE paging's four entries, loaded by MOV CR3

	EFER, STAR, LSTAR, CSTAR, SFMASK, KernelGSBase uint64
	TSCAux                                         uint64
	SysenterCS, SysenterESP, SysenterEIP           uint64
	PAT, MTRRDefType                               uint64
	MTRRFixed                                      [11]uint64
	MTRRVar                                        [16]uint64
	TSCOffset                                      uint64 // TSC = Instant*tick + TSCOffset

	FPR                [8]F80 // physical registers R0-R7, not relative to TOP
	FCW, FSW, FTW, FOP uint16 // FTW: two bits a physical register, 0 in use or 3 empty
	FIP, FDP           uint64
	MXCSR              uint32

	XMM [16][2]uint64 // low quadword first

	Halted   bool   // HLT: wakes on an interrupt, NMI or debug trap
	Dead     bool   // triple fault: waits for the reset wire
	NMIBlock bool   // between NMI delivery and IRET; a pending NMI is the board's
	Shadow   uint8  // ShadowSTI, ShadowMovSS: one boundary at which interrupts are held
	PendDB   uint64 // DR6 bits of a debug trap to be delivered at the next boundary

	Rand     [4]uint64 // generator behind RDRAND and RDSEED (xoshiro256**), seeded in the tape header
	Overhead uint64    // steps that retired no instruction: deliveries, REP iterations but the last
}

const (
	ShadowSTI = 1 << iota
	ShadowMovSS
)

// An F80 is one x87 register as stored by FSTP m80: sign and exponent, mantissa.
type F80 struct {
	Mant uint64
	SE   uint16
}

// A Segment is a segment register with its hidden part (SDM vol. 3A, 3.4.3).
// Attr holds descriptor bits 55:40 >> 0 shifted down to bit 0: type (3:0), S
// (4), DPL (6:5), P (7), AVL (12), L (13), D/B (14), G (15); bits 11:8 are zero.
// Limit is in bytes, granularity applied.
type Segment struct {
	Sel   uint16
	Attr  uint16
	Limit uint32
	Base  uint64
}

// A TableReg is GDTR or IDTR.
type TableReg struct {
	Base  uint64
	Limit uint16
}
