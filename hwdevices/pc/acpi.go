package pc

import (
	"encoding/binary"

	"vmrecord/hwdevices/power"
)

// A table is one ACPI structure and where it lies.
type table struct {
	at   uint64
	data []byte
}

var le = binary.LittleEndian

// tables lays out all of them, for a board with or without a PVPanic.
func tables(panics bool) []table {
	facs := table{tablesAt, facs()}
	dsdt := after(facs, sdt("DSDT", 2, dsdtBody(panics)))
	fadt := after(dsdt, sdt("FACP", 3, fadtBody(uint32(facs.at), uint32(dsdt.at))))
	madt := after(fadt, sdt("APIC", 3, madtBody()))
	var p4, p8 []byte
	for _, t := range []table{fadt, madt} {
		p4 = le.AppendUint32(p4, uint32(t.at))
		p8 = le.AppendUint64(p8, t.at)
	}
	rsdt := after(madt, sdt("RSDT", 1, p4))
	xsdt := after(rsdt, sdt("XSDT", 1, p8))
	return []table{facs, dsdt, fadt, madt, rsdt, xsdt, {rsdpAt, rsdp(rsdt.at, xsdt.at)}}
}

// after places data at the next multiple of 64 behind t.
func after(t table, data []byte) table {
	return table{(t.at + uint64(len(t.data)) + 63) &^ 63, data}
}

// sum makes b[at] such that all of b adds up to 0.
func sum(b []byte, at int) {
	s := byte(0)
	b[at] = 0
	for _, c := range b {
		s += c
	}
	b[at] = -s
}

// sdt puts the header of a system description table before its body (ACPI
// 6.5, 5.2.6).
func sdt(signature string, revision byte, body []byte) []byte {
	t := make([]byte, 36, 36+len(body))
	copy(t, signature)
	le.PutUint32(t[4:], uint32(36+len(body)))
	t[8] = revision
	copy(t[10:], "VMREC ")
	copy(t[16:], "VMRECPC ")
	le.PutUint32(t[24:], 1)
	copy(t[28:], "VMRE")
	le.PutUint32(t[32:], 1)
	t = append(t, body...)
	sum(t, 9)
	return t
}

// rsdp is the root pointer (5.2.5.3): 20 bytes of ACPI 1.0 with their own checksum, 36 in all.
func rsdp(rsdt, xsdt uint64) []byte {
	t := make([]byte, 36)
	copy(t, "RSD PTR ")
	copy(t[9:], "VMREC ")
	t[15] = 2
	le.PutUint32(t[16:], uint32(rsdt))
	le.PutUint32(t[20:], 36)
	le.PutUint64(t[24:], xsdt)
	sum(t[:20], 8)
	sum(t, 32)
	return t
}

// facs is the firmware control structure (5.2.10): there is no waking.
func facs() []byte {
	t := make([]byte, 64)
	copy(t, "FACS")
	le.PutUint32(t[4:], 64)
	t[32] = 1
	return t
}

// port is a generic address structure (5.2.3.2) in I/O space.
func port(addr uint64, bits, access byte) []byte {
	return le.AppendUint64([]byte{1, bits, 0, access}, addr)
}

// fadtBody is the fixed description table (5.2.9), revision 3, from offset 36.
func fadtBody(facs, dsdt uint32) []byte {
	const (
		legacyDevices, keyboard8042, noVGA = 1 << 0, 1 << 1, 1 << 2 // IAPC_BOOT_ARCH

		wbinvd, procC1, noSleepButton, noFixedRTC, resetReg = 1 << 0, 1 << 2, 1 << 5, 1 << 6, 1 << 10
	)
	t := make([]byte, 244)
	le.PutUint32(t[36:], facs)
	le.PutUint32(t[40:], dsdt)
	t[45] = 1 // desktop
	le.PutUint16(t[46:], wireSCI)
	le.PutUint32(t[56:], portPM1)
	le.PutUint32(t[64:], portPM1+4)
	le.PutUint32(t[76:], portPMTmr)
	t[88], t[89], t[91] = 4, 2, 4 // lengths of those blocks
	le.PutUint16(t[96:], 0xfff)   // no C2
	le.PutUint16(t[98:], 0xfff)   // no C3
	t[108] = 0x32                 // century
	le.PutUint16(t[109:], legacyDevices|keyboard8042|noVGA)
	le.PutUint32(t[112:], wbinvd|procC1|noSleepButton|noFixedRTC|resetReg)
	copy(t[116:], port(portReset, 8, 1))
	t[128] = 6 // what to write there
	le.PutUint64(t[140:], uint64(dsdt))
	copy(t[148:], port(portPM1, 32, 2))
	copy(t[172:], port(portPM1+4, 16, 2))
	copy(t[208:], port(portPMTmr, 32, 3))
	return t[36:]
}

