package cpu

// Model-specific registers that the processor itself owns; devices own others
// (the local APIC's). An access to any other raises #GP(0) (SDM vol. 4; AMD
// APM vol. 2, appendix A).
const (
	msrTSC          = 0x10
	msrPatchLevel   = 0x8b
	msrMTRRCap      = 0xfe
	msrSysenterCS   = 0x174
	msrSysenterESP  = 0x175
	msrSysenterEIP  = 0x176
	msrMCGCap       = 0x179
	msrMCGStatus    = 0x17a
	msrDebugCtl     = 0x1d9
	msrMTRRVar      = 0x200 // 16
	msrMTRRFix64K   = 0x250
	msrMTRRFix16K   = 0x258 // 2
	msrMTRRFix4K    = 0x268 // 8
	msrPAT          = 0x277
	msrMTRRDef      = 0x2ff
	msrTSCDeadline  = 0x6e0 // the local APIC's, in units of the TSC
	msrXSS          = 0xda0
	msrEFER         = 0xc0000080
	msrSTAR         = 0xc0000081
	msrLSTAR        = 0xc0000082
	msrCSTAR        = 0xc0000083
	msrSFMASK       = 0xc0000084
	msrFSBase       = 0xc0000100
	msrGSBase       = 0xc0000101
	msrKernelGSBase = 0xc0000102
	msrTSCAux       = 0xc0000103
	msrSYSCFG       = 0xc0010010
	msrHWCR         = 0xc0010015
	msrNBCfg        = 0xc001001f
	msrDECfg        = 0xc0011029
)

// reg is the State word behind an MSR that is just a register, and which of
// its values are legal.
func (c *Core) reg(n uint32) (p *uint64, legal func(uint64) bool) {
	any := func(uint64) bool { return true }
	low32 := func(v uint64) bool { return v>>32 == 0 }
	switch n {
	case msrSysenterCS:
		return &c.SysenterCS, any
	case msrSysenterESP:
		return &c.SysenterESP, Canonical
	case msrSysenterEIP:
		return &c.SysenterEIP, Canonical
	case msrSTAR:
		return &c.STAR, any
	case msrLSTAR:
		return &c.LSTAR, Canonical
	case msrCSTAR:
		return &c.CSTAR, Canonical
	case msrSFMASK:
		return &c.SFMASK, low32
	case msrFSBase:
		return &c.Seg[segFS].Base, Canonical
	case msrGSBase:
		return &c.Seg[segGS].Base, Canonical
	case msrKernelGSBase:
		return &c.KernelGSBase, Canonical
	case msrTSCAux:
		return &c.TSCAux, low32
	case msrPAT:
		return &c.PAT, legalPAT
	case msrMTRRDef: // E and FE are bits 11 and 10
		return &c.MTRRDefType, func(v uint64) bool { return v&^0xcff == 0 && types(v&0xff, mtrrTypes) }
	case msrMTRRFix64K:
		return &c.MTRRFixed[0], legalFixed
	}
	switch {
	case n-msrMTRRVar < 16 && n&1 == 0: // base and type
		return &c.MTRRVar[n-msrMTRRVar], func(v uint64) bool { return v&^(pteAddr|0xff) == 0 && types(v&0xff, mtrrTypes) }
	case n-msrMTRRVar < 16: // mask and valid bit
		return &c.MTRRVar[n-msrMTRRVar], func(v uint64) bool { return v&^(pteAddr|1<<11) == 0 }
	case n-msrMTRRFix16K < 2:
		return &c.MTRRFixed[1+n-msrMTRRFix16K], legalFixed
	case n-msrMTRRFix4K < 8:
		return &c.MTRRFixed[3+n-msrMTRRFix4K], legalFixed
	}
	return nil, nil
}

// Memory types, as bitmaps: what an MTRR may hold, and a byte of PAT (SDM vol.
// 3A, tables 11-8 and 11-10).
const (
	mtrrTypes = 1<<0 | 1<<1 | 1<<4 | 1<<5 | 1<<6
	patTypes  = mtrrTypes | 1<<7
)

// types tells whether each byte of v is a memory type among legal.
func types(v uint64, legal uint32) bool {
	for ; v != 0; v >>= 8 {
		if t := v & 0xff; t > 7 || legal>>t&1 == 0 {
			return false
		}
	}
	return true
}

func legalPAT(v uint64) bool   { return types(v, patTypes) }
func legalFixed(v uint64) bool { return types(v, mtrrTypes) }

// ReadMSR is RDMSR after the privilege check.
func (c *Core) ReadMSR(n uint32) uint64 {
	if v, ok, owned := c.Bus.RDMSR(n); owned {
		if !ok {
			c.GP(0)
		}
		if n == msrTSCDeadline && v != 0 {
			v += c.TSCOffset
		}
		return v
	}
	if p, _ := c.reg(n); p != nil {
		return *p
	}
	switch n {
	case msrTSC:
		return c.TSC()
	case msrEFER:
		return c.EFER
	case msrMTRRCap:
		return 0x508 // 8 variable ranges, fixed ranges, write-combining
	case msrPatchLevel:
		return patchLevel
	case msrXSS, msrMCGCap, msrMCGStatus, msrDebugCtl, msrSYSCFG, msrNBCfg:
		return 0
	case msrHWCR:
		return 1 << 24 // the TSC counts at P0 frequency
	case msrDECfg:
		return 1 << 1 // LFENCE serialises
	}
	c.GP(0)
	return 0
}

// WriteMSR is WRMSR after the privilege check.
func (c *Core) WriteMSR(n uint32, v uint64) {
	if n == msrTSCDeadline && v != 0 {
		// the APIC counts without the offset; 1 is long past, 0 would disarm
		v = max(v-c.TSCOffset, 1)
	}
	if ok, owned := c.Bus.WRMSR(n, v); owned {
		if !ok {
			c.GP(0)
		}
		return
	}
	if p, legal := c.reg(n); p != nil {
		if !legal(v) {
			c.GP(0)
		}
		*p = v
		return
	}
	switch n {
	case msrTSC:
		c.TSCOffset += v - c.TSC()
	case msrEFER:
		c.setEFER(v)
	case msrDebugCtl: // LBR, BTF and PB3-PB0 are accepted and read as zero
		if v&^0x3f != 0 {
			c.GP(0)
		}
	case msrXSS:
		if v != 0 {
			c.GP(0)
		}
	case msrMCGStatus, msrHWCR, msrDECfg, msrSYSCFG, msrNBCfg, msrPatchLevel:
		// accepted, without effect on what is modelled
	default:
		c.GP(0)
	}
}

// TSC is what RDTSC reads: guest time plus what the guest wrote.
func (c *Core) TSC() uint64 { return Flutter(c.Bus.TSC()) + c.TSCOffset }
