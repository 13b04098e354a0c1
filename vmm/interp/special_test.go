package interp

import (
	"encoding/binary"
	"encoding/hex"
	"math/rand"
	"strings"
	"testing"

	"vmrecord/vmm/cpu"
	"vmrecord/vmm/x86"
)

// specialForms has code for every special routine; the operands are rax, rcx,
// and memory at [rbx], [rbx+rcx*2+16], [rip+…] or [rbx+8] in FS. Register
// values stay small enough for the memory to be there most of the time.
var specialForms = []string{
	"01 c8", "48 01 c8", "83 c0 80", "48 05 ff ff ff 7f", // add
	"29 c8", "48 29 c8", "83 e8 80", "48 81 e8 00 00 00 80", // sub
	"21 c8", "48 21 c8", "83 e0 80", "48 25 00 00 00 80", // and
	"09 c8", "48 09 c8", "83 c8 80", "48 0d 00 00 00 80", // or
	"31 c8", "48 31 c8", "83 f0 80", "48 35 00 00 00 80", "31 c0", // xor
	"38 c8", "39 c8", "48 39 c8", "3c 80", "83 f8 80", "48 3d 00 00 00 80", // cmp
	"84 c8", "85 c8", "48 85 c8", "a8 80", "a9 00 00 00 80", "48 a9 00 00 00 80", // test
	"ff c0", "48 ff c0", "ff c8", "48 ff c8", // inc, dec
	"d1 e0", "48 d1 e0", "c1 e0 07", "48 c1 e0 27", "c1 e0 20", "48 c1 e0 40", "d3 e0", "48 d3 e0", // shl
	"d1 e8", "48 d1 e8", "c1 e8 07", "48 c1 e8 27", "c1 e8 20", "48 c1 e8 40", "d3 e8", "48 d3 e8", // shr
	"89 c8", "48 89 c8", "b8 00 00 00 80", "48 c7 c0 00 00 00 80", // mov
	"50", "54", "58", "5c", "41 50", "41 58", // push, pop
	"8a 03", "8a 44 4b 10", "8b 03", "8b 44 4b 10", "8b 05 01 00 00 00", "48 8b 03", "48 8b 44 4b 10", "64 48 8b 43 08", // load
	"a0 07 00 02 00 00 00 00 00", "48 a1 07 00 02 00 00 00 00 00",
	"0f b6 03", "48 0f b6 43 08", "0f b7 03", "48 0f b7 44 4b 10", // movzx
	"8d 03", "48 8d 44 4b 10", "48 8d 05 01 00 00 00", "8d 04 8d 05 00 00 00", "64 48 8d 43 08", // lea
	"03 03", "48 03 44 4b 10", "3b 03", "48 3b 44 4b 10", // add, cmp from memory
	"88 03", "88 44 4b 10", "c6 03 80", "89 03", "c7 44 4b 10 00 00 00 80", "48 89 03", "48 c7 43 08 00 00 00 80", // store
	"38 03", "80 3b 80", "39 03", "83 7b 08 80", "48 39 03", "48 83 3b 80", // cmp to memory
	"84 03", "f6 03 80", "85 03", "f7 03 00 00 00 80", "48 85 03", "48 f7 03 00 00 00 80", // test
	"eb 10", "e9 00 00 00 80", "e8 10 00 00 00", "e8 00 00 00 80", "c3", // jmp, call, ret
	"70 10", "71 10", "72 10", "73 10", "74 10", "75 10", "76 10", "77 10", // jcc
	"78 10", "79 10", "7a 10", "7b 10", "7c 10", "7d 10", "7e 10", "7f 10", "0f 8c 00 00 00 80",
}

// TestSpecial runs special and general routines from the same states: every
// difference is an error, and so is a special routine without a form here.
func TestSpecial(t *testing.T) {
	const seed = 1
	rng := rand.New(rand.NewSource(seed))
	used := map[[2]int]bool{}
	for _, text := range specialForms {
		code, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		in, err := x86.Decode(code, x86.Mode64)
		if err != nil || special(&in, x86.Mode64) == nil {
			t.Errorf("%s: no special routine, or %v", text, err)
			continue
		}
		used[[2]int{int(in.Sem), int(shapeOf(&in))<<4 | int(in.OpSize)}] = true
		for range 15 {
			if d := sameAsGeneral(code, rng); d != "" {
				t.Errorf("%s, seed %d: %s", text, seed, d)
				break
			}
		}
	}
	for sem := range specials {
		for s := range specials[sem] {
			for i, f := range specials[sem][s] {
				if f != nil && !used[[2]int{sem, s<<4 | 1<<i}] {
					t.Errorf("no form for %s of %d bytes, shape %d", x86.Sem(sem), 1<<i, s)
				}
			}
		}
	}
}

// sameAsGeneral runs code once each way from one random state.
func sameAsGeneral(code []byte, rng *rand.Rand) string {
	a, b := newRig(x86.Mode64, 0), newRig(x86.Mode64, 0)
	values := []uint64{0, 1, 0x7f, 0x80, 0xff, 0x7fffffff, 0x80000000, 0xffffffff, 1 << 63, 1<<63 - 1, rng.Uint64()}
	for i := range a.c.R {
		a.c.R[i] = values[rng.Intn(len(values))]
	}
	spots := []uint64{rigData, rigData + 0xffd, rigAbsent - 3, rigAbsent, rigReadOnly, 1<<47 - 3, 1 << 47}
	a.c.R[x86.RBX] = spots[rng.Intn(len(spots))]
	a.c.R[x86.RSP] = spots[rng.Intn(len(spots))]
	if rng.Intn(4) != 0 {
		a.c.R[x86.RBX], a.c.R[x86.RSP] = rigData+0x100, rigStack
	}
	a.c.RFLAGS = 2 | rng.Uint64()&cpu.FlagsArith
	a.c.loadFlags()
	a.c.Seg[x86.FS].Base = rng.Uint64() & 0xff
	copy(a.ram[rigCode:], code)
	rng.Read(a.ram[rigData : rigData+0x200])
	binary.LittleEndian.PutUint64(a.ram[rigStack:], values[rng.Intn(len(values))])
	b.c.State = a.c.State
	b.c.loadFlags()
	copy(b.ram, a.ram)

	o := &b.c.lookup().ops[0]
	o.Fn = semantics[o.Sem].of(o.OpSize)
	outA, outB := a.steps(1), b.steps(1)
	fault := ""
	if outB == outFault {
		f := &b.c.Fault
		fault = "#" + vectorNames[f.Vector] + "(" + string("0123456789abcdef"[f.Code&15]) + ")"
		if outA == outFault && a.c.Fault != *f {
			return "different faults"
		}
	}
	b.c.syncFlags()
	return compare(a, b.c, b.ram, outA, fault)
}
