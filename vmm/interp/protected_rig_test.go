package interp

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"vmrecord/vmm/cpu"
	"vmrecord/vmm/x86"
)

// Where the protected-mode rig has its tables and handlers. Vector v's handler
// is at pmHandlers + 16*v; the stacks of rings 0, 1 and 2 end at pmStack0 and
// below.
const (
	pmGDT      = 0x5000
	pmIDT      = 0x6000
	pmTSS      = 0x7000
	pmTSS16    = 0x7100
	pmLDT      = 0x7200
	pmHandlers = 0x11000
	pmStack0   = 0x2f000
)

// pmDescriptors are the GDT, by selector.
var pmDescriptors = map[uint16]uint64{
	0x08:  0x00cf9b000000ffff, // ring 0 code
	0x10:  0x00cf93000000ffff, // ring 0 data
	0x18:  0x00cffb000000ffff, // ring 3 code
	0x20:  0x00cff3000000ffff, // ring 3 data
	0x28:  0x00008b0070000067, // TSS, busy
	0x30:  0x00009b000000ffff, // ring 0 code, 16-bit, to ffff
	0x38:  0x00cf9f000000ffff, // conforming code of ring 0
	0x40:  0x000093020000ffff, // ring 0 data, 16-bit, based at 20000
	0x48:  0x00cf1b000000ffff, // ring 0 code, not present
	0x50:  0x00cf13000000ffff, // ring 0 data, not present
	0x58:  0x000082007200000f, // LDT of two entries
	0x60:  0x0001ec0200081500, // call gate of ring 3 to 8:11500, two parameters
	0x68:  0x0000e40100301500, // 16-bit call gate of ring 3 to 30:1500, one parameter
	0x70:  0x0000810071000029, // 16-bit TSS
	0x78:  0x00cff1000000ffff, // ring 3 data, read-only
	0x80:  0x00c0f70000000020, // ring 3 data, expand-down from 20fff
	0x88:  0x0040f302000000ff, // ring 3 data, 20000 to 200ff
	0x90:  0x00cfbb000000ffff, // ring 1 code
	0x98:  0x0000e50000280000, // task gate of ring 3
	0xa0:  0x0000890070000067, // TSS, available
	0xa8:  0x00419b000000000f, // ring 0 code to 1000f
	0xb0:  0x00cff9000000ffff, // ring 3 code, execute-only
	0xb8:  0x00006c0000081500, // call gate, not present
	0xc0:  0x00018c0000081500, // call gate of ring 0
	0xc8:  0x0001ec0000181500, // call gate to ring 3 code
	0xd0:  0x00cff2000000ffff, // ring 3 data, not accessed
	0xd8:  0x00cfdb000000ffff, // ring 2 code
	0xe0:  0x0000f3020000ffff, // ring 3 data, 16-bit, based at 20000
	0xe8:  0x0000ec0000a81500, // call gate to a8:1500
	0xf0:  0x00af9b000000ffff, // 64-bit ring 0 code
	0xf8:  0x00affb000000ffff, // 64-bit ring 3 code
	0x100: 0x0001ec0000f01500, // 64-bit call gate to f0:11500
	0x108: 0,                  // its upper half
}

// pmGates are the IDT's entries that are not ring 0's interrupt gates to 8.
var pmGates = map[int]uint64{
	0x03: 0x0001ee0000081030, 0x04: 0x0001ee0000081040,
	0x30: 0x0001ee0000081300, // interrupt gate of ring 3
	0x31: 0x0001ef0000081310, // trap gate
	0x32: 0x0000e60000301320, // 16-bit interrupt gate to 30:1320
	0x33: 0x0000e70000301330, // 16-bit trap gate
	0x34: 0x0000e50000280000, // task gate
	0x35: 0x00016e0000081350, // not present
	0x36: 0x0001ee0000381360, // to conforming code
	0x37: 0x0001ee0000481370, // to code that is not present
	0x38: 0x0001ee0000101380, // to data
	0x39: 0x0001ee0000001390, // to the null selector
	0x3a: 0x0002ee0000a80000, // beyond the limit of a8
	0x3b: 0x0001ec0000081300, // a call gate
	0x3c: 0x0001ee00fff81300, // beyond the GDT
	0x3d: 0x0001ee0000911300, // to ring 1, which has no stack
	0x3e: 0x0001ee0000d91300, // to ring 2, whose stack is beyond the GDT
	0x3f: 0x0001ee0000181300, // to ring 3 code
}

