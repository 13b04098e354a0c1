package pc

import (
	"vmrecord/hwdevices/input"
	"vmrecord/hwdevices/intc"
	"vmrecord/hwdevices/pci"
	"vmrecord/hwdevices/power"
	"vmrecord/hwdevices/serial"
	"vmrecord/hwdevices/timer"
	"vmrecord/vmm"
	"vmrecord/vmm/mem"
)

// Options are what may differ between two boards.
type Options struct {
	Hz        uint64 // instants in a guest second; 0: vmm.DefaultHz
	Epoch     uint64 // Unix seconds that the clock shows at instant 0
	DebugExit bool   // port F4h ends the run
	PVPanic   bool   // the guest's kernel can tell that it panics
}

// A Part is a chip and its place.
type Part struct {
	vmm.Place
	Device vmm.Device
}

// Addresses that the firmware's tables repeat.
const (
	portPM1   = 0x600 // status and enable, and control at +4
	portPMTmr = 0x608
	portReset = 0xcf9
	portPanic = 0x505

	memIOAPIC = 0xfec00000
	memLAPIC  = 0xfee00000

	// MaxRAM is where the PCI window begins.
	MaxRAM = 0xc0000000
	pciEnd = 0xfebfffff

	wireSCI  = 9
	wireNMI  = 24
	wireNone = 31 // what no part drives

	// SlotPanic is the slot of the PVPanic.
	SlotPanic = "pvpanic"
)

// parts is the catalogue, in slot order: earlier windows win.
func parts(o Options) []Part {
	list := []Part{
		{vmm.Place{Name: "lapic", Mem: []uint64{memLAPIC}, Pins: []uint16{wireNMI}, Reqs: []uint8{0, 1}}, new(intc.LocalAPIC)},
		{vmm.Place{Name: "ioapic", Mem: []uint64{memIOAPIC}, Pins: []uint16{wireNone, 1, 0, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12,
			13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23}}, new(intc.IOAPIC82093)},
		{vmm.Place{Name: "pic", Ports: []uint16{0x20, 0xa0, 0x4d0}, Reqs: []uint8{1},
			Pins: []uint16{0, 1, wireNone, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}}, new(intc.I8259)},
		{vmm.Place{Name: "pit", Ports: []uint16{0x40, 0x61}, Lines: []uint16{0}}, new(timer.I8254)},
		{vmm.Place{Name: "rtc", Ports: []uint16{0x70}, Lines: []uint16{8}}, new(timer.MC146818)},
		{vmm.Place{Name: "kbc", Ports: []uint16{0x60, 0x64}, Lines: []uint16{1, 12}}, new(input.I8042)},
		{vmm.Place{Name: "port92", Ports: []uint16{0x92}}, new(power.Port92)},
		{vmm.Place{Name: "reset", Ports: []uint16{portReset}}, new(power.ResetControl)},
		{vmm.Place{Name: "pci", Ports: []uint16{0xcf8}}, new(pci.I440FX)},
		{vmm.Place{Name: "power", Ports: []uint16{portPM1}, Lines: []uint16{wireSCI}}, new(power.PIIX4PM)},
		{vmm.Place{Name: "pmtimer", Ports: []uint16{portPMTmr}}, new(timer.ACPIPM)},
		{vmm.Place{Name: "com1", Ports: []uint16{0x3f8}, Lines: []uint16{4}}, new(serial.UART16550)},
	}
	if o.DebugExit {
		list = append(list, Part{vmm.Place{Name: "exit", Ports: []uint16{0xf4}}, new(power.DebugExit)})
	}
	if o.PVPanic {
		list = append(list, Part{vmm.Place{Name: SlotPanic, Ports: []uint16{portPanic}}, new(power.PVPanic)})
	}
	return list
}

// New returns a board with its chips over the given RAM.
func New(ram *mem.RAM, o Options) *vmm.Board {
	b := vmm.NewBoard(ram, vmm.Config{Hz: o.Hz, Epoch: o.Epoch})
	for _, p := range parts(o) {
		b.Plug(p.Place, p.Device)
	}
	return b
}
