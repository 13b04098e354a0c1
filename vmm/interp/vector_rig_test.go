package interp

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"vmrecord/vmm/cpu"
	"vmrecord/vmm/x86"
)

// presets are operands that many lines share.
var presets = map[string]string{
	"int": "x0=80ff7f0100fe81c033445566778899aa x1=7fff80000001fffe123480fe00ff7f80 x2=00028001ffff7ffe0102030480ff7f81",
	"sgl": "x1=c0490fdb3f800000447a40003fc00000 x2=40e000003e99999a00000000bf400000",
	"dbl": "x1=c00921fb54442d183ff8000000000000 x2=40240000000000004008000000000000",
	"mm":  "mm1=7fff80000001fffe mm2=0102030480ff7f81 tags=ff",
	"txt": "x1=0000000000006f6c6c65682d65726168 x2=002065726120656e6f206c6c65682061",
	"st":  "p6=4000c90fdaa22168c235 p7=bfff8000000000000000 fsw=3000 tags=c0",
	"mem": "[20000]=4024000000000000bf80000100000003",
}

// assignVector carries out one word about the SSE and x87 state:
//
//	x0=… to x15=…         an XMM register, 32 digits
//	mm0=… to mm7=…        an MMX register, its sign and exponent all ones
//	p0=… to p7=…          a physical x87 register, 20 digits
//	tags=…                a bit for each physical register in use
//	mxcsr fcw fsw cr0 cr4 =…
//	int sgl dbl mm …      a preset
func assignVector(c *CPU, ram []byte, w string) (done bool, err error) {
	if p := presets[w]; p != "" {
		for _, w := range strings.Fields(p) {
			if err := assign(c, ram, w); err != nil {
				return true, err
			}
		}
		return true, nil
	}
	name, value, _ := strings.Cut(w, "=")
	short, _ := strconv.ParseUint(value, 16, 64)
	switch name {
	case "tags":
		c.FTW = fullTags(uint8(short))
	case "mxcsr":
		c.MXCSR = uint32(short)
	case "fcw":
		c.FCW = uint16(short)
	case "fsw":
		c.FSW = uint16(short)
	case "cr0":
		c.CR0 = short
		c.recode()
	case "cr4":
		c.CR4 = short
		c.recode()
	default:
		kind := strings.TrimRight(name, "0123456789")
		i, err := strconv.Atoi(name[len(kind):])
		if err != nil || !slices.Contains([]string{"x", "mm", "p"}, kind) {
			return false, nil
		}
		b, err := hex.DecodeString(value)
		slices.Reverse(b)
		b = append(b, make([]byte, 16)...)
		lo := binary.LittleEndian.Uint64(b)
		switch kind {
		case "x":
			c.XMM[i] = vec{lo, binary.LittleEndian.Uint64(b[8:])}
		case "mm":
			c.FPR[i] = cpu.F80{Mant: lo, SE: 0xffff}
		case "p":
			c.FPR[i] = cpu.F80{Mant: lo, SE: binary.LittleEndian.Uint16(b[8:])}
		}
		return true, err
	}
	return true, nil
}

// compareVector lists what differs in the SSE and x87 state, but for FOP, FIP
// and FDP.
func compareVector(got, want *CPU) (d []string) {
	for i := range got.XMM {
		if g, w := got.XMM[i], want.XMM[i]; g != w {
			d = append(d, fmt.Sprintf("x%d=%016x%016x, want %016x%016x", i, g[1], g[0], w[1], w[0]))
		}
	}
	for i := range got.FPR {
		if g, w := got.FPR[i], want.FPR[i]; g != w {
			d = append(d, fmt.Sprintf("p%d=%04x%016x, want %04x%016x", i, g.SE, g.Mant, w.SE, w.Mant))
		}
	}
	type word struct {
		name string
		v    uint32
	}
	words := func(c *CPU) []word {
		return []word{{"mxcsr", c.MXCSR}, {"fcw", uint32(c.FCW)}, {"fsw", uint32(c.FSW)}, {"tags", uint32(c.abridged())}}
	}
	w := words(want)
	for i, g := range words(got) {
		if g != w[i] {
			d = append(d, fmt.Sprintf("%s=%x, want %x", g.name, g.v, w[i].v))
		}
	}
	return d
}

// TestVectorForms: every form of the vector and x87 units has a routine for each
// of its operand sizes.
func TestVectorForms(t *testing.T) {
	for i := range x86.Table {
		f := &x86.Table[i]
		if f.Attr&(x86.AttrX87|x86.AttrMmx|x86.AttrSse) == 0 || !cpu.Claims(f.Feature) {
			continue
		}
		for _, n := range f.Sizes(x86.Mode64) {
			if semantics[f.Sem].of(n) == nil {
				t.Errorf("%s, operand size %d: no routine", f.Text, n)
			}
		}
	}
}
