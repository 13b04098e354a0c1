package lockstep

import (
	_ "embed" // the handlers' source
	"encoding/binary"
	"fmt"
	"strings"
	"sync"

	"vmrecord/vmm/cpu"
	"vmrecord/vmm/x86"
	"vmrecord/vmm/x86/asm"
)

// Physical addresses; the first 128 KiB are mapped one to one for the supervisor.
const (
	ramBytes    = 0x38000
	pml4        = 0x1000
	pdpt        = 0x2000
	pd          = 0x3000
	pt0         = 0x4000
	idt         = 0x5000
	gdt         = 0x6000
	tss         = 0x6800
	handlers    = 0x7000
	records     = 0x9000
	vars        = 0xa000
	flips       = 0xa100 // 16 pairs: what each SYSRET changes of RCX and R11
	istTop      = 0xc000 // three stacks of a page each
	tss32       = 0x6900
	handlers32  = 0x14000
	idt32       = 0x15000
	pae         = 0x15800 // first levels of PAE paging
	paeOther    = 0x15820
	nextAt      = 0x10000
	nextBytes   = 0x4000
	kernelBytes = 0x20000
	physCode    = 0x20000
	physData    = 0x24000
	physStack   = 0x2c000
	other       = 0x34000                // pml4 to pt0 of another address space
	twinAt      = physData + 6*pageBytes // the first two pages of code, a little different
	codeEntry   = 4
	codePages   = 4
	dataPages   = 8
	stackPages  = 2
	pageBytes   = 4096
)

// Linear addresses of a program. All of it is there once more from high on.
const (
	codeAt   = 0x100000 // four pages; the third is also a page table
	aliasAt  = 0x104000 // the same, at other addresses
	dataAt   = 0x120000 // two pages to write, then those below
	readOnly = 0x122000
	absent   = 0x123000
	kernel   = 0x124000 // the supervisor's
	userPage = 0x125000 // a user's, whatever the program is
	devices  = 0x126000
	moreAt   = 0x127000 // to write
	stackAt  = 0x131000 // two pages between absent ones
	stackTop = stackAt + stackPages*pageBytes
	mappedAt = 0x300000 // through the code's third page: four of data, and
	windowAt = 0x304000 // the four of code
	againAt  = 0x400000 // the first 2 MiB once more
	entries  = 0x800    // where that page's entries for them are
	high     = 0xffff_8000_0000_0000
	high32   = 0x8000_0000 // for 32-bit code
	lastPage = 0xffff_f000 // of 32-bit code: the first of code
	mmio     = 0xfed00000  // physical
)

const (
	vectors      = 0x31
	code0, data0 = 0x08, 0x10
	code3, data3 = 0x2b, 0x23
	code0Narrow  = 0x38
	code3Narrow  = 0x1b  // what SYSRET makes of the same word
	odd          = 0x48  // descriptors that programs may load
	beyond       = 0x100 // the first ones once more, behind the table's end
)

//go:embed handlers.asm
var handlerSource string

//go:embed handlers32.asm
var handlerSource32 string

// A program is bytes, and where SYSCALL leads in 64-bit and in 32-bit code.
type program struct {
	code         []byte
	call, call32 uint64
}

// handlersOf assembles the handlers of long mode, handlersOf32 those of legacy
// mode, once.
var (
	handlersOf   = sync.OnceValue(func() program { return assemble(handlers, handlerSource) })
	handlersOf32 = sync.OnceValue(func() program { return assemble(handlers32, handlerSource32) })
)

func assemble(at int64, source string) program {
	var stubs strings.Builder
	for v := range vectors {
		stubs.WriteString("align 16\n")
		if hasCode>>v&1 == 0 {
			stubs.WriteString("push 0\n")
		}
		fmt.Fprintf(&stubs, "push %d\njmp common\n", v)
	}
	text := strings.NewReplacer("SAVED", dec(vars+56), "FLIPS", dec(flips), "STUBS", stubs.String(), "COUNT", dec(vars), "SCRATCH", dec(vars+8), "CALLS", dec(vars+16),
		"START", dec(vars+24), "RECORDS", dec(records), "CODE", dec(codeAt), "NEXT", dec(nextAt),
		"STACK", dec(stackTop-0x200), "DATA", dec(data3)).Replace(source)
	b, names, err := asm.Assemble(at, text, "iretd | cf\nsysretd | 0f 07")
	if err != nil {
		panic("lockstep: handlers: " + err.Error())
	}
	return program{b, uint64(names["syscall"]), uint64(names["syscall32"])}
}

