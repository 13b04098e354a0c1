package firmware

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	"vmrecord/vmm/cpu"
)

// elfImage is a 32-bit ELF executable of one segment: a Multiboot header and a
// few bytes at 1 MiB, linked at 3 GiB + 1 MiB, and 64 KiB of zeros behind them.
func elfImage(flags uint32) []byte {
	k := make([]byte, 0x100)
	le := binary.LittleEndian
	copy(k, "\x7fELF\x01\x01\x01")
	for off, v := range map[int]uint16{16: 2, 18: 3, 40: 52, 42: 32, 44: 1} {
		le.PutUint16(k[off:], v)
	}
	le.PutUint32(k[24:], 0xc0100010) // entry
	le.PutUint32(k[28:], 52)
	for i, v := range []uint32{1, 0x80, 0xc0100000, 0x100000, 0x80, 0x10080, 7, 4096} {
		le.PutUint32(k[52+4*i:], v)
	}
	for i, v := range []uint32{mbMagic, flags, -(mbMagic + flags)} {
		le.PutUint32(k[0x80+4*i:], v)
	}
	copy(k[0x90:], "kernel")
	return k
}

func TestMultiboot(t *testing.T) {
	ram, c := newRAM(32), new(cpu.State)
	c.Cold(1)
	copy(ram.B[0x100080:], "not zero")
	b := Multiboot{Kernel: elfImage(mbAlign | mbMemory), Initrd: []byte("module"), Append: "a=b", Map: Map(32 << 20)}
	if err := b.Load(ram, c); err != nil {
		t.Fatal(err)
	}
	le := binary.LittleEndian
	p := ram.B[c.R[3]:]
	mod := ram.B[le.Uint32(p[24:]):]
	mmap := ram.B[le.Uint32(p[48:]):]
	for _, f := range []struct {
		what      string
		got, want uint64
	}{
		{"EAX", c.R[0], 0x2badb002},
		{"EIP", c.RIP, 0x100010},
		{"EFLAGS", c.RFLAGS, 2},
		{"CR0", c.CR0, 0x31},
		{"CS.attr", uint64(c.Seg[1].Attr), 0xc09b},
		{"CS.limit", uint64(c.Seg[1].Limit), 0xffffffff},
		{"SS.attr", uint64(c.Seg[2].Attr), 0xc093},
		{"GDT[CS]", le.Uint64(ram.B[c.GDTR.Base+uint64(c.Seg[1].Sel):]), 0x00cf9b000000ffff},
		{"flags", uint64(le.Uint32(p)), 0x24d},
		{"mem_lower", uint64(le.Uint32(p[4:])), 639},
		{"mem_upper", uint64(le.Uint32(p[8:])), 31 << 10},
		{"mods_count", uint64(le.Uint32(p[20:])), 1},
		{"mod_start", uint64(le.Uint32(mod)), 32<<20 - 4096},
		{"mod_end", uint64(le.Uint32(mod[4:])), 32<<20 - 4096 + 6},
		{"mmap_length", uint64(le.Uint32(p[44:])), 4 * 24},
		{"mmap[3].size", uint64(le.Uint32(mmap[72:])), 20},
		{"mmap[3].base", le.Uint64(mmap[76:]), 1 << 20},
		{"mmap[3].len", le.Uint64(mmap[84:]), 31 << 20},
		{"mmap[3].type", uint64(le.Uint32(mmap[92:])), 1},
	} {
		if f.got != f.want {
			t.Errorf("%s is %#x, want %#x", f.what, f.got, f.want)
		}
	}
	for _, s := range []struct {
		at   uint64
		want string
	}{
		{0x100010, "kernel"},
		{0x100080, "\x00\x00\x00\x00\x00\x00\x00\x00"},
		{32<<20 - 4096, "module"},
		{uint64(le.Uint32(p[16:])), "a=b\x00"},
		{uint64(le.Uint32(p[64:])), "vmrecord\x00"},
		{uint64(le.Uint32(mod[8:])), "\x00"},
	} {
		if got := ram.B[s.at : s.at+uint64(len(s.want))]; string(got) != s.want {
			t.Errorf("at %#x: %q, want %q", s.at, got, s.want)
		}
	}
}

