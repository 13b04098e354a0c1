// Package power models what switches a PC off, resets it, or tells its host an
// exit code.
//
//   - PIIX4PM: the ACPI fixed hardware: PM1 event and control registers (ACPI
//     6.5, 4.8.3; laid out as in the 82371AB, 290562-001, 7.2), soft-off and the
//     power button. The machine is in ACPI mode from the start: there is no SMI
//     command port, and SCI_EN is always set.
//   - ResetControl: port CF9h (82371AB, 4.5.5).
//   - Port92: system control port A (82371AB, 4.5.4).
//   - DebugExit: a port that ends the run with a code, for test programs.
//   - PVPanic: the port of a kernel that panics (QEMU, docs/specs/pvpanic.rst), with
//     the ISA interface. Bit 2, a regular shutdown, is not recognised: there is
//     ACPI for that.
//
// Outside the machine, the power management has one inlet, "button": an input
// presses and releases the power button. PVPanic has one outlet, "event": a byte with
// the recognised bits that the guest wrote.
package power
