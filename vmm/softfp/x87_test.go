package softfp

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// operand80 draws a register: boundaries, unsupported encodings, denormals, and
// exponents near near's.
func operand80(r *rand.Rand, near F80) F80 {
	m := 1<<63 | r.Uint64()
	switch r.IntN(7) {
	case 0:
		m = 1 << 63
	case 1:
		m = 1<<64 - 1
	case 2:
		m = 1<<63 | 1<<r.IntN(64)
	case 3:
		m &^= 1<<r.IntN(63) - 1
	case 4:
		m = 1<<63 | m<<1>>1>>r.IntN(63) | 1
	}
	if r.IntN(16) == 0 {
		m &^= 1 << 63
	}
	var exp int
	switch r.IntN(8) {
	case 0:
		exp = [...]int{0, 0, 0, 1, max80 - 1, max80, max80, 2}[r.IntN(8)]
		if exp == 0 && r.IntN(4) != 0 {
			m = m << 1 >> 1 >> r.IntN(64)
		}
	case 1:
		exp = r.IntN(1 << 15)
	case 2:
		exp = bias80 + r.IntN(90) - 10
	case 3:
		exp = r.IntN(130)
	case 4:
		exp = max80 - r.IntN(8)
	case 5:
		exp = bias80/2 + r.IntN(80) - 40
	default:
		exp = int(near.SE&max80) + r.IntN(140) - 70
	}
	return F80{m, uint16(r.Uint32()&1)<<15 | uint16(exp)&max80}
}

// storable draws a register near the limits of what memory formats hold.
func storable(r *rand.Rand, near F80) F80 {
	a := operand80(r, near)
	limit := [...]int{0, 0, 0, 15, 31, 59, 63, 128, -126, 1024, -1022}[r.IntN(11)]
	if r.IntN(8) != 0 {
		a.SE = a.SE&0x8000 | uint16(bias80+limit+r.IntN(140)-70)
	}
	return a
}

func draw32(r *rand.Rand, _ F80) F80 { return F80{Mant: binary32.operand(r, 0)} }
func draw64(r *rand.Rand, _ F80) F80 { return F80{Mant: binary64.operand(r, 0)} }
func drawInt(r *rand.Rand, _ F80) F80 {
	return F80{Mant: r.Uint64()>>r.IntN(64) ^ -(r.Uint64() & 1)}
}

func drawBCD(r *rand.Rand, _ F80) F80 {
	var m uint64
	for range 16 {
		m = m<<4 | r.Uint64N(10)
	}
	return F80{m >> (4 * r.IntN(16)), uint16(r.Uint32N(2)<<15 | r.Uint32N(10)<<4 | r.Uint32N(10))}
}

// control draws a control word; every fourth unmasks some exceptions.
func control(r *rand.Rand) uint16 {
	v := uint16(0x33f | r.IntN(4)<<10)
	if r.IntN(2) == 0 {
		v = v&^0x300 | [...]uint16{0, 0x200, 0x300}[r.IntN(3)]
	}
	if r.IntN(4) == 0 {
		v &^= uint16(r.Uint32()) & All
	}
	return v
}

const (
	c0 = 1 << 8
	c1 = 1 << 9
	c2 = 1 << 10
	c3 = 1 << 14
)

// An outcome is what an x87 instruction leaves: ST(0) or memory, ST(1), and the
// condition codes other than Env.C1.
type outcome struct {
	r, below F80
	codes    uint16
}

// An x87Op is an instruction as softfp does it. Integers and interchange formats
// are in Mant; packed BCD is as it stands in memory.
type x87Op struct {
	name  string
	soft  func(e *Env, a, b F80) outcome
	draw  func(r *rand.Rand, near F80) F80
	empty uint8 // exceptions that, unmasked, leave no result
}

func conditions(o Order) uint16 {
	return [...]uint16{Less: c0, Equal: c3, Greater: 0, Unordered: c0 | c2 | c3}[o]
}

func stack(name string, f func(e *Env, a, b F80) F80) x87Op {
	return x87Op{name, func(e *Env, a, b F80) outcome { return outcome{r: f(e, a, b), below: b} }, operand80, NoResult}
}

func test(name string, f func(e *Env, a, b F80) uint16) x87Op {
	return x87Op{name, func(e *Env, a, b F80) outcome { return outcome{a, b, f(e, a, b)} }, operand80, 0}
}

func load(name string, draw func(r *rand.Rand, near F80) F80, f func(e *Env, a F80) F80) x87Op {
	return x87Op{name, func(e *Env, a, _ F80) outcome { return outcome{r: f(e, a)} }, draw, NoResult}
}

func memory(name string, f func(e *Env, a F80) uint64) x87Op {
	return x87Op{name, func(e *Env, a, _ F80) outcome { return outcome{r: F80{Mant: f(e, a)}} }, storable, NoStore}
}

func integer(name string, width uint8, f func(e *Env, a F80, width uint8) int64) x87Op {
	return memory(name, func(e *Env, a F80) uint64 { return uint64(f(e, a, width)) << (64 - width) >> (64 - width) })
}

func rem(name string, nearest bool) x87Op {
	return x87Op{name, func(e *Env, a, b F80) outcome {
		r, q, partial := Rem80(e, a, b, nearest)
		return outcome{r, b, uint16(q>>2&1)*c0 | uint16(q>>1&1)*c3 | uint16(q&1)*c1 | uint16(bit(partial))*c2}
	}, operand80, NoResult}
}