// An image is RAM before a program is put there.
type image struct{ ram []byte }

// newImage makes the image for a program that starts in a ring, at an address.
// rights are the pages' for code, data and stack.
func newImage(w world, ring int, start uint64, rights uint64) image {
	m := image{ram: make([]byte, ramBytes)}
	m.tables(rights)
	m.descriptors()
	copy(m.ram[handlers:], handlersOf().code)
	copy(m.ram[handlers32:], handlersOf32().code)
	code, data := selectors(w, ring)
	m.put(vars+24, start)
	m.put(vars+32, code)
	m.put(vars+40, data)
	m.put(vars+48, stackTop-0x200) // where a frame for 32-bit code is made
	if ring == 3 {
		m.put(vars+48, istTop+3*pageBytes)
	}
	return m
}

// selectors are those of a program.
func selectors(w world, ring int) (code, data uint64) {
	switch {
	case w == long && ring == 0:
		return code0, data0
	case w == long:
		return code3, data3
	case ring == 0:
		return code0Narrow, data0
	}
	return code3Narrow, data3
}

func dec(n int) string { return fmt.Sprint(n) }

// hasCode tells which exceptions have an error code (SDM vol. 3A, table 6-1).
const hasCode = 1<<cpu.DF | 1<<cpu.TS | 1<<cpu.NP | 1<<cpu.SS | 1<<cpu.GP | 1<<cpu.PF | 1<<cpu.AC

func (m *image) put(at int, v uint64) { binary.LittleEndian.PutUint64(m.ram[at:], v) }

const (
	present = 1
	canWr   = 2
	anyRing = 4
	noExec  = 1 << 63
)

// tables writes the page tables.
func (m *image) tables(rights uint64) {
	const all = present | canWr | anyRing
	m.put(pml4, pdpt|all)
	m.put(pml4+8*256, pdpt|all)
	m.put(pdpt, pd|all)
	m.put(pdpt+8*(high32>>30), pd|all)
	m.put(pae, pd|present)
	m.put(pae+8*(high32>>30), pd|present)
	m.put(pdpt+8*3, pd|all) // to lastPage
	m.put(pae+8*3, pd|present)
	m.put(paeOther+8*3, pd|present)
	m.put(pd+8*511, pt0|all)
	m.put(paeOther, other+2*pageBytes|present)
	m.put(paeOther+8*(high32>>30), pd|present)
	m.put(pd, pt0|all)
	m.put(pd+8*(againAt>>21), pt0|all)
	m.put(pd+8, physCode+2*pageBytes|all)
	for p := range uint64(kernelBytes / pageBytes) {
		m.put(pt0+8*int(p), p*pageBytes|present|canWr)
	}
	leaf := func(la, pa, rights uint64) { m.put(pt0+8*int(la>>12), pa|rights) }
	for i := range uint64(codePages) {
		leaf(codeAt+i*pageBytes, physCode+i*pageBytes, rights)
		leaf(aliasAt+i*pageBytes, physCode+i*pageBytes, rights)
	}
	leaf(lastPage%(1<<21), physCode, rights)
	leaf(dataAt, physData, rights|noExec)
	leaf(dataAt+pageBytes, physData+pageBytes, rights)
	leaf(readOnly, physData+2*pageBytes, rights&^canWr)
	leaf(kernel, physData+3*pageBytes, present|canWr)
	leaf(userPage, physData+4*pageBytes, all)
	leaf(devices, mmio, all)
	leaf(moreAt, physData+5*pageBytes, rights)
	for i := range uint64(stackPages) {
		leaf(stackAt+i*pageBytes, physStack+i*pageBytes, rights)
	}
	copy(m.ram[other:], m.ram[pml4:pml4+4*pageBytes]) // from high on it is shared
	m.put(other, other+pageBytes|all)
	m.put(other+pageBytes, other+2*pageBytes|all)
	m.put(other+2*pageBytes, other+3*pageBytes|all)
	m.put(other+2*pageBytes+8*(againAt>>21), other+3*pageBytes|all)
	for i := range uint64(4) { // the same pages in another order
		m.put(other+3*pageBytes+8*int(dataAt>>12+i), physData+(i^1)*pageBytes|rights)
	}
	m.put(other+3*pageBytes+8*(codeAt>>12+1), twinAt+pageBytes|rights)
	for i := range 8 {
		m.put(physCode+2*pageBytes+entries+8*i, mappings()[i]|rights)
	}
}

