package x86

import (
	"math/rand"
	"testing"
)

// Every row can be made in every size it claims, and comes back.
func TestEncodeEveryRow(t *testing.T) {
	rng := rand.New(rand.NewSource(1))
	for i := range Table {
		f := &Table[i]
		made := 0
		for _, mode := range []Mode{Mode64, Mode32, Mode16} {
			for _, size := range f.Sizes(mode) {
				for _, mem := range []bool{false, true} {
					made += tryRow(t, rng, f, Want{Mode: mode, OpSize: size, Mem: mem})
				}
			}
		}
		if made == 0 {
			t.Errorf("isa.txt row %d, %s: no encoding in any mode", i, f.Text)
		}
	}
}

func tryRow(t *testing.T, rng *rand.Rand, f *Form, w Want) int {
	w.Rand = rng.Intn
	w.Base, w.Index, w.Scale = RBX, NoReg, uint8(rng.Intn(4))
	w.Disp = []int32{0, 0x40, -0x4000}[rng.Intn(3)]
	w.Avoid = 1<<RSP | 1<<RBX
	if w.Mode == Mode64 {
		w.Base = []uint8{RBX, RSP, R12, R13, NoReg}[rng.Intn(5)]
		w.Index = []uint8{RCX, R12, NoReg}[rng.Intn(3)]
	}
	code, ok := f.Encode(w)
	if !ok && f.Sem == SemUd { // a row of leftovers; it needs one encoding
		return 0
	}
	if !ok {
		t.Errorf("%s: no encoding in mode %d, size %d, mem %v", f.Text, w.Mode, w.OpSize, w.Mem)
		return 0
	}
	in, err := Decode(code, w.Mode)
	if err != nil || &Table[in.Row] != f {
		t.Fatalf("%s: % x decodes to %v, %v", f.Text, code, in, err)
	}
	checkMem(t, f, &in, &w, code)
	return 1
}

func checkMem(t *testing.T, f *Form, in *Inst, w *Want, code []byte) {
	for i, a := range in.Args[:in.NArgs] {
		m := in.Mem
		if a.Kind != Mem || f.Ops[i].Loc != LocRM {
			continue
		}
		if m.Base != w.Base || m.Index != w.Index || m.Disp != int64(w.Disp) {
			t.Errorf("%s: % x has memory %+v, want %+v", f.Text, code, m, *w)
		}
	}
}
