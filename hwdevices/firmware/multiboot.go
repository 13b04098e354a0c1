package firmware

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"vmrecord/vmm/cpu"
	"vmrecord/vmm/mem"
)

// A Multiboot is a kernel of the Multiboot specification, version 0.6.96, and
// what it is started with.
type Multiboot struct {
	Kernel []byte // ELF32, or what its header's address fields say
	Initrd []byte // its one module, if there is any
	Append string // command line
	Map    []Range
}

// ErrNotMultiboot is returned, wrapped, for a file that is not a Multiboot
// kernel we can boot.
var ErrNotMultiboot = errors.New("not a Multiboot kernel")

func notMultiboot(f string, a ...any) error {
	return fmt.Errorf("%w: "+f, append([]any{ErrNotMultiboot}, a...)...)
}

// Numbers of the specification.
const (
	mbMagic   = 0x1badb002
	mbBooted  = 0x2badb002
	mbSearch  = 8192 // the header stands in so many bytes
	mbAlign   = 1 << 0
	mbMemory  = 1 << 1
	mbVideo   = 1 << 2
	mbFields  = 1 << 16 // address fields instead of ELF's
	mbRefused = 0xffff &^ (mbAlign | mbMemory | mbVideo)
)

// Addresses of ours; the GDT is where Linux's is.
const (
	infoAt    = 0x7000
	mapAt     = 0x7100
	modulesAt = 0x7f00
	loaderAt  = 0x7f80 // its name
)

// multibootHeader finds the header: where it stands, and how much of the file
// follows. ok is false where there is none.
func multibootHeader(k []byte) (at int, ok bool) {
	le := binary.LittleEndian
	for at = 0; at+12 <= min(len(k), mbSearch); at += 4 {
		if m, f, s := le.Uint32(k[at:]), le.Uint32(k[at+4:]), le.Uint32(k[at+8:]); m == mbMagic && m+f+s == 0 {
			return at, true
		}
	}
	return 0, false
}

// IsMultiboot tells whether a file says that it is a Multiboot kernel.
func IsMultiboot(k []byte) bool {
	_, ok := multibootHeader(k)
	return ok
}

// Load puts kernel, module and tables into RAM and the processor, which must be
// as after a reset, at the kernel's entry point in 32-bit protected mode.
func (b *Multiboot) Load(ram *mem.RAM, c *cpu.State) error {
	segs, entry, err := b.image()
	if err != nil {
		return err
	}
	l := Linux{Map: b.Map}
	switch {
	case uint64(len(b.Append)) > lowEnd-appendAt-1:
		return fmt.Errorf("the kernel's command line is %d bytes long; at most %d", len(b.Append), lowEnd-appendAt-1)
	case strings.ContainsRune(b.Append, 0):
		return errors.New("the kernel's command line holds a NUL")
	case len(b.Map) > maxMap:
		return fmt.Errorf("memory map has %d entries; at most %d", len(b.Map), maxMap)
	case !l.room(ram, gdtAt, lowEnd-gdtAt):
		return fmt.Errorf("no RAM at %#x-%#x for the boot loader", gdtAt, lowEnd)
	}
	end, err := b.fits(ram, segs)
	if err != nil {
		return err
	}
	module, ok := l.highest(ram, uint64(len(b.Initrd)), end, 1<<32)
	if !ok && len(b.Initrd) != 0 {
		return fmt.Errorf("no room for the module: it needs %d MiB of RAM above %#x; give the guest more memory", len(b.Initrd)>>20+1, end)
	}
	for _, s := range segs {
		ram.Write(s.at, s.data)
		zero(ram, s.at+uint64(len(s.data)), s.at+s.size)
	}
	ram.Write(module, b.Initrd)
	ram.Write(appendAt, append([]byte(b.Append), 0))
	ram.Write(infoAt, b.info(module))
	ram.Write(gdtAt, gdt32())
	enter32(c, entry)
	c.R[0], c.R[3] = mbBooted, infoAt // EAX, EBX
	return nil
}

// image is what the file wants loaded, and where it starts.
func (b *Multiboot) image() (segs []segment, entry uint64, err error) {
	at, ok := multibootHeader(b.Kernel)
	if !ok {
		return nil, 0, notMultiboot("no header in its first %d bytes", mbSearch)
	}
	flags := binary.LittleEndian.Uint32(b.Kernel[at+4:])
	switch {
	case flags&mbRefused != 0:
		return nil, 0, notMultiboot("it needs what we do not know: flags %#x", flags)
	case flags&mbVideo != 0:
		return nil, 0, notMultiboot("it wants a video mode; this machine has a serial console only")
	case flags&mbFields != 0:
		return b.addressed(at)
	}
	return elf32(b.Kernel)
}

