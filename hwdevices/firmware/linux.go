package firmware

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"vmrecord/vmm/cpu"
	"vmrecord/vmm/mem"
)

// Types of memory in the map (ACPI 6.4, 15.1).
const (
	RAM      = 1
	Reserved = 2
	ACPI     = 3 // tables: RAM once they were read
)

// A Range is one entry of the memory map that the guest is told (INT 15h, E820h).
type Range struct {
	Base, Size uint64
	Type       uint32
}

func (r Range) end() uint64 { return r.Base + r.Size }

// Map is the memory map of a PC with so many bytes of RAM from address 0: the
// VGA hole, and ROM and tables up to 1 MiB, are left out.
func Map(ram uint64) []Range {
	return []Range{
		{0, 0x9fc00, RAM},
		{0x9fc00, 0x400, Reserved}, // extended BIOS data area
		{0xe0000, 0x20000, Reserved},
		{1 << 20, max(ram, 1<<20) - 1<<20, RAM},
	}
}

// A Linux is a kernel and what it is started with.
type Linux struct {
	Kernel []byte // bzImage
	Initrd []byte
	Append string  // command line
	Map    []Range // ascending, at most 128
	RSDP   uint64  // physical address of the ACPI root pointer; 0: none
}

// Addresses of ours.
const (
	gdtAt    = 0x6000
	paramsAt = 0x7000
	tablesAt = 0x8000
	appendAt = 0x10000
	lowEnd   = 0x20000

	maxMap    = 128
	entry64   = 0x200
	pageBytes = 4096
)

// Load puts kernel, ramdisk and tables into RAM and the processor, which must
// be as after a reset, at the kernel's 64-bit entry, or at the 32-bit one of a
// kernel that has no other.
func (l *Linux) Load(ram *mem.RAM, c *cpu.State) error {
	h, err := parse(l.Kernel)
	if err != nil {
		return err
	}
	if uint64(len(l.Append)) > min(uint64(h.cmdlineMax), lowEnd-appendAt-1) {
		return fmt.Errorf("the kernel's command line is %d bytes long; this kernel takes %d", len(l.Append), h.cmdlineMax)
	}
	if strings.ContainsRune(l.Append, 0) {
		return errors.New("the kernel's command line holds a NUL")
	}
	if len(l.Map) > maxMap {
		return fmt.Errorf("memory map has %d entries; at most %d", len(l.Map), maxMap)
	}
	if !l.room(ram, gdtAt, lowEnd-gdtAt) {
		return fmt.Errorf("no RAM at %#x-%#x for the boot loader", gdtAt, lowEnd)
	}
	at, err := l.placeKernel(ram, h)
	if err != nil {
		return err
	}
	rd, err := l.placeInitrd(ram, h, at)
	if err != nil {
		return err
	}
	ram.Write(at, h.body)
	ram.Write(rd, l.Initrd)
	ram.Write(appendAt, append([]byte(l.Append), 0))
	ram.Write(paramsAt, l.params(h, rd))
	if !h.entry64 {
		ram.Write(gdtAt, gdt32())
		enter32(c, at)
		c.R[6] = paramsAt // ESI
		return nil
	}
	ram.Write(tablesAt, identity())
	ram.Write(gdtAt, gdt())
	enter(c, at+entry64)
	return nil
}

// room tells whether [at, at+n) is RAM, for the guest and for us.
func (l *Linux) room(ram *mem.RAM, at, n uint64) bool {
	if n > ram.Size() || at > ram.Size()-n {
		return false
	}
	for _, r := range l.Map {
		if r.Type == RAM && r.Base <= at && n <= r.Size && at-r.Base <= r.Size-n {
			return true
		}
	}
	return false
}

// placeKernel finds the kernel's load address.
func (l *Linux) placeKernel(ram *mem.RAM, h *header) (uint64, error) {
	need := max(uint64(h.initSize), uint64(len(h.body)))
	if h.prefer >= 1<<20 && l.room(ram, h.prefer, need) {
		return h.prefer, nil
	}
	if h.relocatable {
		for _, r := range l.Map {
			at := alignUp(max(r.Base, 1<<20), uint64(h.align))
			if l.room(ram, at, need) {
				return at, nil
			}
		}
	}
	return 0, fmt.Errorf("no room for the kernel: it needs %d MiB of RAM from %#x; give the guest more memory",
		need>>20+1, h.prefer)
}

