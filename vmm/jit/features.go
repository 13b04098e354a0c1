//go:build linux && amd64

package jit

import (
	"errors"

	"vmrecord/vmm/x86"
)

// features is what the host's processor has.
type features struct {
	amd  bool // an AMD of family 19h: compared with the reference, its undefined flags are those we chose
	have [256]bool
}

// A bit of CPUID: register 2 is ECX, 3 EDX, 1 EBX (SDM vol. 2A, CPUID).
type cpuidBit struct {
	f        x86.Feature
	leaf     uint32
	reg, bit uint8
}

func cpuidBits() []cpuidBit {
	return []cpuidBit{
		{x86.FeatSse3, 1, 2, 0}, {x86.FeatPclmulqdq, 1, 2, 1}, {x86.FeatSsse3, 1, 2, 9}, {x86.FeatSse41, 1, 2, 19},
		{x86.FeatSse42, 1, 2, 20}, {x86.FeatMovbe, 1, 2, 22}, {x86.FeatPopcnt, 1, 2, 23}, {x86.FeatAes, 1, 2, 25},
		{x86.FeatAdx, 7, 1, 19}, {x86.FeatSha, 7, 1, 29},
	}
}

func hostFeatures() (f features) {
	top, b, c, d := cpuid(0, 0)
	for _, t := range []x86.Feature{x86.FeatNone, x86.FeatSse, x86.FeatSse2, x86.FeatCx8, x86.FeatCx16, x86.FeatPrefetchw, x86.FeatRdtscp, x86.FeatSmap} {
		f.have[t] = true // every such processor's, or emitted otherwise
	}
	for _, t := range cpuidBits() {
		if t.leaf <= top {
			var r [4]uint32
			r[0], r[1], r[2], r[3] = cpuid(t.leaf, 0)
			f.have[t.f] = r[t.reg]>>t.bit&1 != 0
		}
	}
	sig, _, _, _ := cpuid(1, 0)
	family := sig>>8&15 + sig>>20&255
	f.amd = b == 0x68747541 && d == 0x69746e65 && c == 0x444d4163 && family == 0x19 // AuthenticAMD
	return f
}

// drop takes away what is to be done without.
func (f *features) drop(without Features) {
	for i, h := range hostFeatureList() {
		switch {
		case without>>i&1 == 0:
		case h.name == "amd":
			f.amd = false
		case h.group != x86.FeatNone:
			f.have[h.group] = false
		}
	}
}

// enough tells whether emitted code can run at all: LAHF in 64-bit mode.
func (f *features) enough() error {
	top, _, _, _ := cpuid(0x80000000, 0)
	if top >= 0x80000001 {
		if _, _, c, _ := cpuid(0x80000001, 0); c&1 != 0 {
			return nil
		}
	}
	return errors.New("this host's processor has no LAHF in 64-bit mode")
}