// addressed is an image by the header's address fields (3.1.3).
func (b *Multiboot) addressed(at int) ([]segment, uint64, error) {
	k := b.Kernel
	if at+32 > len(k) {
		return nil, 0, notMultiboot("its address fields are cut short")
	}
	f := func(i int) uint64 { return uint64(binary.LittleEndian.Uint32(k[at+12+4*i:])) }
	header, load, loadEnd, bssEnd, entry := f(0), f(1), f(2), f(3), f(4)
	if load > header || header-load > uint64(at) {
		return nil, 0, notMultiboot("its header at %#x is to be at %#x, and its load address is %#x", at, header, load)
	}
	data := k[uint64(at)-(header-load):]
	if loadEnd != 0 {
		if loadEnd < load || loadEnd-load > uint64(len(data)) {
			return nil, 0, notMultiboot("it is to be loaded to %#x-%#x; the file has %#x bytes of that", load, loadEnd, len(data))
		}
		data = data[:loadEnd-load]
	}
	size := uint64(len(data))
	if bssEnd != 0 {
		if bssEnd < load+size {
			return nil, 0, notMultiboot("its bss ends at %#x, within what is loaded to %#x-%#x", bssEnd, load, load+size)
		}
		size = bssEnd - load
	}
	return []segment{{load, data, size}}, entry, nil
}

// fits proves that all segments lie in RAM that is not ours; end is the first
// address above all of them.
func (b *Multiboot) fits(ram *mem.RAM, segs []segment) (end uint64, err error) {
	l, end, total := Linux{Map: b.Map}, uint64(lowEnd), uint64(0)
	for _, s := range segs {
		if total += s.size; total > ram.Size() {
			return 0, notMultiboot("its segments add up to more than the %d MiB of memory", ram.Size()>>20)
		}
		if !l.room(ram, s.at, s.size) {
			return 0, fmt.Errorf("the kernel is to be loaded to %#x-%#x, where this machine has no RAM; link it elsewhere, or give the guest more memory",
				s.at, s.at+s.size)
		}
		if s.at < lowEnd && s.at+s.size > gdtAt {
			return 0, fmt.Errorf("the kernel is to be loaded to %#x-%#x; %#x-%#x is the boot loader's: link it from 1 MiB on",
				s.at, s.at+s.size, gdtAt, lowEnd)
		}
		end = max(end, s.at+s.size)
	}
	return end, nil
}

// zero writes zeros from one address to another.
func zero(ram *mem.RAM, from, to uint64) {
	var zeros [pageBytes]byte
	for from < to {
		n := min(to-from, pageBytes)
		ram.Write(from, zeros[:n])
		from += n
	}
}

// info is the boot information with what it points to (3.3).
func (b *Multiboot) info(module uint64) []byte {
	const memory, cmdline, mods, mmap, name = 1 << 0, 1 << 2, 1 << 3, 1 << 6, 1 << 9
	p := make([]byte, pageBytes)
	le := binary.LittleEndian
	put := func(off int, v uint64) { le.PutUint32(p[off:], uint32(v)) }
	put(0, memory|cmdline|mods|mmap|name)
	for _, r := range b.Map {
		switch {
		case r.Type != RAM:
		case r.Base == 0:
			put(4, r.Size>>10)
		case r.Base == 1<<20:
			put(8, min(r.Size, 1<<32-1<<20)>>10)
		}
	}
	put(16, appendAt)
	put(24, modulesAt)
	if len(b.Initrd) != 0 {
		put(20, 1)
		put(modulesAt-infoAt, module)
		put(modulesAt-infoAt+4, module+uint64(len(b.Initrd)))
		put(modulesAt-infoAt+8, modulesAt+16) // its string: empty
	}
	put(44, uint64(24*len(b.Map)))
	put(48, mapAt)
	for i, r := range b.Map {
		e := mapAt - infoAt + 24*i
		put(e, 20)
		le.PutUint64(p[e+4:], r.Base)
		le.PutUint64(p[e+12:], r.Size)
		put(e+20, uint64(r.Type))
	}
	put(64, loaderAt)
	copy(p[loaderAt-infoAt:], "vmrecord")
	return p
}

// gdt32 holds 32-bit code (0x10) and data (0x18).
func gdt32() []byte {
	p := make([]byte, 4*8)
	binary.LittleEndian.PutUint64(p[0x10:], 0x00cf9b000000ffff)
	binary.LittleEndian.PutUint64(p[0x18:], 0x00cf93000000ffff)
	return p
}

// enter32 sets the processor up as both specifications want it (0.6.96, 3.2;
// boot.rst, "32-bit BOOT PROTOCOL"): protected mode without paging, flat
// segments, interrupts off, general registers zero. The MTRRs are as enter
// leaves them.
func enter32(c *cpu.State, eip uint64) {
	enter(c, eip)
	c.CR0, c.CR4, c.CR3, c.EFER = 1<<0|1<<4|1<<5, 0, 0, 0 // PE, ET, NE
	c.Seg[1].Attr = 0xc09b
	for i := range c.R {
		c.R[i] = 0
	}
}
