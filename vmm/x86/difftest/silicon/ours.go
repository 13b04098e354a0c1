package silicon

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"vmrecord/vmm"
	"vmrecord/vmm/cpu"
	"vmrecord/vmm/mem"
	"vmrecord/vmm/x86"
)

// Physical addresses of our side. The low megabyte is mapped at kernelAt for
// the supervisor.
const (
	ramBytes    = 1 << 20
	physPML4    = 0x1000 // PML4, then PDPT, PD and PT of the user's pages, then of the kernel's
	physIDT     = 0x8000
	physGDT     = 0x9000
	physTSS     = 0x9800
	physLDT     = 0x9900
	physHandler = 0xa000 // 16 bytes a vector, the first of them HLT
	physSyscall = 0xb000
	physStack   = 0xc000 // grows down
	physCode    = 0x10000
	physData    = 0x20000
	physFixed   = 0x23000
	physEdges   = 0x30000
	kernelAt    = 0xffff_8000_0000_0000
)

// budget bounds a case's steps; the longest repeat fits.
const budget = 1 << 20

// An Ours runs cases on one of our engines.
type Ours struct {
	m   vmm.Machine
	ram *mem.RAM
	cpu cpu.State // a new case's
}

// shut is the door of a machine that nothing reaches.
type shut struct{}

func (shut) Next(vmm.Instant) (vmm.Input, bool)      { return vmm.Input{}, false }
func (shut) Horizon(vmm.Instant) vmm.Instant         { return vmm.Never }
func (shut) Idle(now, until vmm.Instant) vmm.Instant { return vmm.Never }

// NewOurs makes a machine with RAM and nothing else around an engine.
func NewOurs(e vmm.Engine) *Ours {
	o := &Ours{ram: mem.New(make([]byte, ramBytes))}
	o.m = vmm.Machine{Board: vmm.NewBoard(o.ram, vmm.Config{}), CPU: new(cpu.State), Engine: e, Door: shut{}}
	o.tables()
	fillData(o.ram.B[physData:][:dataBytes], o.ram.B[physFixed:][:pageBytes])
	s := &o.cpu
	s.CR0 = cpu.CR0PE | cpu.CR0MP | cpu.CR0ET | cpu.CR0NE | cpu.CR0WP | cpu.CR0AM | cpu.CR0PG
	s.CR4 = cpu.CR4PAE | cpu.CR4OSFXSR | cpu.CR4OSXMMEXCPT | cpu.CR4UMIP | cpu.CR4FSGSBASE | cpu.CR4OSXSAVE
	s.EFER = cpu.EFERSCE | cpu.EFERLME | cpu.EFERLMA | cpu.EFERNXE
	s.CR3, s.XCR0 = physPML4, 3
	s.DR[6], s.DR[7] = 0xffff0ff0, 0x400
	s.IDTR = cpu.TableReg{Base: kernelAt + physIDT, Limit: 0xfff}
	s.GDTR = cpu.TableReg{Base: kernelAt + physGDT, Limit: gdtBytes - 1}
	s.LDTR = cpu.Segment{Sel: selLDT, Attr: 0x82, Limit: uint32(8*len(ldt) - 1), Base: kernelAt + physLDT}
	s.TR = cpu.Segment{Sel: selTSS, Attr: 0x8b, Limit: 0x67, Base: kernelAt + physTSS}
	s.STAR, s.LSTAR, s.SFMASK = selCode32<<48|0x10<<32, kernelAt+physSyscall, syscallMask
	s.Rand = [4]uint64{1, 2, 3, 4}
	return o
}

