package silicon

import (
	"bytes"
	"fmt"
	"strings"

	"vmrecord/vmm/cpu"
	"vmrecord/vmm/x86"
)

var (
	segNames = strings.Fields("ES CS SS DS FS GS")
	regNames = strings.Fields("RAX RCX RDX RBX RSP RBP RSI RDI R8 R9 R10 R11 R12 R13 R14 R15")
	fxFields = []struct {
		name  string
		at, n int
	}{{"FCW", fxFCW, 2}, {"FSW", fxFSW, 2}, {"tags", fxTags, 1}, {"FOP", fxFOP, 2}, {"FIP", fxFIP, 8}, {"FDP", fxFDP, 8}, {"MXCSR", fxMXCSR, 4}}
	flagNames = []struct {
		bit  uint64
		name string
	}{{cpu.FlagCF, "CF"}, {cpu.FlagPF, "PF"}, {cpu.FlagAF, "AF"}, {cpu.FlagZF, "ZF"}, {cpu.FlagSF, "SF"}, {cpu.FlagTF, "TF"},
		{cpu.FlagIF, "IF"}, {cpu.FlagDF, "DF"}, {cpu.FlagOF, "OF"}, {cpu.FlagNT, "NT"}, {cpu.FlagRF, "RF"}, {cpu.FlagAC, "AC"}, {cpu.FlagID, "ID"}}
)

// Diff lists what differs between two outcomes of a case, one field a line; the
// empty string if nothing does. mask are the flags not to be compared.
func Diff(c *Case, host, ours *Outcome, mask uint64) string {
	if host.Vector == ours.Vector && host.RIP == ours.RIP && (host.Flags^ours.Flags)&^mask == 0 && host.R == ours.R && host.Sel == ours.Sel && host.Base == ours.Base &&
		host.Code == ours.Code && host.Addr == ours.Addr && host.FX == ours.FX && host.Win == ours.Win {
		return ""
	}
	var b strings.Builder
	line := func(name string, before, host, ours any) {
		fmt.Fprintf(&b, "    %-8s host %v, ours %v, before %v\n", name, host, ours, before)
	}
	hex := func(name string, before, h, o uint64) {
		if h != o {
			line(name, fmt.Sprintf("%#x", before), fmt.Sprintf("%#x", h), fmt.Sprintf("%#x", o))
		}
	}
	if host.Vector != ours.Vector || host.Code != ours.Code || host.Addr != ours.Addr {
		line("ends", "-", host.ending(), ours.ending())
	}
	for i := range c.R {
		hex(regNames[i], c.R[i], host.R[i], ours.R[i])
	}
	for i := range c.Sel {
		hex(segNames[i], uint64(c.Sel[i]), uint64(host.Sel[i]), uint64(ours.Sel[i]))
	}
	for i := range c.Base {
		hex(segNames[x86.FS+i]+" base", c.Base[i], host.Base[i], ours.Base[i])
	}
	hex("RIP", c.RIP, host.RIP, ours.RIP)
	if (host.Flags^ours.Flags)&^mask != 0 {
		line("RFLAGS", flagText(c.Flags), flagText(host.Flags), flagText(ours.Flags))
	}
	bin := func(name string, before, h, o []byte) {
		if !bytes.Equal(h, o) {
			line(name, reversed(before), reversed(h), reversed(o))
		}
	}
	for _, f := range fxFields {
		bin(f.name, c.FX[f.at:][:f.n], host.FX[f.at:][:f.n], ours.FX[f.at:][:f.n])
	}
	for i := range 8 {
		at := fxST + 16*i
		bin(fmt.Sprintf("ST%d", i), c.FX[at:][:10], host.FX[at:][:10], ours.FX[at:][:10])
	}
	for i := range 16 {
		at := fxXMM + 16*i
		bin(fmt.Sprintf("XMM%d", i), c.FX[at:][:16], host.FX[at:][:16], ours.FX[at:][:16])
	}
	for i := 0; i < windowBytes; i += 16 {
		la := window1 + uint64(i)
		if i >= window1Bytes {
			la = window2 + uint64(i) - window1Bytes
		}
		bin(fmt.Sprintf("%x", la), c.Win[i:][:16], host.Win[i:][:16], ours.Win[i:][:16])
	}
	return b.String()
}

// reversed is a little-endian number in hexadecimal.
func reversed(b []byte) string {
	var s strings.Builder
	for i := len(b) - 1; i >= 0; i-- {
		fmt.Fprintf(&s, "%02x", b[i])
	}
	return s.String()
}

