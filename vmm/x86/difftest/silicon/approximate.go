package silicon

import (
	"encoding/binary"
	"math/bits"

	"vmrecord/vmm/softfp"
	"vmrecord/vmm/x86"
)

// transcendentals are approximate: processors differ in the last place of their
// results. Flags, special cases and where results go are as exact as elsewhere.
var transcendentals = []x86.Sem{x86.SemF2xm1, x86.SemFyl2x, x86.SemFyl2xp1, x86.SemFptan, x86.SemFpatan, x86.SemFsin, x86.SemFcos, x86.SemFsincos}

// approximate makes equal what differs in the last place of inexact results, and
// then what C1 tells of the rounding.
func approximate(c *Case, host, ours *Outcome) {
	if !oneOf(c.Inst.Sem, transcendentals) || host.FX[fxFSW]&softfp.PE == 0 {
		return
	}
	for at := fxST; at < fxST+32; at += 16 {
		if h, o := host.FX[at:][:10], ours.FX[at:][:10]; follows(h, o) || follows(o, h) {
			copy(o, h)
		}
	}
	const c1 = 1 << 1 // in the upper byte of FSW
	ours.FX[fxFSW+1] = ours.FX[fxFSW+1]&^c1 | host.FX[fxFSW+1]&c1
}

// follows tells whether b is the register value next to a in magnitude.
func follows(a, b []byte) bool {
	le := binary.LittleEndian
	lo, borrow := bits.Sub64(le.Uint64(b)<<1, le.Uint64(a)<<1, 0) // without the integer bit
	return lo == 2 && le.Uint16(b[8:])-le.Uint16(a[8:])-uint16(borrow) == 0
}
