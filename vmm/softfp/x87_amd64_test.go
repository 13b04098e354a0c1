package softfp

import (
	"strings"
	"testing"

	"vmrecord/vmm/softfp/hostfpu"
)

type hostOp = func(cw uint64, a, b hostfpu.M80) ([2]hostfpu.M80, uint64)

// one makes a hostOp of an instruction with a memory operand.
func one(f func(cw uint64, a hostfpu.M80) (hostfpu.M80, uint64)) hostOp {
	return func(cw uint64, a, _ hostfpu.M80) ([2]hostfpu.M80, uint64) {
		r, sw := f(cw, a)
		return [2]hostfpu.M80{r}, sw
	}
}

// x87Host has the host's own instruction for every operation.
var x87Host = map[string]hostOp{
	"FADD": hostfpu.Fadd, "FSUB": hostfpu.Fsub, "FSUBR": hostfpu.Fsubr, "FMUL": hostfpu.Fmul,
	"FDIV": hostfpu.Fdiv, "FDIVR": hostfpu.Fdivr, "FSQRT": hostfpu.Fsqrt, "FRNDINT": hostfpu.Frndint,
	"FSCALE": hostfpu.Fscale, "FPREM": hostfpu.Fprem, "FPREM1": hostfpu.Fprem1, "FXTRACT": hostfpu.Fxtract,
	"FCOM": hostfpu.Fcom, "FUCOM": hostfpu.Fucom, "FTST": hostfpu.Ftst, "FXAM": hostfpu.Fxam,
	"FLD_m32": one(hostfpu.FldS), "FLD_m64": one(hostfpu.FldD), "FBLD": one(hostfpu.Fbld),
	"FILD_m16": one(hostfpu.FildW), "FILD_m32": one(hostfpu.FildL), "FILD_m64": one(hostfpu.FildQ),
	"FSTP_m32": one(hostfpu.FstpS), "FSTP_m64": one(hostfpu.FstpD), "FBSTP": one(hostfpu.Fbstp),
	"FISTP_m16": one(hostfpu.FistpW), "FISTP_m32": one(hostfpu.FistpL), "FISTP_m64": one(hostfpu.FistpQ),
	"FISTTP_m16": one(hostfpu.FisttpW), "FISTTP_m32": one(hostfpu.FisttpL), "FISTTP_m64": one(hostfpu.FisttpQ),
	"FLD1": one(hostfpu.Fld1), "FLDL2T": one(hostfpu.Fldl2t), "FLDL2E": one(hostfpu.Fldl2e), "FLDPI": one(hostfpu.Fldpi),
	"FLDLG2": one(hostfpu.Fldlg2), "FLDLN2": one(hostfpu.Fldln2), "FLDZ": one(hostfpu.Fldz),
}

func m80(a F80) hostfpu.M80 { return hostfpu.M80{Mant: a.Mant, SE: uint64(a.SE)} }
func f80(m hostfpu.M80) F80 { return F80{m.Mant, uint16(m.SE)} }

// TestX87 compares with the host: results, flags, condition codes; unmasked
// exceptions included. With -update it also stores some of the cases.
func TestX87(t *testing.T) {
	var lines strings.Builder
	for _, op := range x87Ops() {
		host := x87Host[op.name]
		r := newRand()
		var a, b F80
		for i := range 60_000 {
			a = op.draw(r, b)
			b = op.draw(r, a)
			cw := control(r)
			want, hostSW := host(uint64(cw), m80(a), m80(b))
			got, below, sw := op.run(a, b, cw)
			wantSW := uint16(hostSW) & (c0 | c1 | c2 | c3 | All)
			e := FromFCW(cw, 0)
			if op.empty&^e.Masks&uint8(sw) != 0 {
				want = [2]hostfpu.M80{}
			}
			if got != f80(want[0]) || below != f80(want[1]) || sw != wantSW {
				t.Errorf("seed %d: %s a=%x b=%x cw=%04x: %x %x sw %04x, host has %x sw %04x",
					seed, op.name, a, b, cw, got, below, sw, want, wantSW)
				break
			}
			if i < 12 {
				lines.WriteString(op.line(a, b, cw) + "\n")
			}
		}
	}
	store(t, "testdata/x87.txt", lines.String())
}