var vectorNames = map[uint8]string{cpu.DE: "#DE", cpu.DB: "#DB", cpu.BP: "#BP", cpu.OF: "#OF", cpu.BR: "#BR", cpu.UD: "#UD",
	cpu.NM: "#NM", cpu.NP: "#NP", cpu.TS: "#TS", cpu.SS: "#SS", cpu.GP: "#GP", cpu.PF: "#PF", cpu.MF: "#MF", cpu.AC: "#AC", cpu.XM: "#XM",
	faultFetch: "#PF(fetch)", faultLimit: "#GP(limit)", faultLength: "#GP(length)"}

// FaultNames names the exceptions in a mask, without those that end a case in
// any event.
func FaultNames(mask uint32) (names []string) {
	for v := range uint8(32) {
		if mask>>v&1 != 0 && v != cpu.BP && v != cpu.DB {
			names = append(names, vectorNames[v])
		}
	}
	return names
}

func (o *Outcome) ending() string {
	s := vectorNames[o.Vector]
	if s == "" {
		s = fmt.Sprintf("vector %d", o.Vector)
	}
	if hasCode>>o.Vector&1 != 0 {
		s += fmt.Sprintf("(%#x)", o.Code)
	}
	if o.Vector == cpu.PF {
		s += fmt.Sprintf(" at %#x", o.Addr)
	}
	return s
}

func flagText(f uint64) string {
	var s []string
	for _, n := range flagNames {
		if f&n.bit != 0 {
			s = append(s, n.name)
			f &^= n.bit
		}
	}
	if f != 2 {
		s = append(s, fmt.Sprintf("%#x", f))
	}
	return "[" + strings.Join(s, " ") + "]"
}

// describe prints a case: what it is and the operands it starts from.
func (c *Case) describe() string {
	var b strings.Builder
	in := c.Inst
	fmt.Fprintf(&b, "  % x at %#x: %v (row %d, %s), %s, flags %s\n", c.Code, c.RIP, &in, in.Row, x86.Table[in.Row].Text, c.Unit, flagText(c.Flags))
	fmt.Fprintf(&b, "    segments %04x, bases %#x, RSP %#x\n", c.Sel, c.Base, c.R[x86.RSP])
	f := &x86.Table[in.Row]
	if f.Attr&(x86.AttrX87|x86.AttrMmx) != 0 {
		fmt.Fprintf(&b, "    FCW %04x FSW %04x tags %02x", c.u16(fxFCW), c.u16(fxFSW), c.FX[fxTags])
		for i := range 3 {
			fmt.Fprintf(&b, " ST%d %s", i, reversed(c.FX[fxST+16*i:][:10]))
		}
		b.WriteString("\n")
	}
	if f.Attr&x86.AttrSse != 0 {
		fmt.Fprintf(&b, "    MXCSR %08x\n", c.u32(fxMXCSR))
	}
	for _, a := range in.Args[:in.NArgs] {
		switch a.Kind {
		case x86.Reg, x86.RegHi:
			fmt.Fprintf(&b, "    %s %#x\n", regNames[a.Reg], c.R[a.Reg])
		case x86.XMM:
			fmt.Fprintf(&b, "    XMM%d %s\n", a.Reg, reversed(c.FX[fxXMM+16*int(a.Reg):][:16]))
		case x86.ST, x86.MM:
			fmt.Fprintf(&b, "    ST%d %s\n", a.Reg, reversed(c.FX[fxST+16*int(a.Reg):][:10]))
		case x86.Mem:
			la := c.address()
			fmt.Fprintf(&b, "    [%#x]", la)
			if w := window(la); w >= 0 {
				fmt.Fprintf(&b, " %s", reversed(c.Win[w:min(w+16, windowBytes)]))
			}
			b.WriteString("\n")
		}
	}
	return b.String()
}

// address is the linear address of the memory operand.
func (c *Case) address() uint64 {
	m := &c.Inst.Mem
	a := uint64(m.Disp)
	if m.RIPRel {
		a += c.RIP + uint64(c.Inst.Len)
	}
	if m.Base != x86.NoReg {
		a += c.R[m.Base]
	}
	if m.Index != x86.NoReg {
		a += c.R[m.Index] << m.Scale
	}
	if c.Inst.AddrSize == 4 {
		a &= 0xffffffff
	}
	if c.Inst.AddrSize == 2 {
		a &= 0xffff
	}
	return c.linear(m.Seg, a)
}