// tables writes page tables, descriptors and handlers.
func (o *Ours) tables() {
	put := func(at int, v uint64) { binary.LittleEndian.PutUint64(o.ram.B[at:], v) }
	const user, kernel, nx = 7, 3, 1 << 63
	for i := range uint64(3) {
		low, high := physPML4+int(i)*pageBytes, physPML4+int(i+3)*pageBytes
		if i == 0 {
			high = physPML4 + 8*256
		}
		lowIndex := [3]int{0, 0, codeAt >> 21 & 511}[i]
		put(low+8*lowIndex, physPML4+(i+1)*pageBytes|user)
		put(high, physPML4+(i+4)*pageBytes|kernel)
	}
	const userPT, kernelPT = physPML4 + 3*pageBytes, physPML4 + 6*pageBytes
	span := func(la, bytes, pa int, rights uint64) {
		for i := 0; i < bytes; i += pageBytes {
			put(userPT+8*((la+i)>>12&511), uint64(pa+i)|rights)
		}
	}
	span(codeAt, codeBytes, physCode, 5)
	span(dataAt, dataBytes, physData, 7|nx)
	span(fixedAt, pageBytes, physFixed, 5|nx)
	for i := range edges {
		span(edgesAt+i*edgeStride, pageBytes, physEdges+i*pageBytes, 5)
	}
	for i := range ramBytes / pageBytes {
		put(kernelPT+8*i, uint64(i*pageBytes)|kernel)
	}
	for v := range 256 {
		h, dpl := kernelAt+physHandler+16*uint64(v), uint64(0)
		if v == cpu.BP || v == cpu.OF {
			dpl = 3
		}
		put(physIDT+16*v, h&0xffff|0x10<<16|0x8e00<<32|dpl<<45|h>>16&0xffff<<48)
		put(physIDT+16*v+8, h>>32)
		o.ram.B[physHandler+16*v] = 0xf4
	}
	copy(o.ram.B[physSyscall:], enosys)
	for i, d := range gdt {
		put(physGDT+8*i, d)
	}
	put(physGDT+selTSS, systemDescriptor(0x8b, kernelAt+physTSS, 0x67))
	put(physGDT+selTSS+8, kernelAt>>32)
	put(physGDT+selLDT, systemDescriptor(0x82, kernelAt+physLDT, uint64(8*len(ldt)-1)))
	put(physGDT+selLDT+8, kernelAt>>32)
	for i := range ldt {
		put(physLDT+8*i, ldt[i].quad())
	}
	binary.LittleEndian.PutUint16(o.ram.B[physTSS+102:], 0x68) // no I/O permission bitmap
	binary.LittleEndian.PutUint64(o.ram.B[physTSS+4:], kernelAt+physStack)
}

// systemDescriptor is the first half of a system descriptor (SDM vol. 3A, 8.2.3).
func systemDescriptor(attr, base, limit uint64) uint64 {
	return limit | base&0xffffff<<16 | attr<<40 | base>>24&0xff<<56
}

// Run runs a batch. clean is as in Native.End.
func (o *Ours) Run(cases []Case, res []Outcome) (clean bool, err error) {
	code := makeCode(cases)
	o.ram.Write(physCode, code[:codeBytes])
	for i := range edges {
		o.ram.Write(uint64(physEdges+(i+1)*pageBytes-edgeBytes), code[codeBytes+i*edgeBytes:][:edgeBytes])
	}
	for i := range cases {
		if err := o.one(&cases[i], &res[i]); err != nil {
			return false, err
		}
	}
	data := make([]byte, dataBytes)
	copy(data, o.ram.B[physData:])
	clean = checkData(data)
	if !clean {
		o.ram.Write(physData, data)
	}
	return clean, nil
}

// An EngineError is a case that our engine did not bring to an end.
type EngineError struct {
	Case *Case
	Err  error
}

func (e *EngineError) Error() string { return fmt.Sprintf("% x: %v", e.Case.Code, e.Err) }

func (o *Ours) one(c *Case, r *Outcome) error {
	s := o.m.CPU
	*s = o.cpu
	s.R, s.RIP, s.RFLAGS = c.R, c.RIP, c.Flags
	for i, sel := range c.Sel {
		s.Seg[i] = segment(sel)
	}
	s.Seg[x86.FS].Base, s.Seg[x86.GS].Base = c.Base[0], c.Base[1]
	toCPU(&c.State, s)
	o.ram.Write(physData+window1-dataAt, c.Win[:window1Bytes])
	o.ram.Write(physData+window2-dataAt, c.Win[window1Bytes:])
	switch exit := o.m.Run(o.m.Now() + budget); exit {
	case vmm.Asleep:
	case vmm.Unknown:
		return &EngineError{c, o.m.Err()}
	default:
		return &EngineError{c, fmt.Errorf("difftest: left with %v after %d steps", exit, budget)}
	}
	*r = Outcome{Vector: uint8((s.RIP - 1 - kernelAt - physHandler) / 16), Addr: s.CR2}
	sp := int(s.R[x86.RSP] - kernelAt)
	if uint64(sp) >= physStack {
		return &EngineError{c, fmt.Errorf("difftest: halted at %#x with RSP %#x", s.RIP, s.R[x86.RSP])}
	}
	pop := func() uint64 { sp += 8; return binary.LittleEndian.Uint64(o.ram.B[sp-8:]) }
	if hasCode>>r.Vector&1 != 0 {
		r.Code = uint32(pop())
	}
	r.R = s.R
	r.RIP = pop()
	for i := range r.Sel {
		r.Sel[i] = s.Seg[i].Sel
	}
	r.Base = [2]uint64{s.Seg[x86.FS].Base, s.Seg[x86.GS].Base}
	r.Sel[x86.CS] = uint16(pop())
	r.Flags = pop()
	r.R[x86.RSP] = pop()
	r.Sel[x86.SS] = uint16(pop())
	fromCPU(s, &r.State)
	copy(r.Win[:], o.ram.B[physData+window1-dataAt:][:window1Bytes])
	copy(r.Win[window1Bytes:], o.ram.B[physData+window2-dataAt:][:window2Bytes])
	r.normalize()
	return nil
}

