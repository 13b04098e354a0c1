package cpu

import (
	"fmt"
	"testing"

	"vmrecord/vmm/mem"
	"vmrecord/vmm/x86"
)

// A bare is a bus with nothing on it.
type bare struct{ Bus }

func (bare) RDMSR(uint32) (v uint64, ok, owned bool) { return 0, false, false }
func (bare) WRMSR(uint32, uint64) (ok, owned bool)   { return false, false }
func (bare) TSC() uint64                             { return 1000 }
func (bare) Hz() uint64                              { return 4e9 }
func (bare) SetClock()                               {}
func (bare) MemIn(uint64, int) uint64                { return ^uint64(0) }

// in is a processor in long mode, 64-bit code unless changed.
func in() *Core {
	c := &Core{Mem: mem.New(make([]byte, 0x4000)), Bus: bare{}}
	c.Cold(1)
	c.CR0, c.CR4, c.EFER = CR0PE|CR0PG|CR0ET, CR4PAE, EFERLME|EFERLMA
	c.Seg[segCS].Attr = AttrP | AttrS | AttrL | typeCode
	return c
}

// try tells what f raises: "" or "13(0)".
func try(c *Core, f func()) (s string) {
	defer func() {
		if r := recover(); r != nil {
			s = fmt.Sprintf("%d(%x)", c.Fault.Vector, c.Fault.Code)
			if r != &c.Fault {
				panic(r)
			}
		}
	}()
	f()
	return ""
}

const gp = "13(0)"

