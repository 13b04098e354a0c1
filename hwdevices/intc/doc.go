// Package intc models the interrupt controllers of a PC.
//
//   - I8259: the cascaded pair of Intel 8259A (data sheet 231468-003), with the
//     edge/level control registers of the 82371AB (PIIX4, 290562-001, 4.2.x).
//   - LocalAPIC: the processor's local APIC in xAPIC and x2APIC mode (Intel
//     SDM vol. 3A, chapter 10).
//   - IOAPIC82093: the 82093AA (290566-001).
//
// How they are wired on a PC: the 8259s' INT goes to the local APIC's LINT0
// over a request wire, so that an acknowledge can come back (virtual wire mode,
// MultiProcessor Specification 1.4, 3.6.2.2); the local APIC drives the
// processor's INTR; the I/O APIC speaks to it by messages of the form that
// message-signalled interrupts have.
package intc
