// Package pc is the motherboard: which chips a machine has, at which addresses,
// on which wires. It is a PC with the chip set's usual places (82371AB and
// 82441FX), one processor, and neither DMA controllers nor a display.
//
// # Wires
//
// Wires 0 to 15 are the ISA interrupt requests, 16 to 23 the I/O APIC's other
// inputs, free for PCI devices; wireNMI is LINT1 of the local APIC. The 8259s
// hear 0 to 15 (their input 2 is the cascade); the I/O APIC hears wire n on pin
// n, except that wire 0, the interval timer, is on pin 2. Request wire 0 goes
// from the local APIC to the processor, request wire 1 from the 8259s to LINT0.
//
// # Memory
//
// RAM begins at 0 and has no hole: 640 KiB to 1 MiB is RAM too. It may end at
// 3 GiB at most; from there on are PCI's window and the APICs' registers.
//
// # Firmware
//
// Firmware leaves RAM and chips as a BIOS would before it starts a boot loader:
//
//	0x0e0000  ACPI tables: FACS, DSDT, FADT, MADT, RSDT, XSDT (ACPI 6.5, 5.2)
//	0x0f0000  RSDP
//
// The local APIC is in virtual wire mode, the 8259s are initialised and masked,
// counter 0 of the interval timer runs at 18.2 Hz, and the clock's memory tells
// the sizes that a BIOS keeps there.
package pc