// TestControl: SDM vol. 2B, MOV to CR; vol. 3A, 2.5, 4.4.1, 9.8.5; AMD APM vol. 2, 3.1.
func TestControl(t *testing.T) {
	legacy := func(c *Core) { c.EFER, c.CR0, c.CR4, c.Seg[segCS].Attr = 0, CR0PE|CR0ET, 0, AttrP|AttrS|AttrD|typeCode }
	for _, e := range []struct {
		name string
		f    func(c *Core)
		want string
	}{
		{"CR0, upper half", func(c *Core) { c.SetCR0(1<<32 | c.CR0) }, gp},
		{"CR0, reserved low bits stay zero", func(c *Core) { c.SetCR0(c.CR0 | 1<<6 | 1<<28); must(c.CR0&(1<<6|1<<28) == 0) }, ""},
		{"CR0.ET stays", func(c *Core) { c.SetCR0(c.CR0 &^ CR0ET); must(c.CR0&CR0ET != 0) }, ""},
		{"CR0, PG without PE", func(c *Core) { c.SetCR0(CR0PG) }, gp},
		{"CR0, NW without CD", func(c *Core) { c.SetCR0(c.CR0 | CR0NW) }, gp},
		{"CR0, PG off in 64-bit code", func(c *Core) { c.SetCR0(CR0PE) }, gp},
		{"CR0, long mode without PAE", func(c *Core) { legacy(c); c.EFER = EFERLME; c.SetCR0(CR0PE | CR0PG) }, gp},
		{"CR0, long mode from CS.L", func(c *Core) {
			legacy(c)
			c.EFER, c.CR4, c.Seg[segCS].Attr = EFERLME, CR4PAE, AttrP|AttrS|AttrL|typeCode
			c.SetCR0(CR0PE | CR0PG)
		}, gp},
		{"CR0, long mode", func(c *Core) {
			legacy(c)
			c.EFER, c.CR4 = EFERLME, CR4PAE
			c.SetCR0(CR0PE | CR0PG)
			must(c.Long())
		}, ""},
		{"CR0, PAE paging, PDPTE reserved", func(c *Core) {
			legacy(c)
			c.CR4, c.CR3, c.Mem.B[0x1000] = CR4PAE, 0x1000, 3
			c.SetCR0(CR0PE | CR0PG)
		}, gp},
		{"CR0.CD loads PDPTEs", func(c *Core) {
			legacy(c)
			c.CR4, c.CR3 = CR4PAE, 0x1000
			c.SetCR0(CR0PE | CR0PG)
			c.Mem.B[0x1000] = 1
			c.SetCR0(CR0PE | CR0PG | CR0CD)
			must(c.PDPTE[0] == 1)
		}, ""},
		{"CR3, bit 40", func(c *Core) { c.SetCR3(1 << PhysBits) }, gp},
		{"CR3, bit 63 without CR4.PCIDE", func(c *Core) { c.SetCR3(1 << 63) }, gp},
		{"CR3, low bits", func(c *Core) { c.SetCR3(0x1fff) }, ""},
		{"CR3, PAE, PDPTE reserved", func(c *Core) {
			legacy(c)
			c.CR4, c.CR0, c.Mem.B[0x1000] = CR4PAE, CR0PE|CR0PG, 3
			c.SetCR3(0x1000)
		}, gp},
		{"CR4, PAE off in long mode", func(c *Core) { c.SetCR4(0) }, gp},
		{"CR4.VME", func(c *Core) { c.SetCR4(CR4PAE | CR4VME) }, gp},
		{"CR4.PCIDE outside long mode", func(c *Core) { legacy(c); c.SetCR4(CR4PAE | CR4PCIDE) }, gp},
		{"CR4.PCIDE with a PCID", func(c *Core) { c.SetCR3(0x1008); c.SetCR4(CR4PAE | CR4PCIDE) }, gp},
		{"CR4.PCIDE stays with a PCID", func(c *Core) {
			c.SetCR4(CR4PAE | CR4PCIDE)
			c.SetCR3(0x1fff)
			c.SetCR4(c.CR4 | CR4PGE)
		}, ""},
		{"CR3, bit 63 with CR4.PCIDE is not stored", func(c *Core) {
			c.SetCR4(CR4PAE | CR4PCIDE)
			c.SetCR3(1<<63 | 0x1005)
			must(c.CR3 == 0x1005)
		}, ""},
		{"CR3 with the same base keeps translations", func(c *Core) {
			c.SetCR4(CR4PAE | CR4PCIDE)
			c.Stale, c.CR3 = false, 0x1000
			c.SetCR3(0x1005)
			must(!c.Stale && !c.Switched)
			c.SetCR3(0x2005)
			must(!c.Stale && c.Switched)
		}, ""},
		{"CR0, long mode with a 16-bit TSS", func(c *Core) {
			legacy(c)
			c.EFER, c.CR4, c.TR.Attr = EFERLME, CR4PAE, AttrP|typeTSS16|2
			c.SetCR0(CR0PE | CR0PG)
		}, gp},
		{"CR3, bit 62 with CR4.PCIDE", func(c *Core) { c.SetCR4(CR4PAE | CR4PCIDE); c.SetCR3(1 << 62) }, gp},
		{"CR0.PG off with CR4.PCIDE", func(c *Core) {
			c.SetCR4(CR4PAE | CR4PCIDE)
			c.Seg[segCS].Attr &^= AttrL
			c.SetCR0(CR0PE)
		}, gp},
		{"INVPCID, reserved bits", func(c *Core) { c.INVPCID(3, 1<<12, 0) }, gp},
		{"INVPCID of one address, not canonical", func(c *Core) { c.INVPCID(0, 0, 1<<47) }, gp},
		{"INVPCID of a PCID looks at no address", func(c *Core) { c.INVPCID(1, 0, 1<<47) }, ""},
		{"INVPCID, PCID without CR4.PCIDE", func(c *Core) { c.INVPCID(1, 1, 0) }, gp},
		{"INVPCID of all without CR4.PCIDE", func(c *Core) { c.INVPCID(2, 1, 0) }, ""},
		{"INVPCID, PCID", func(c *Core) { c.SetCR4(CR4PAE | CR4PCIDE); c.INVPCID(0, 0xfff, 0) }, ""},
		{"CR4.PKE", func(c *Core) { c.SetCR4(CR4PAE | 1<<22) }, gp},
		{"CR4, upper half", func(c *Core) { c.SetCR4(CR4PAE | 1<<32) }, gp},
		{"CR4, all there is", func(c *Core) { c.SetCR4(cr4Bits) }, ""},
		{"EFER.SVME", func(c *Core) { c.WriteMSR(msrEFER, c.EFER|1<<12) }, gp},
		{"EFER, LME off under paging", func(c *Core) { c.WriteMSR(msrEFER, EFERLMA) }, gp},
		{"EFER.LMA is not written", func(c *Core) { c.WriteMSR(msrEFER, EFERLME|EFERNXE); must(c.Long()) }, ""},
	} {
		c := in()
		if got := try(c, func() { e.f(c) }); got != e.want {
			t.Errorf("%s: %q, want %q", e.name, got, e.want)
		}
	}
}

func must(ok bool) {
	if !ok {
		panic("not so")
	}
}