// newProtected is a 32-bit rig with descriptor tables and task state segments.
func newProtected(cpl uint8) *rig {
	r := newRig(x86.Mode32, cpl)
	le := binary.LittleEndian
	for sel, d := range pmDescriptors {
		le.PutUint64(r.ram[pmGDT+int(sel):], d)
	}
	for v := range 0x40 {
		d, ok := pmGates[v]
		if !ok {
			d = 0x00018e0000081000 | uint64(v)<<4
		}
		le.PutUint64(r.ram[pmIDT+8*v:], d)
	}
	le.PutUint64(r.ram[pmLDT+8:], pmDescriptors[0x20])
	for i, v := range []uint32{pmStack0, 0x10, pmStack0, 0, pmStack0, 0xfff8} {
		le.PutUint32(r.ram[pmTSS+4+4*i:], v)
	}
	for i, v := range []uint16{0xf000, 0x40} {
		le.PutUint16(r.ram[pmTSS16+2+2*i:], v)
	}
	c := r.c
	c.GDTR, c.IDTR = cpu.TableReg{Base: pmGDT, Limit: 0x10f}, cpu.TableReg{Base: pmIDT, Limit: 0x1ff}
	c.TR, c.LDTR = r.hidden(0x28), r.hidden(0x58)
	code, data := uint16(0x08), uint16(0x10)
	if cpl == 3 {
		code, data = 0x1b, 0x23
	}
	for i := range c.Seg {
		c.Seg[i] = r.hidden(data)
	}
	c.Seg[x86.CS] = r.hidden(code)
	c.recode()
	return r
}

// hidden is the segment that sel names in the rig's GDT.
func (r *rig) hidden(sel uint16) cpu.Segment {
	d := binary.LittleEndian.Uint64(r.ram[pmGDT+int(sel&^7):])
	s := cpu.Segment{Sel: sel, Attr: uint16(d>>40) & 0xf0ff, Limit: uint32(d&0xffff | d>>32&0xf0000)}
	s.Base = d>>16&0xffffff | d>>56<<24
	if s.Attr&cpu.AttrG != 0 {
		s.Limit = s.Limit<<12 | 0xfff
	}
	return s
}

// A pm is one line of a protected-mode test: one step, or the delivery of what
// it raised. Before it: words of op's states, and
//
//	cpl3 long          ring; long mode is active: paging, 64-bit IDT and TSS
//	cs= ds= ss= es= tr= ldt=   a selector, loaded without checks
//	fl= idt= gdt=      flags, limits
//	cr0= cr4= star= …  other registers
//	steps=n            1 if not given
//
// After it: "cs:eip ss:esp", then other things named as before, then behind a
// bar the stack from its top, in words of 4 bytes, or as many as "n:" says. An
// after that begins with ! is why the machine stops, or "dead".
type pm struct{ code, before, after string }

func runProtected(t *testing.T, lines []pm) {
	t.Helper()
	for _, l := range lines {
		if got := l.run(); got != l.after {
			t.Errorf("{%q, %q}:\n got %q\nwant %q", l.code, l.before, got, l.after)
		}
	}
}

func (l pm) run() string {
	r, n, err := l.prepare()
	if err != nil {
		return err.Error()
	}
	c := r.c
	for range n {
		switch r.steps(1) {
		case outFault:
			if c.deliver(); c.err == nil {
				break
			}
			fallthrough
		case outStop:
			var u cpu.Unbuilt
			if errors.As(c.err, &u) {
				return "!" + string(u)
			}
			return c.err.Error()
		}
		c.attend()
	}
	if c.Dead {
		return "!dead"
	}
	c.syncFlags()
	return l.shown(r)
}

// shown is the state after, in the words that l.after has.
func (l pm) shown(r *rig) string {
	c := r.c
	named, stack, bar := strings.Cut(l.after, "|")
	out := []string{fmt.Sprintf("%x:%x", c.Seg[x86.CS].Sel, c.RIP), fmt.Sprintf("%x:%x", c.Seg[x86.SS].Sel, c.R[x86.RSP])}
	for _, w := range strings.Fields(named)[min(2, len(strings.Fields(named))):] {
		name, _, _ := strings.Cut(w, "=")
		out = append(out, fmt.Sprintf("%s=%x", name, r.named(name)))
	}
	if !bar {
		return strings.Join(out, " ")
	}
	words, size := strings.Fields(stack), 4
	out = append(out, "|")
	if words[0] == "2:" || words[0] == "8:" {
		size = int(words[0][0] - '0')
		out, words = append(out, words[0]), words[1:]
	}
	s := &c.Seg[x86.SS]
	sp := c.R[x86.RSP]
	if !c.flat && s.Attr&cpu.AttrD == 0 {
		sp = sp&0xffff + s.Base
	}
	for i := range words {
		var b [8]byte
		copy(b[:size], r.ram[sp+uint64(i*size):])
		out = append(out, fmt.Sprintf("%x", binary.LittleEndian.Uint64(b[:])))
	}
	return strings.Join(out, " ")
}

