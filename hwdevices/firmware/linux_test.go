package firmware

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	"vmrecord/vmm/cpu"
	"vmrecord/vmm/mem"
)

// image is a small bzImage: protocol 2.15, four setup sectors, 1 MiB alignment.
func image() []byte {
	k := make([]byte, 5*512+4096)
	le := binary.LittleEndian
	k[0x1f1], k[0x201], k[0x211], k[0x234] = 4, 0x6a, 1, 1
	le.PutUint32(k[0x1f4:], 4096/16)
	le.PutUint16(k[0x1fe:], 0xaa55)
	copy(k[0x202:], "HdrS")
	le.PutUint16(k[0x206:], 0x020f)
	le.PutUint32(k[0x22c:], 0x7fffffff)
	le.PutUint32(k[0x230:], 1<<20)
	le.PutUint16(k[0x236:], 1)
	le.PutUint32(k[0x238:], 2047)
	le.PutUint64(k[0x258:], 16<<20)
	le.PutUint32(k[0x260:], 4<<20)
	copy(k[5*512:], "kernel")
	return k
}

func newRAM(mib int) *mem.RAM { return mem.New(make([]byte, mib<<20)) }

func TestLoad(t *testing.T) {
	ram, c := newRAM(32), new(cpu.State)
	l := Linux{Kernel: image(), Initrd: []byte("ramdisk"), Append: "console=ttyS0", Map: Map(32 << 20), RSDP: 0xf0000}
	if err := l.Load(ram, c); err != nil {
		t.Fatal(err)
	}
	if got := ram.B[16<<20 : 16<<20+6]; string(got) != "kernel" {
		t.Errorf("kernel %q", got)
	}
	if c.RIP != 16<<20+0x200 || c.R[6] != paramsAt || c.RFLAGS != 2 || c.Seg[1].Sel != 0x10 || c.Seg[3].Sel != 0x18 {
		t.Errorf("RIP %#x RSI %#x RFLAGS %#x CS %#x DS %#x", c.RIP, c.R[6], c.RFLAGS, c.Seg[1].Sel, c.Seg[3].Sel)
	}
	p := ram.B[paramsAt : paramsAt+4096]
	le := binary.LittleEndian
	rd := le.Uint32(p[0x218:])
	for _, f := range []struct {
		what      string
		got, want uint64
	}{
		{"ramdisk_image", uint64(rd), 32<<20 - 4096},
		{"ramdisk_size", uint64(le.Uint32(p[0x21c:])), 7},
		{"type_of_loader", uint64(p[0x210]), 0xff},
		{"cmd_line_ptr", uint64(le.Uint32(p[0x228:])), appendAt},
		{"acpi_rsdp_addr", le.Uint64(p[0x70:]), 0xf0000},
		{"e820_entries", uint64(p[0x1e8]), 4},
		{"e820[3].size", le.Uint64(p[0x2d0+60+8:]), 31 << 20},
		{"header", uint64(le.Uint32(p[0x202:])), 0x53726448},
		{"sentinel", uint64(p[0x1ef]), 0},
		{"PML4[0]", le.Uint64(ram.B[c.CR3:]), tablesAt + 0x1003},
		{"PDPT[3]", le.Uint64(ram.B[tablesAt+0x1018:]), tablesAt + 0x5003},
		{"PD[2047]", le.Uint64(ram.B[tablesAt+0x5ff8:]), 0xffe00083},
		{"GDT[2]", le.Uint64(ram.B[c.GDTR.Base+0x10:]), 0x00af9b000000ffff},
	} {
		if f.got != f.want {
			t.Errorf("%s is %#x, want %#x", f.what, f.got, f.want)
		}
	}
	if got := ram.B[rd : rd+7]; string(got) != "ramdisk" {
		t.Errorf("ramdisk %q", got)
	}
	if got := ram.B[appendAt : appendAt+14]; string(got) != "console=ttyS0\x00" {
		t.Errorf("command line %q", got)
	}
}

// A kernel without a 64-bit entry starts at its 32-bit one (boot.rst, "32-bit
// BOOT PROTOCOL").
func TestEntry32(t *testing.T) {
	ram, c, k := newRAM(32), new(cpu.State), image()
	c.Cold(1)
	k[0x236] = 0
	if err := (&Linux{Kernel: k, Map: Map(32 << 20)}).Load(ram, c); err != nil {
		t.Fatal(err)
	}
	if c.RIP != 16<<20 || c.R[6] != paramsAt || c.R[2] != 0 || c.CR0 != 0x31 || c.EFER|c.CR4 != 0 || c.Seg[1].Attr != 0xc09b || c.Seg[1].Sel != 0x10 {
		t.Errorf("EIP %#x ESI %#x EDX %#x CR0 %#x EFER %#x CS %+v", c.RIP, c.R[6], c.R[2], c.CR0, c.EFER, c.Seg[1])
	}
}