// placeInitrd finds the ramdisk's address: as high as allowed.
func (l *Linux) placeInitrd(ram *mem.RAM, h *header, kernel uint64) (uint64, error) {
	n := uint64(len(l.Initrd))
	if n == 0 {
		return 0, nil
	}
	from := kernel + max(uint64(h.initSize), uint64(len(h.body)))
	if at, ok := l.highest(ram, n, from, uint64(h.initrdMax)+1); ok {
		return at, nil
	}
	return 0, fmt.Errorf("no room for the initial ramdisk: it needs %d MiB of RAM between %#x and %#x; give the guest more memory",
		n>>20+1, from, uint64(h.initrdMax)+1)
}

// highest is the highest page-aligned place for n bytes between two addresses.
func (l *Linux) highest(ram *mem.RAM, n, from, to uint64) (at uint64, ok bool) {
	for i := len(l.Map) - 1; i >= 0; i-- {
		top := min(l.Map[i].end(), ram.Size(), to)
		if top < n {
			continue
		}
		if at := (top - n) &^ (pageBytes - 1); at >= from && l.room(ram, at, n) {
			return at, true
		}
	}
	return 0, false
}

// params is the zero page: the kernel's own header with our answers in it.
func (l *Linux) params(h *header, initrd uint64) []byte {
	p := make([]byte, pageBytes)
	le := binary.LittleEndian
	copy(p[hdrAt:], h.raw)
	le.PutUint64(p[0x070:], l.RSDP)
	p[0x1e8] = uint8(len(l.Map))
	p[0x210] = 0xff // type_of_loader: none registered
	le.PutUint32(p[0x218:], uint32(initrd))
	le.PutUint32(p[0x21c:], uint32(len(l.Initrd)))
	le.PutUint32(p[0x228:], appendAt)
	le.PutUint64(p[0x250:], 0) // setup_data
	for i, r := range l.Map {
		e := p[0x2d0+20*i:]
		le.PutUint64(e, r.Base)
		le.PutUint64(e[8:], r.Size)
		le.PutUint32(e[16:], r.Type)
	}
	return p
}

// identity is the page tables: one PML4 entry, four PDPT entries, 2048 pages
// of 2 MiB, all present and writable (SDM vol. 3A, 4.5).
func identity() []byte {
	const present, writable, large = 1, 2, 0x80
	p := make([]byte, 6*pageBytes)
	le := binary.LittleEndian
	le.PutUint64(p, tablesAt+pageBytes|present|writable)
	for i := range uint64(4) {
		le.PutUint64(p[pageBytes+8*i:], tablesAt+(2+i)*pageBytes|present|writable)
	}
	for i := range uint64(2048) {
		le.PutUint64(p[2*pageBytes+8*i:], i<<21|large|present|writable)
	}
	return p
}

// gdt holds __BOOT_CS and __BOOT_DS at the selectors that the protocol names.
func gdt() []byte {
	p := make([]byte, 4*8)
	binary.LittleEndian.PutUint64(p[0x10:], 0x00af9b000000ffff)
	binary.LittleEndian.PutUint64(p[0x18:], 0x00cf93000000ffff)
	return p
}

// enter sets the processor up as the protocol wants it: 64-bit mode, paging
// on, flat segments, interrupts off, RSI at boot_params. The MTRRs are on, with
// write-back as the default and no ranges (SDM vol. 3A, 11.11.2.1); while they
// are off Linux leaves the page attribute table alone.
func enter(c *cpu.State, rip uint64) {
	const (
		rsi             = 6
		pe, et, ne, pg  = 1 << 0, 1 << 4, 1 << 5, 1 << 31 // CR0
		pae             = 1 << 5                          // CR4
		lme, lma        = 1 << 8, 1 << 10                 // EFER
		cs              = 1                               // in State.Seg
		code, data, tss = 0xa09b, 0xc093, 0x008b
		mtrrE, mtrrWB   = 1 << 11, 6 // IA32_MTRR_DEF_TYPE
	)
	c.CR0, c.CR4, c.CR3, c.EFER = pe|et|ne|pg, pae, tablesAt, lme|lma
	c.RFLAGS, c.RIP, c.R[rsi] = 2, rip, paramsAt
	for i := range c.Seg {
		c.Seg[i] = cpu.Segment{Sel: 0x18, Attr: data, Limit: 0xffffffff}
	}
	c.Seg[cs] = cpu.Segment{Sel: 0x10, Attr: code, Limit: 0xffffffff}
	c.TR = cpu.Segment{Attr: tss, Limit: 0xffff}
	c.LDTR = cpu.Segment{Attr: 0x0082, Limit: 0xffff}
	c.GDTR = cpu.TableReg{Base: gdtAt, Limit: 4*8 - 1}
	c.IDTR = cpu.TableReg{}
	c.MTRRDefType = mtrrE | mtrrWB
}

func alignUp(n, to uint64) uint64 { return (n + to - 1) &^ (to - 1) }