// named is the value of one word of an after.
func (r *rig) named(name string) uint64 {
	c := r.c
	for i, n := range strings.Fields("es cs ss ds fs gs") {
		if n == name {
			return uint64(c.Seg[i].Sel)
		}
	}
	for i, n := range strings.Fields("eax ecx edx ebx esp ebp esi edi") {
		if n == name {
			return c.R[i]
		}
	}
	switch name {
	case "fl":
		return c.RFLAGS
	case "cpl":
		return uint64(c.CPL())
	case "cr0":
		return c.CR0
	case "cr2":
		return c.CR2
	case "tr":
		return uint64(c.TR.Sel)
	case "r11":
		return c.R[11]
	case "over":
		return c.Overhead
	}
	at, err := strconv.ParseUint(strings.Trim(name, "[]"), 16, 64)
	if err != nil {
		panic("what is " + name + "?")
	}
	return uint64(r.ram[at])
}

func (l pm) prepare() (*rig, int, error) {
	n := 1
	words := strings.Fields(l.before)
	cpl := uint8(0)
	for _, w := range words {
		if w == "cpl3" {
			cpl = 3
		}
	}
	r := newProtected(cpl)
	code, err := hex.DecodeString(strings.ReplaceAll(l.code, " ", ""))
	if err != nil {
		return nil, 0, err
	}
	copy(r.ram[rigCode:], code)
	for _, w := range words {
		name, value, _ := strings.Cut(w, "=")
		v, _ := strconv.ParseUint(value, 16, 64)
		switch {
		case w == "cpl3":
		case w == "long":
			r.long()
		case name == "steps":
			n = int(v)
		case r.system(name, v):
		default:
			if err := assign(r.c, r.ram, w); err != nil {
				return nil, 0, err
			}
		}
	}
	r.c.loadFlags()
	r.c.recode()
	return r, n, nil
}

// system assigns what assign does not know.
func (r *rig) system(name string, v uint64) bool {
	c := r.c
	for i, n := range strings.Fields("es cs ss ds fs gs") {
		if n == name {
			c.Seg[i] = r.hidden(uint16(v))
			return true
		}
	}
	switch name {
	case "tr":
		c.TR = r.hidden(uint16(v))
	case "ldt":
		c.LDTR = r.hidden(uint16(v))
	case "fl":
		c.RFLAGS = v
	case "idt":
		c.IDTR.Limit = uint16(v)
	case "gdt":
		c.GDTR.Limit = uint16(v)
	case "cr3":
		c.CR3 = v
	case "efer":
		c.EFER = v
	case "star":
		c.STAR = v
	case "lstar":
		c.LSTAR = v
	case "cstar":
		c.CSTAR = v
	case "sfmask":
		c.SFMASK = v
	case "secs":
		c.SysenterCS = v
	case "seesp":
		c.SysenterESP = v
	case "seeip":
		c.SysenterEIP = v
	default:
		return false
	}
	return true
}

// long makes long mode active: every vector through a 64-bit gate to f0, that
// of 30 for ring 3 too.
func (r *rig) long() {
	c := r.c
	c.EFER, c.CR3 = cpu.EFERLME|cpu.EFERLMA|cpu.EFERNXE|cpu.EFERSCE, rigTables
	c.CR0, c.CR4 = c.CR0|cpu.CR0PG, c.CR4|cpu.CR4PAE
	r.tables()
	le := binary.LittleEndian
	for v := range 0x20 {
		d := 0x00018e0000f01000 | uint64(v)<<4
		if v == 3 {
			d |= 3 << 45
		}
		le.PutUint64(r.ram[pmIDT+16*v:], d)
		le.PutUint64(r.ram[pmIDT+16*v+8:], 0)
	}
	le.PutUint64(r.ram[pmTSS+4:], pmStack0)
	c.flush()
}