func x87Ops() []x87Op {
	ops := []x87Op{
		stack("FADD", Add80),
		stack("FSUB", Sub80),
		stack("FSUBR", func(e *Env, a, b F80) F80 { return Sub80(e, b, a) }),
		stack("FMUL", Mul80),
		stack("FDIV", Div80),
		stack("FDIVR", func(e *Env, a, b F80) F80 { return Div80(e, b, a) }),
		stack("FSQRT", func(e *Env, a, _ F80) F80 { return Sqrt80(e, a) }),
		stack("FRNDINT", func(e *Env, a, _ F80) F80 { return RoundInt80(e, a) }),
		stack("FSCALE", Scale80),
		rem("FPREM", false),
		rem("FPREM1", true),
		{"FXTRACT", func(e *Env, a, _ F80) outcome {
			x, s := Extract80(e, a)
			return outcome{r: s, below: x}
		}, operand80, NoResult},
		test("FCOM", func(e *Env, a, b F80) uint16 { return conditions(Cmp80(e, a, b, false)) }),
		test("FUCOM", func(e *Env, a, b F80) uint16 { return conditions(Cmp80(e, a, b, true)) }),
		test("FTST", func(e *Env, a, _ F80) uint16 { return conditions(Cmp80(e, a, F80{}, false)) }),
		test("FXAM", func(e *Env, a, _ F80) uint16 {
			c := [...]uint16{ClassUnsupported: 0, ClassNaN: c0, ClassNormal: c2, ClassInfinity: c0 | c2, ClassZero: c3, ClassDenormal: c2 | c3}
			return c[Classify(a)] | a.SE>>15*c1
		}),
		load("FLD_m32", draw32, func(e *Env, a F80) F80 { return F32to80(e, uint32(a.Mant)) }),
		load("FLD_m64", draw64, func(e *Env, a F80) F80 { return F64to80(e, a.Mant) }),
		load("FILD_m16", drawInt, func(_ *Env, a F80) F80 { return Int64to80(int64(int16(a.Mant))) }),
		load("FILD_m32", drawInt, func(_ *Env, a F80) F80 { return Int64to80(int64(int32(a.Mant))) }),
		load("FILD_m64", drawInt, func(_ *Env, a F80) F80 { return Int64to80(int64(a.Mant)) }),
		load("FBLD", drawBCD, func(_ *Env, a F80) F80 {
			return BCDto80(BCD(binary.LittleEndian.AppendUint16(binary.LittleEndian.AppendUint64(nil, a.Mant), a.SE)))
		}),
		memory("FSTP_m32", func(e *Env, a F80) uint64 { return uint64(F80to32(e, a)) }),
		memory("FSTP_m64", F80to64),
		integer("FISTP_m16", 16, F80toInt),
		integer("FISTP_m32", 32, F80toInt),
		integer("FISTP_m64", 64, F80toInt),
		integer("FISTTP_m16", 16, F80truncInt),
		integer("FISTTP_m32", 32, F80truncInt),
		integer("FISTTP_m64", 64, F80truncInt),
		{"FBSTP", func(e *Env, a, _ F80) outcome {
			b := F80toBCD(e, a)
			return outcome{r: F80{binary.LittleEndian.Uint64(b[:]), binary.LittleEndian.Uint16(b[8:])}}
		}, storable, NoStore},
	}
	for i, name := range []string{"FLD1", "FLDL2T", "FLDL2E", "FLDPI", "FLDLG2", "FLDLN2", "FLDZ"} {
		ops = append(ops, load(name, drawInt, func(e *Env, _ F80) F80 { return Load80(e, Constant(i)) }))
	}
	return ops
}

// run returns the results (zero if an unmasked exception keeps them back) and
// the status word.
func (o *x87Op) run(a, b F80, cw uint16) (r, below F80, sw uint16) {
	e := FromFCW(cw, 0)
	z := o.soft(&e, a, b)
	sw = uint16(e.Flags) | uint16(bit(e.C1))*c1 | z.codes
	if e.Raised&o.empty != 0 {
		return F80{}, F80{}, sw
	}
	return z.r, z.below, sw
}

// line writes a case as testdata/x87.txt has it: mnemonic, operands, control
// word, the results, status word.
func (o *x87Op) line(a, b F80, cw uint16) string {
	r, below, sw := o.run(a, b, cw)
	return fmt.Sprintf("%s %04x:%016x %04x:%016x %04x %04x:%016x %04x:%016x %04x", o.name,
		a.SE, a.Mant, b.SE, b.Mant, cw, r.SE, r.Mant, below.SE, below.Mant, sw)
}

// TestX87Golden checks the portable code against results stored from a Zen 4.
func TestX87Golden(t *testing.T) { goldenX87(t, "testdata/x87.txt", x87Ops()) }

func goldenX87(t *testing.T, file string, list []x87Op) {
	ops := map[string]x87Op{}
	for _, o := range list {
		ops[o.name] = o
	}
	seen := golden(t, file, func(want string) string {
		var a, b F80
		var cw uint16
		name, rest, _ := strings.Cut(want, " ")
		if _, err := fmt.Sscanf(rest, "%x:%x %x:%x %x", &a.SE, &a.Mant, &b.SE, &b.Mant, &cw); err != nil {
			t.Fatalf("%s: %v", want, err)
		}
		o, ok := ops[name]
		if !ok {
			t.Fatalf("%s: no such operation", want)
		}
		return o.line(a, b, cw)
	})
	if seen != len(ops) {
		t.Errorf("%s has %d operations, want %d", file, seen, len(ops))
	}
}
