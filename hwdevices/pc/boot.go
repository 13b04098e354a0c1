package pc

import (
	"errors"
	"fmt"

	"vmrecord/hwdevices/firmware"
	"vmrecord/vmm"
)

const (
	tablesAt = 0xe0000
	rsdpAt   = 0xf0000
)

// Firmware does a BIOS's work on a fresh board of New: the ACPI tables in RAM,
// the chips' settings. It returns the address of the root pointer and the
// memory map, which a boot loader passes on.
func Firmware(b *vmm.Board) (rsdp uint64, m []firmware.Range, err error) {
	size := b.Mem.Size()
	switch {
	case size < 2<<20:
		return 0, nil, fmt.Errorf("a PC needs 2 MiB of memory; this one has %d bytes", size)
	case size > MaxRAM:
		return 0, nil, errors.New("this PC takes at most 3 GiB of memory")
	}
	for _, t := range tables(b.Device(SlotPanic) != nil) {
		b.Mem.Write(t.at, t.data)
	}
	setChips(b)
	setCMOS(b, size)
	return rsdpAt, firmware.Map(size), nil
}

// BootLinux is Firmware and then a boot loader: it leaves a fresh machine at the entry
// of l's kernel, which is told of this PC's tables and memory.
func BootLinux(m *vmm.Machine, l firmware.Linux) (err error) {
	if l.RSDP, l.Map, err = Firmware(m.Board); err != nil {
		return err
	}
	return l.Load(m.Mem, m.CPU)
}

// setChips initialises the interrupt controllers and the timer.
func setChips(b *vmm.Board) {
	for _, w := range []struct {
		port uint16
		v    uint64
	}{
		// Both 8259s: ICW1 to ICW4 (edge, cascade, 8086 mode), all masked.
		{0x20, 0x11}, {0x21, 0x08}, {0x21, 0x04}, {0x21, 0x01}, {0x21, 0xff},
		{0xa0, 0x11}, {0xa1, 0x70}, {0xa1, 0x02}, {0xa1, 0x01}, {0xa1, 0xff},
		{0x4d0 + wireSCI/8, 1 << (wireSCI % 8)}, // the SCI is level-triggered
		// Counter 0: mode 2, 65536.
		{0x43, 0x34}, {0x40, 0}, {0x40, 0},
		// Keyboard controller: self test, its answer, command byte.
		{0x64, 0xaa},
	} {
		b.PortOut(w.port, 1, w.v)
	}
	b.PortIn(0x60, 1)
	b.MemOut(memLAPIC+0xf0, 4, 0x10f)  // SVR: enabled
	b.MemOut(memLAPIC+0x350, 4, 0x700) // LINT0: ExtINT
	b.MemOut(memLAPIC+0x360, 4, 0x400) // LINT1: NMI
}

// setCMOS writes what a BIOS keeps in the clock's memory (Ralf Brown's CMOS
// list): equipment, and memory sizes in KiB and in 64 KiB above 16 MiB.
func setCMOS(b *vmm.Board, size uint64) {
	put := func(i uint8, v uint64) {
		b.PortOut(0x70, 1, uint64(i))
		b.PortOut(0x71, 1, v)
	}
	const mib = 1 << 20
	ext := min((size-mib)/1024, 0xfc00)
	high := (max(size, 16*mib) - 16*mib) / 65536
	put(0x14, 0x04) // a mouse port, no display, no floppy
	for _, w := range []struct {
		i uint8
		v uint64
	}{{0x15, 640}, {0x17, ext}, {0x30, ext}, {0x34, high}} {
		put(w.i, w.v&0xff)
		put(w.i+1, w.v>>8)
	}
}
