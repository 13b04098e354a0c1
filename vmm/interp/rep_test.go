package interp

import (
	"encoding/hex"
	"math/rand"
	"testing"

	"vmrecord/vmm/cpu"
	"vmrecord/vmm/x86"
)

// TestRepCut: a REP instruction run in one go, with its short cuts, leaves what
// one run step by step leaves.
func TestRepCut(t *testing.T) {
	const seed = 2
	rng := rand.New(rand.NewSource(seed))
	ops := []string{"f3a4", "f366a5", "f3a5", "f348a5", "f3aa", "f366ab", "f3ab", "f348ab", "67f3a4", "67f3ab", "f3a6", "f2ae", "64f3a4"}
	for n := range 300 {
		code, _ := hex.DecodeString(ops[rng.Intn(len(ops))])
		mode := []x86.Mode{x86.Mode64, x86.Mode64, x86.Mode32}[rng.Intn(3)]
		if mode == x86.Mode32 && code[1] == 0x48 {
			continue
		}
		whole, cut := newRig(mode, 3), newRig(mode, 3)
		c := whole.c
		copy(whole.ram[rigCode:], append(code, 0xeb, 0xfe))
		rng.Read(whole.ram[rigData : rigData+0x3000])
		c.R[x86.RCX] = uint64(rng.Intn(3000))
		c.R[x86.RSI] = rigData + uint64(rng.Intn(0x2000))
		c.R[x86.RDI] = rigData + uint64(rng.Intn(0x2000))
		if rng.Intn(3) == 0 {
			c.R[x86.RDI] = c.R[x86.RSI] + uint64(rng.Intn(64)) - 16
		}
		if rng.Intn(4) == 0 {
			c.RFLAGS |= cpu.FlagDF
		}
		cut.c.State = c.State
		copy(cut.ram, whole.ram)
		const steps = 2000
		outA, outB := whole.steps(steps), outLook
		for i := 0; i < steps && outB == outLook; i++ {
			outB = cut.steps(1)
		}
		cut.c.syncFlags()
		fault := ""
		if outB == outFault {
			fault = "#" + vectorNames[cut.c.Fault.Vector] + "(" + string("0123456789abcdef"[cut.c.Fault.Code&15]) + ")"
		}
		if d := compare(whole, cut.c, cut.ram, outA, fault); d != "" {
			t.Fatalf("case %d, seed %d, %x: %.300s", n, seed, code, d)
		}
	}
}