// madtBody lists the interrupt controllers (5.2.12).
func madtBody() []byte {
	t := le.AppendUint32(nil, memLAPIC)
	t = le.AppendUint32(t, 1)             // the 8259s are there
	t = append(t, 0, 8, 0, 0, 1, 0, 0, 0) // processor 0, APIC 0, enabled
	t = append(t, 1, 12, 0, 0)            // I/O APIC 0 from interrupt 0
	t = le.AppendUint32(t, memIOAPIC)
	t = le.AppendUint32(t, 0)
	t = append(t, 2, 10, 0, 0, 2, 0, 0, 0, 0, 0)               // ISA 0 is on pin 2
	t = append(t, 2, 10, 0, wireSCI, wireSCI, 0, 0, 0, 0xd, 0) // the SCI: active high, level
	return append(t, 4, 6, 0xff, 0, 0, 1)                      // LINT1 of every processor: NMI
}

// dsdtBody is the namespace: what cannot be found by looking.
//
//	Name (\_S5, Package () {5, 5, 0, 0})
//	Scope (\_SB) {
//	    Device (PCI0) { _HID PNP0A03, _UID 0, _CRS bus 0, ports, memory }
//	    Device (RTC)  { _HID PNP0B00, _CRS 70h-71h, interrupt 8 }
//	    Device (KBD)  { _HID PNP0303, _CRS 60h, 64h, interrupt 1 }
//	    Device (AUX)  { _HID PNP0F13, _CRS interrupt 12 }
//	    Device (COM1) { _HID PNP0501, _UID 1, _CRS 3F8h-3FFh, interrupt 4 }
//	    Device (PEVT) { _HID QEMU0001, _CRS 505h, RDPT reads and WRPT writes it }
//	}
//
// The last is there with a PVPanic only.
func dsdtBody(panics bool) []byte {
	off := integer(power.SleepTypeOff)
	s5 := name(`\_S5_`, pack(off, off, integer(0), integer(0)))
	pci := device("PCI0",
		name("_HID", eisaID("PNP0A03")), name("_UID", integer(0)),
		name("_CRS", resources(
			wordSpace(2, 0, 0, 0),
			ioPorts(0xcf8, 8),
			wordSpace(1, 3, 0, 0xcf7),
			wordSpace(1, 3, 0xd00, 0xffff),
			memorySpace(0xa0000, 0xbffff),
			memorySpace(MaxRAM, pciEnd))))
	rtc := device("RTC_", name("_HID", eisaID("PNP0B00")),
		name("_CRS", resources(ioPorts(0x70, 2), irq(8))))
	com := device("COM1", name("_HID", eisaID("PNP0501")), name("_UID", integer(1)),
		name("_CRS", resources(ioPorts(0x3f8, 8), irq(4))))
	kbd := device("KBD_", name("_HID", eisaID("PNP0303")),
		name("_CRS", resources(ioPorts(0x60, 1), ioPorts(0x64, 1), irq(1))))
	aux := device("AUX_", name("_HID", eisaID("PNP0F13")), name("_CRS", resources(irq(12))))
	devices := [][]byte{pci, rtc, kbd, aux, com}
	if panics {
		devices = append(devices, panicDevice())
	}
	return join(s5, scope(`\_SB_`, devices...))
}

// panicDevice is PEVT, with the methods that QEMU's docs/specs/pvpanic.rst names.
func panicDevice() []byte {
	return device("PEVT", name("_HID", text("QEMU0001")),
		name("_CRS", resources(ioPorts(portPanic, 1))),
		ioRegion("PEOR", portPanic, 1), byteField("PEOR", "PEPT"),
		method("RDPT", 0, returned(named("PEPT"))),
		method("WRPT", 1, store(arg0(), named("PEPT"))))
}