// The hidden parts say what the descriptors in our GDT say.
func TestSegmentsMatchGDT(t *testing.T) {
	ram, c := newRAM(32), new(cpu.State)
	if err := (&Linux{Kernel: image(), Map: Map(32 << 20)}).Load(ram, c); err != nil {
		t.Fatal(err)
	}
	for _, s := range []cpu.Segment{c.Seg[1], c.Seg[3]} {
		d := binary.LittleEndian.Uint64(ram.B[c.GDTR.Base+uint64(s.Sel):])
		if attr := uint16(d>>40) & 0xf0ff; attr != s.Attr {
			t.Errorf("selector %#x: descriptor %#x, hidden part %#x", s.Sel, attr, s.Attr)
		}
	}
}

func TestPlacement(t *testing.T) {
	put := func(off int, v uint32) func([]byte) {
		return func(k []byte) { binary.LittleEndian.PutUint32(k[off:], v) }
	}
	for _, c := range []struct {
		what   string
		mib    int
		initrd int
		harm   func([]byte)
		rip    uint64 // 0: refused
		want   string
	}{
		{"preferred", 32, 0, nil, 16<<20 + 0x200, ""},
		{"too high: the lowest aligned address", 16, 0, nil, 1<<20 + 0x200, ""},
		{"alignment 2 MiB", 16, 0, put(0x230, 2<<20), 2<<20 + 0x200, ""},
		{"not relocatable", 16, 0, put(0x234, 0x10000), 0, "give the guest more memory"},
		{"init_size too large", 32, 0, put(0x260, 0xffffffff), 0, "no room for the kernel"},
		{"pref_address wraps", 32, 0, func(k []byte) { binary.LittleEndian.PutUint64(k[0x258:], 1<<64-4096) }, 1<<20 + 0x200, ""},
		{"ramdisk fits", 32, 11 << 20, nil, 16<<20 + 0x200, ""},
		{"ramdisk too large", 32, 13 << 20, nil, 0, "no room for the initial ramdisk"},
		{"ramdisk must be low", 32, 4096, put(0x22c, 0xffff), 0, "no room for the initial ramdisk"},
		{"tiny machine", 1, 0, nil, 0, "no room for the kernel"},
	} {
		k, s := image(), new(cpu.State)
		if c.harm != nil {
			c.harm(k)
		}
		err := (&Linux{Kernel: k, Initrd: make([]byte, c.initrd), Map: Map(uint64(c.mib) << 20)}).Load(newRAM(c.mib), s)
		switch {
		case c.rip != 0 && (err != nil || s.RIP != c.rip):
			t.Errorf("%s: RIP %#x %v, want %#x", c.what, s.RIP, err, c.rip)
		case c.rip == 0 && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: %v, want %s", c.what, err, c.want)
		}
	}
}

func TestRefused(t *testing.T) {
	for _, c := range []struct {
		what string
		off  int
		b    string
		want string
	}{
		{"no boot flag", 0x1fe, "\x00", "no setup header"},
		{"no magic", 0x202, "XdrS", "no setup header"},
		{"old protocol", 0x206, "\x0b\x02", "boot protocol 2.11"},
		{"low", 0x211, "\x00", "below 1 MiB"},
		{"short header", 0x201, "\x10", "ends at 0x212"},
		{"too many sectors", 0x1f1, "\xff", "cut short"},
		{"too long", 0x1f4, "\xff\xff\xff\xff", "cut short"},
		{"alignment", 0x230, "\x00\x00\x30\x00", "alignment"},
		{"alignment 0", 0x230, "\x00\x00\x00\x00", "alignment"},
	} {
		k := image()
		copy(k[c.off:], c.b)
		err := (&Linux{Kernel: k, Map: Map(32 << 20)}).Load(newRAM(32), new(cpu.State))
		if !errors.Is(err, ErrNotLinux) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", c.what, err, c.want)
		}
	}
	ram := newRAM(32)
	for _, l := range []Linux{
		{Kernel: nil, Map: Map(32 << 20)},
		{Kernel: image()[:700], Map: Map(32 << 20)},
		{Kernel: image(), Map: Map(32 << 20), Append: strings.Repeat("x", 2048)},
		{Kernel: image(), Map: Map(32 << 20), Append: "a\x00b"},
		{Kernel: image(), Map: make([]Range, 129)},
		{Kernel: image(), Map: nil},
	} {
		if err := l.Load(ram, new(cpu.State)); err == nil {
			t.Errorf("accepted %d bytes, %d map entries", len(l.Kernel), len(l.Map))
		}
	}
	if !bytes.Equal(ram.B, make([]byte, 32<<20)) {
		t.Error("a refused kernel left traces in RAM")
	}
}

func FuzzLoad(f *testing.F) {
	f.Add(image(), uint64(16<<20))
	f.Add(image()[:600], uint64(0))
	ram := newRAM(20)
	f.Fuzz(func(t *testing.T, k []byte, n uint64) {
		m := Map(20 << 20)
		m[3].Size = n
		_ = (&Linux{Kernel: k, Initrd: []byte("x"), Map: m}).Load(ram, new(cpu.State))
	})
}