// The header's address fields stand in place of ELF's (0.6.96, 3.1.3).
func TestMultibootFields(t *testing.T) {
	for _, c := range []struct {
		what                   string
		header, load, end, bss uint32
		rip                    uint64
		want                   string
	}{
		{"whole file", 0x200020, 0x200000, 0, 0, 0x200040, ""},
		{"with bss", 0x200020, 0x200020, 0x200060, 0x210000, 0x200040, ""},
		{"header below", 0x200020, 0x200021, 0, 0, 0, "load address"},
		{"load too low", 0x200020, 0x100000, 0, 0, 0, "load address"},
		{"end too far", 0x200020, 0x200020, 0x300000, 0, 0, "the file has"},
		{"end below", 0x200020, 0x200020, 0x200000, 0, 0, "the file has"},
		{"bss below", 0x200020, 0x200020, 0, 0x200021, 0, "bss ends"},
	} {
		k := make([]byte, 0x100)
		flags := uint32(mbFields)
		for i, v := range []uint32{mbMagic, flags, -(mbMagic + flags), c.header, c.load, c.end, c.bss, 0x200040} {
			binary.LittleEndian.PutUint32(k[0x20+4*i:], v)
		}
		s := new(cpu.State)
		err := (&Multiboot{Kernel: k, Map: Map(32 << 20)}).Load(newRAM(32), s)
		switch {
		case c.want == "" && (err != nil || s.RIP != c.rip):
			t.Errorf("%s: RIP %#x %v", c.what, s.RIP, err)
		case c.want != "" && (!errors.Is(err, ErrNotMultiboot) || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: %v, want %s", c.what, err, c.want)
		}
	}
}

func TestMultibootRefused(t *testing.T) {
	put := func(off int, b string) func([]byte) { return func(k []byte) { copy(k[off:], b) } }
	for _, c := range []struct {
		what  string
		flags uint32
		harm  func([]byte)
		want  string
	}{
		{"no header", 0, put(0x80, "\x00"), "no header"},
		{"checksum", 0, put(0x88, "\x00"), "no header"},
		{"unknown needs", 8, nil, "flags 0x8"},
		{"video", mbVideo, nil, "video mode"},
		{"not ELF", 0, put(0, "x"), "not ELF"},
		{"64-bit", 0, put(4, "\x02"), "not 32-bit"},
		{"big-endian", 0, put(5, "\x02"), "not 32-bit"},
		{"another machine", 0, put(18, "\x08"), "not 32-bit"},
		{"object file", 0, put(16, "\x01"), "not an executable"},
		{"headers outside", 0, put(28, "\xf0\x00\x00\x00"), "program headers"},
		{"headers far outside", 0, put(28, "\xff\xff\xff\xff"), "program headers"},
		{"short headers", 0, put(42, "\x04"), "program headers"},
		{"many headers", 0, put(44, "\xff\xff"), "program headers"},
		{"nothing to load", 0, put(52, "\x02"), "nothing to load"},
		{"segment outside", 0, put(56, "\xff\xff\xff\xff"), "segment 0"},
		{"segment too long", 0, put(68, "\xff\xff\xff\xff"), "segment 0"},
		{"memory below file", 0, put(72, "\x01\x00\x00\x00"), "segment 0"},
		{"no RAM", 0, put(64, "\x00\x00\x00\xf0"), "no RAM"},
		{"more than RAM", 0, put(72, "\x00\x00\x00\xf0"), "add up to"},
		{"over the loader", 0, put(64, "\x00\x00\x01\x00"), "boot loader's"},
	} {
		k := elfImage(c.flags)
		if c.harm != nil {
			c.harm(k)
		}
		err := (&Multiboot{Kernel: k, Map: Map(32 << 20)}).Load(newRAM(32), new(cpu.State))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", c.what, err, c.want)
		}
	}
	ram := newRAM(32)
	for _, b := range []Multiboot{
		{Map: Map(32 << 20)},
		{Kernel: elfImage(0), Map: Map(32 << 20), Append: strings.Repeat("x", 1<<16)},
		{Kernel: elfImage(0), Map: Map(32 << 20), Append: "a\x00b"},
		{Kernel: elfImage(0), Map: make([]Range, 129)},
		{Kernel: elfImage(0)},
		{Kernel: elfImage(0), Map: Map(32 << 20), Initrd: make([]byte, 31<<20)},
	} {
		if err := b.Load(ram, new(cpu.State)); err == nil {
			t.Errorf("accepted %d bytes, %d map entries", len(b.Kernel), len(b.Map))
		}
	}
	if !bytes.Equal(ram.B, make([]byte, 32<<20)) {
		t.Error("a refused kernel left traces in RAM")
	}
}

// A header counts in the first 8192 bytes and on 4-byte boundaries only.
func TestIsMultiboot(t *testing.T) {
	for at, want := range map[int]bool{0: true, 4: true, 6: false, 8192 - 12: true, 8192 - 8: false, 8192: false} {
		k := make([]byte, 9000)
		copy(k[at:], elfImage(0)[0x80:0x8c])
		if IsMultiboot(k) != want {
			t.Errorf("header at %d: %v", at, !want)
		}
	}
	if IsMultiboot(image()) || IsMultiboot(nil) {
		t.Error("a bzImage is not one")
	}
}

func FuzzMultiboot(f *testing.F) {
	f.Add(elfImage(0), uint64(16<<20))
	f.Add(elfImage(mbFields), uint64(0))
	f.Add(elfImage(0)[:0x90], uint64(1<<63))
	ram := newRAM(20)
	f.Fuzz(func(t *testing.T, k []byte, n uint64) {
		m := Map(20 << 20)
		m[3].Size = n
		_ = (&Multiboot{Kernel: k, Initrd: []byte("x"), Map: m}).Load(ram, new(cpu.State))
	})
}