// TestMSRs: what may be written where, and what is there at all (SDM vol. 4;
// AMD APM vol. 2, appendix A).
func TestMSRs(t *testing.T) {
	const hole = 1 << 47
	for _, e := range []struct {
		n    uint32
		v    uint64
		want string
	}{
		{msrLSTAR, hole, gp}, {msrLSTAR, ^uint64(hole - 1), ""}, {msrCSTAR, hole, gp}, {msrFSBase, hole, gp}, {msrGSBase, hole, gp},
		{msrKernelGSBase, hole, gp}, {msrSysenterESP, hole, gp}, {msrSysenterEIP, hole, gp},
		{msrSFMASK, 1 << 32, gp}, {msrTSCAux, 1 << 32, gp}, {msrSTAR, ^uint64(0), ""},
		{msrPAT, 0x0007040600070406, ""}, {msrPAT, 2, gp}, {msrPAT, 3 << 56, gp}, {msrPAT, 8, gp},
		{msrMTRRDef, 0xc06, ""}, {msrMTRRDef, 0xc02, gp}, {msrMTRRDef, 1 << 12, gp},
		{msrMTRRVar, 0xff_fffff006, ""}, {msrMTRRVar, 7, gp}, {msrMTRRVar, 1 << PhysBits, gp}, {msrMTRRVar, 1 << 8, gp},
		{msrMTRRVar + 1, 0xff_fffff800, ""}, {msrMTRRVar + 1, 1, gp}, {msrMTRRVar + 15, 1 << 11, ""}, {msrMTRRVar + 16, 0, gp},
		{msrMTRRFix64K, 0x0606060606060606, ""}, {msrMTRRFix16K + 1, 2, gp}, {msrMTRRFix4K + 7, 7 << 32, gp},
		{msrDebugCtl, 3, ""}, {msrDebugCtl, 1 << 6, gp}, {msrMTRRCap, 0, gp}, {msrMCGCap, 0, gp},
		{0x3b, 0, gp}, {0x48, 0, gp}, {0x49, 1, gp}, {0xe7, 0, gp}, {0xe8, 0, gp}, {0x1a0, 0, gp}, {0xc0010140, 0, gp}, {0xc0000104, 0, gp},
	} {
		c := in()
		if got := try(c, func() { c.WriteMSR(e.n, e.v) }); got != e.want {
			t.Errorf("WRMSR %#x, %#x: %q, want %q", e.n, e.v, got, e.want)
		}
	}
	// TSC_ADJUST, SPEC_CTRL, MPERF, APERF, MISC_ENABLE and TSC_RATIO are not there.
	for _, n := range []uint32{0x3b, 0x48, 0xe7, 0xe8, 0x1a0, 0xc0000104, 0x12345} {
		c := in()
		if got := try(c, func() { c.ReadMSR(n) }); got != gp {
			t.Errorf("RDMSR %#x: %q, want %q", n, got, gp)
		}
	}
	c := in()
	c.WriteMSR(msrTSC, 5)
	if c.ReadMSR(msrTSC) != 5 {
		t.Error("TSC does not take what is written")
	}
}

// bits says where CPUID claims each feature of the instruction table.
var bits = map[x86.Feature]struct {
	leaf     uint32
	sub, reg int
	bit      uint
}{
	x86.FeatAdx: {7, 0, 1, 19}, x86.FeatAes: {1, 0, 2, 25}, x86.FeatClflush: {1, 0, 3, 19}, x86.FeatClflushopt: {7, 0, 1, 23},
	x86.FeatClwb: {7, 0, 1, 24}, x86.FeatCx16: {1, 0, 2, 13}, x86.FeatCx8: {1, 0, 3, 8}, x86.FeatFpu: {1, 0, 3, 0},
	x86.FeatFsgsbase: {7, 0, 1, 0}, x86.FeatFxsr: {1, 0, 3, 24}, x86.FeatInvpcid: {7, 0, 1, 10}, x86.FeatMmx: {1, 0, 3, 23},
	x86.FeatMonitor: {1, 0, 2, 3}, x86.FeatMovbe: {1, 0, 2, 22}, x86.FeatPclmulqdq: {1, 0, 2, 1}, x86.FeatPopcnt: {1, 0, 2, 23},
	x86.FeatPrefetchw: {0x80000001, 0, 2, 8}, x86.FeatRdpid: {7, 0, 2, 22}, x86.FeatRdrand: {1, 0, 2, 30}, x86.FeatRdseed: {7, 0, 1, 18},
	x86.FeatRdtscp: {0x80000001, 0, 3, 27}, x86.FeatSha: {7, 0, 1, 29}, x86.FeatSmap: {7, 0, 1, 20}, x86.FeatSse: {1, 0, 3, 25},
	x86.FeatSse2: {1, 0, 3, 26}, x86.FeatSse3: {1, 0, 2, 0}, x86.FeatSse41: {1, 0, 2, 19}, x86.FeatSse42: {1, 0, 2, 20},
	x86.FeatSsse3: {1, 0, 2, 9}, x86.FeatXsave: {1, 0, 2, 26}, x86.FeatXsavec: {0xd, 1, 0, 1}, x86.FeatXsaveopt: {0xd, 1, 0, 0},
	x86.FeatXsaves: {0xd, 1, 0, 3},
}