// mappings are the frames that the code's third page maps at first.
func mappings() [8]uint64 {
	return [8]uint64{physData, physData + 6*pageBytes, physData + 7*pageBytes, physStack,
		physCode, physCode + pageBytes, physCode + 2*pageBytes, physCode + 3*pageBytes}
}

func (m *image) descriptors() {
	for v := range vectors {
		h, ist, dpl := uint64(handlers+16*v), uint64(1), uint64(0)
		switch v {
		case cpu.NMI:
			ist = 2
		case 0x20:
			ist = 3
		case cpu.BP, cpu.OF, 0x30:
			dpl = 3
		}
		m.put(idt+16*v, h|code0<<16|ist<<32|(0x8e|dpl<<5)<<40)
		m.put(idt32+8*v, uint64(handlers32+16*v)&0xffff|handlers32>>16<<48|code0Narrow<<16|(0x8e|dpl<<5)<<40)
	}
	for i, d := range []uint64{0, 0xaf9b000000ffff, 0xcf93000000ffff, 0xcffb000000ffff, 0xcff3000000ffff, 0xaffb000000ffff, 0,
		0xcf9b000000ffff, 0xcf93000000ffff} {
		m.put(gdt+8*i, d)
		m.put(gdt+beyond+8*i, d)
	}
	for i, d := range oddSegments() {
		m.put(gdt+odd+8*i, d)
	}
	for i := range 3 {
		m.put(tss+36+8*i, istTop+uint64(i)*pageBytes)
	}
	m.put(tss+4, istTop+3*pageBytes)
	binary.LittleEndian.PutUint16(m.ram[tss+102:], 0x68) // no I/O permission bitmap
	m.put(tss32+4, istTop+3*pageBytes|data0<<32)
	binary.LittleEndian.PutUint16(m.ram[tss32+102:], 0x68)
}

// state is a processor at the start of the image's program.
func (m *image) state(w world, ring int, start uint64) *cpu.State {
	s := &cpu.State{RIP: start, RFLAGS: cpu.FlagIF | 2, MXCSR: 0x1f80, FCW: 0x37f, FTW: 0xffff, XCR0: 3}
	s.CR0 = cpu.CR0PE | cpu.CR0MP | cpu.CR0ET | cpu.CR0NE | cpu.CR0WP | cpu.CR0AM | cpu.CR0PG
	s.CR4 = cpu.CR4PAE | cpu.CR4OSFXSR | cpu.CR4OSXMMEXCPT | cpu.CR4FSGSBASE | cpu.CR4OSXSAVE
	s.EFER = cpu.EFERSCE | cpu.EFERLME | cpu.EFERLMA | cpu.EFERNXE
	s.CR3 = pml4
	s.DR[6], s.DR[7] = 0xffff0ff0, 0x400
	s.IDTR = cpu.TableReg{Base: idt, Limit: vectors*16 - 1}
	s.GDTR = cpu.TableReg{Base: gdt, Limit: odd + uint16(8*len(oddSegments())) - 1}
	s.TR = cpu.Segment{Sel: 0x30, Attr: 0x8b, Limit: 0x67, Base: tss}
	s.STAR, s.LSTAR, s.CSTAR, s.SFMASK = code3Narrow<<48|code0<<32, handlersOf().call, handlersOf().call32, 0x47700
	s.Rand = [4]uint64{1, 2, 3, 4}
	if w == legacy {
		s.EFER &^= cpu.EFERLME | cpu.EFERLMA
		s.CR3, s.PDPTE[0], s.PDPTE[high32>>30], s.PDPTE[3] = pae, pd|present, pd|present, pd|present
		s.IDTR = cpu.TableReg{Base: idt32, Limit: vectors*8 - 1}
		s.TR.Base = tss32
		s.STAR = code3Narrow<<48 | code0Narrow<<32 | handlersOf32().call
	}
	dpl := uint16(ring) << 5
	code, data := selectors(w, ring)
	for i := range s.Seg {
		s.Seg[i] = cpu.Segment{Sel: data3, Attr: 0xc0f3, Limit: 0xffffffff}
		if w == long || i == x86.SS {
			s.Seg[i].Sel, s.Seg[i].Attr = uint16(data), 0xc093|dpl
		}
	}
	s.Seg[x86.CS] = cpu.Segment{Sel: uint16(code), Attr: 0xc09b | dpl, Limit: 0xffffffff}
	if w == long {
		s.Seg[x86.CS].Attr = 0xa09b | dpl
	}
	s.R[x86.RSP] = stackTop - 0x200
	return s
}