// toCPU gives the processor the x87 and SSE state of s. The two tag bits of a
// register follow from its contents (SDM vol. 1, 10.5.1.1).
func toCPU(s *State, c *cpu.State) {
	c.FCW, c.FSW, c.FOP = s.u16(fxFCW), s.u16(fxFSW), s.u16(fxFOP)
	c.FIP, c.FDP, c.MXCSR = s.u64(fxFIP), s.u64(fxFDP), s.u32(fxMXCSR)
	c.FTW = 0
	for i := range 8 {
		at := fxST + 16*i
		f := cpu.F80{Mant: s.u64(at), SE: s.u16(at + 8)}
		n := (i + int(c.FSW>>11)) & 7
		c.FPR[n] = f
		tag := uint16(3)
		if s.FX[fxTags]>>n&1 != 0 {
			tag = tagOf(f)
		}
		c.FTW |= tag << (2 * n)
	}
	for i := range c.XMM {
		c.XMM[i] = [2]uint64{s.u64(fxXMM + 16*i), s.u64(fxXMM + 16*i + 8)}
	}
}

func tagOf(f cpu.F80) uint16 {
	e := f.SE & 0x7fff
	switch {
	case e == 0 && f.Mant == 0:
		return 1
	case e == 0, e == 0x7fff, f.Mant>>63 == 0:
		return 2
	}
	return 0
}

func fromCPU(c *cpu.State, s *State) {
	s.put16(fxFCW, c.FCW)
	s.put16(fxFSW, c.FSW)
	s.put16(fxFOP, c.FOP)
	s.put64(fxFIP, c.FIP)
	s.put64(fxFDP, c.FDP)
	s.put32(fxMXCSR, c.MXCSR)
	for i := range 8 {
		n := (i + int(c.FSW>>11)) & 7
		if c.FTW>>(2*n)&3 != 3 {
			s.FX[fxTags] |= 1 << n
		}
		s.put64(fxST+16*i, c.FPR[n].Mant)
		s.put16(fxST+16*i+8, c.FPR[n].SE)
	}
	for i, x := range c.XMM {
		s.put64(fxXMM+16*i, x[0])
		s.put64(fxXMM+16*i+8, x[1])
	}
}

// hasCode tells which exceptions have an error code (SDM vol. 3A, table 6-1).
const hasCode = 1<<cpu.DF | 1<<cpu.TS | 1<<cpu.NP | 1<<cpu.SS | 1<<cpu.GP | 1<<cpu.PF | 1<<cpu.AC

// normalize removes what has no meaning.
func (o *Outcome) normalize() {
	if o.Vector != cpu.PF {
		o.Addr = 0
	}
	if hasCode>>o.Vector&1 == 0 {
		o.Code = 0
	}
	if o.u16(fxFSW)&0x80 == 0 { // AMD processors save the pointers only with an exception pending
		clear(o.FX[fxFOP:fxMXCSR])
	}
	for i, sel := range o.Sel { // the host's kernel returns with IRET, which clears null selectors
		if sel&^3 == 0 {
			o.Sel[i] = 0
		}
	}
	if o.Sel[x86.CS] != selCode { // and leaves the upper half of RSP undefined where the stack has 16 bits
		o.R[x86.RSP] &= 0xffffffff
	}
	o.FX[5] = 0
	o.put32(fxMXCSR+4, 0)
	for i := range 8 {
		copy(o.FX[fxST+16*i+10:][:6], "\x00\x00\x00\x00\x00\x00")
	}
}

// makeCode is what the code pages and then the ends of the edges hold: INT3,
// and each case's instruction.
func makeCode(cases []Case) []byte {
	code := bytes.Repeat([]byte{0xcc}, codeBytes+edges*edgeBytes)
	for i := range cases {
		c := &cases[i]
		la := c.linear(x86.CS, c.RIP)
		for k, b := range c.Code {
			if at := codeIndex(la + uint64(k)); at >= 0 {
				code[at] = b
			}
		}
	}
	return code
}

// fillData gives the data pages their contents outside the windows.
func fillData(data, fixed []byte) {
	checkData(data)
	for i := range fixed {
		fixed[i] = byte(i*7 + i>>8)
	}
}

// checkData tells whether the data outside the windows is as fillData made it,
// and makes it so.
func checkData(data []byte) bool {
	clean := true
	for i := range data {
		if v := byte(i*5 + i>>8); window(dataAt+uint64(i)) < 0 && data[i] != v {
			data[i], clean = v, false
		}
	}
	return clean
}

const (
	flagNT = cpu.FlagNT
	flagID = cpu.FlagID
)