// TestClaims: what CPUID says and what the table is allowed to run are one; so
// are the control bits that a feature brings.
func TestClaims(t *testing.T) {
	c := in()
	word := func(leaf uint32, sub, reg int) uint32 {
		a, b, cx, d := c.CPUID(leaf, uint32(sub))
		return [...]uint32{a, b, cx, d}[reg]
	}
	for f := x86.FeatNone + 1; f < x86.NumFeature; f++ {
		b, ok := bits[f]
		if !ok {
			t.Errorf("%s: where does CPUID claim it?", f)
		} else if claimed := word(b.leaf, b.sub, b.reg)>>b.bit&1 != 0; claimed != Claims(f) {
			t.Errorf("%s: CPUID says %t, the table %t", f, claimed, Claims(f))
		}
	}
	for _, e := range []struct {
		name string
		leaf uint32
		reg  int
		bit  uint
		can  uint64 // the bit of CR4
	}{
		{"VME", 1, 3, 1, CR4VME}, {"DE", 1, 3, 2, CR4DE}, {"PSE", 1, 3, 3, CR4PSE}, {"TSC", 1, 3, 4, CR4TSD}, {"PAE", 1, 3, 6, CR4PAE},
		{"MCE", 1, 3, 7, CR4MCE}, {"PGE", 1, 3, 13, CR4PGE}, {"FXSR", 1, 3, 24, CR4OSFXSR}, {"SSE", 1, 3, 25, CR4OSXMMEXCPT},
		{"PCID", 1, 2, 17, CR4PCIDE}, {"XSAVE", 1, 2, 26, CR4OSXSAVE}, {"FSGSBASE", 7, 1, 0, CR4FSGSBASE}, {"SMEP", 7, 1, 7, CR4SMEP},
		{"SMAP", 7, 1, 20, CR4SMAP}, {"UMIP", 7, 2, 2, CR4UMIP}, {"PKU", 7, 2, 3, 1 << 22}, {"LA57", 7, 2, 16, 1 << 12},
	} {
		if claimed, can := word(e.leaf, 0, e.reg)>>e.bit&1 != 0, cr4Bits&e.can != 0; claimed != can {
			t.Errorf("%s: CPUID says %t, CR4 %t", e.name, claimed, can)
		}
	}
	for _, e := range []struct {
		name string
		bit  uint
		can  uint64 // the bit of EFER
	}{{"SYSCALL", 11, EFERSCE}, {"NX", 20, EFERNXE}, {"FFXSR", 25, EFERFFXSR}, {"LM", 29, EFERLME}} {
		if claimed, can := word(0x80000001, 0, 3)>>e.bit&1 != 0, eferBits&e.can != 0; claimed != can {
			t.Errorf("%s: CPUID says %t, EFER %t", e.name, claimed, can)
		}
	}
	if ext, std := word(0x80000001, 0, 3), word(1, 0, 3); (ext^std)&0x183f3ff != 0 {
		t.Errorf("EDX of leaves 1 and 80000001 differ where they must agree: %#x, %#x", std, ext)
	}
	if max, ext := word(0, 0, 0), word(0x80000000, 0, 0); max < 0xd || ext < 0x80000021 {
		t.Errorf("last leaves %#x, %#x", max, ext)
	}
	if c.CR4 |= CR4OSXSAVE; word(1, 0, 2)>>27&1 != 1 {
		t.Error("OSXSAVE does not show CR4.OSXSAVE")
	}
}
