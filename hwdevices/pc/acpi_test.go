package pc

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"vmrecord/vmm/mem"
)

func TestChecksums(t *testing.T) {
	for _, tb := range append(tables(false), tables(true)...) {
		s, sig := byte(0), string(tb.data[:4])
		for _, c := range tb.data {
			s += c
		}
		if sig != "FACS" && s != 0 {
			t.Errorf("%s: bytes add up to %#x", sig, s)
		}
		if tb.at%16 != 0 || tb.at+uint64(len(tb.data)) > 0x100000 {
			t.Errorf("%s: at %#x, %d bytes", sig, tb.at, len(tb.data))
		}
	}
}

// A board without a PVPanic has the tables that it always had.
func TestPanicDevice(t *testing.T) {
	for _, there := range []bool{false, true} {
		b := New(mem.New(make([]byte, 2<<20)), Options{PVPanic: there})
		if _, _, err := Firmware(b); err != nil {
			t.Fatal(err)
		}
		if got := bytes.Contains(b.Mem.B[tablesAt:rsdpAt], []byte("QEMU0001")); got != there || (b.PortIn(portPanic, 1) == 3) != there {
			t.Errorf("asked for: %v, in the tables: %v, port %#x", there, got, b.PortIn(portPanic, 1))
		}
	}
}

// TestTablesDisassemble has Intel's ACPI compiler read every table; it needs
// Debian's acpica-tools.
func TestTablesDisassemble(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct{ sig, want string }{
		{"DSDT", `Name (\_S5, Package (0x04)`},
		{"DSDT", `Name (_HID, EisaId ("PNP0A03") /* PCI Bus */)`},
		{"DSDT", `Name (_HID, EisaId ("PNP0501") /* 16550A-compatible COM Serial Port */)`},
		{"DSDT", `Name (_HID, EisaId ("PNP0303") /* IBM Enhanced Keyboard (101/102-key, PS/2 Mouse) */)`},
		{"DSDT", `Name (_HID, EisaId ("PNP0F13") /* PS/2 Mouse */)`},
		{"DSDT", `Name (_HID, "QEMU0001")`},
		{"DSDT", `OperationRegion (PEOR, SystemIO, 0x0505, One)`},
		{"DSDT", `Return (PEPT)`},
		{"DSDT", `PEPT = Arg0`},
		{"DSDT", `0xFEBFFFFF,         // Range Maximum`},
		{"FACP", `[06Ch 0108   1]            RTC Century Index : 32`},
		{"FACP", `Reset Register Supported (V2) : 1`},
		{"APIC", `Subtable Type : 01 [I/O APIC]`},
		{"APIC", `Subtable Type : 04 [Local APIC NMI]`},
		{"RSDT", `ACPI Table Address   1`},
		{"XSDT", `ACPI Table Address   1`},
	} {
		f := filepath.Join(dir, c.sig+".aml")
		for _, tb := range tables(true) {
			if string(tb.data[:4]) == c.sig {
				if err := os.WriteFile(f, tb.data, 0o644); err != nil {
					t.Fatal(err)
				}
			}
		}
		out, err := exec.Command("iasl", "-d", f).CombinedOutput()
		if err != nil {
			t.Fatalf("iasl -d (Debian: acpica-tools): %v\n%s", err, out)
		}
		dsl, _ := os.ReadFile(filepath.Join(dir, c.sig+".dsl"))
		if !strings.Contains(string(dsl), c.want) {
			t.Errorf("%s: no line %q in\n%s%s", c.sig, c.want, out, dsl)
		}
		for _, bad := range []string{"Invalid", "Warning", "Error", "Incorrect"} {
			if bytes.Contains(out, []byte(bad)) {
				t.Errorf("%s: iasl says\n%s", c.sig, out)
			}
		}
		if c.sig == "DSDT" {
			if out, err := exec.Command("iasl", filepath.Join(dir, "DSDT.dsl")).CombinedOutput(); err != nil || !bytes.Contains(out, []byte("0 Errors, 0 Warnings")) {
				t.Errorf("compiled again: %v\n%s", err, out)
			}
		}
	}
}

func TestFirmware(t *testing.T) {
	b := New(mem.New(make([]byte, 64<<20)), Options{Epoch: 1_700_000_000})
	rsdp, m, err := Firmware(b)
	if err != nil {
		t.Fatal(err)
	}
	if got := b.Mem.B[rsdp : rsdp+8]; string(got) != "RSD PTR " {
		t.Errorf("at %#x: %q", rsdp, got)
	}
	if last := m[len(m)-1]; last.Base+last.Size != 64<<20 {
		t.Errorf("map ends at %#x", last.Base+last.Size)
	}
	for i, want := range map[uint64]uint64{0x15: 0x80, 0x16: 2, 0x30: 0, 0x31: 0xfc, 0x34: 0, 0x35: 3, 0x32: 0x20, 9: 0x23} {
		b.PortOut(0x70, 1, i)
		if got := b.PortIn(0x71, 1); got != want {
			t.Errorf("CMOS %#x: %#x, want %#x", i, got, want)
		}
	}
	// Virtual wire: an unmasked timer interrupt reaches INTR with the 8259's vector.
	b.PortOut(0x21, 1, 0xfe)
	for !b.INTR() && b.Now() < 400_000_000 {
		b.Advance(b.Deadline())
	}
	if v := b.Acknowledge(); v != 8 {
		t.Errorf("vector %#x, want 8", v)
	}
	for _, size := range []int{0, 1 << 20} {
		if _, _, err := Firmware(New(mem.New(make([]byte, size)), Options{})); err == nil {
			t.Errorf("%d bytes of memory: no error", size)
		}
	}
}
