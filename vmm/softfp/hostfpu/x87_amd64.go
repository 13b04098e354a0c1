package hostfpu

// Each function runs the x87 instruction it is named after on a fresh FPU with
// the given control word; exceptions may be unmasked, for the wait that would
// deliver them never comes. An extended operand is its mantissa followed by
// sign and exponent. Results are ST(0) and ST(1) afterwards, in the same form
// in r; memory operands are read from and written to m. sw is the status word.

// An M80 is an extended operand or result.
type M80 struct{ Mant, SE uint64 }

func Fadd(cw uint64, a, b M80) (r [2]M80, sw uint64)
func Fmul(cw uint64, a, b M80) (r [2]M80, sw uint64)
func Fsub(cw uint64, a, b M80) (r [2]M80, sw uint64)
func Fsubr(cw uint64, a, b M80) (r [2]M80, sw uint64)
func Fdiv(cw uint64, a, b M80) (r [2]M80, sw uint64)
func Fdivr(cw uint64, a, b M80) (r [2]M80, sw uint64)
func Fcom(cw uint64, a, b M80) (r [2]M80, sw uint64)
func Fucom(cw uint64, a, b M80) (r [2]M80, sw uint64)
func Ftst(cw uint64, a, b M80) (r [2]M80, sw uint64)
func Fxam(cw uint64, a, b M80) (r [2]M80, sw uint64)
func Fprem(cw uint64, a, b M80) (r [2]M80, sw uint64)
func Fprem1(cw uint64, a, b M80) (r [2]M80, sw uint64)
func Fscale(cw uint64, a, b M80) (r [2]M80, sw uint64)
func Fxtract(cw uint64, a, b M80) (r [2]M80, sw uint64)
func Frndint(cw uint64, a, b M80) (r [2]M80, sw uint64)
func Fsqrt(cw uint64, a, b M80) (r [2]M80, sw uint64)
func F2xm1(cw uint64, a, b M80) (r [2]M80, sw uint64)
func Fyl2x(cw uint64, a, b M80) (r [2]M80, sw uint64)
func Fyl2xp1(cw uint64, a, b M80) (r [2]M80, sw uint64)
func Fptan(cw uint64, a, b M80) (r [2]M80, sw uint64)
func Fpatan(cw uint64, a, b M80) (r [2]M80, sw uint64)
func Fsin(cw uint64, a, b M80) (r [2]M80, sw uint64)
func Fcos(cw uint64, a, b M80) (r [2]M80, sw uint64)
func Fsincos(cw uint64, a, b M80) (r [2]M80, sw uint64)
func Fld1(cw uint64, m M80) (r M80, sw uint64)
func Fldl2t(cw uint64, m M80) (r M80, sw uint64)
func Fldl2e(cw uint64, m M80) (r M80, sw uint64)
func Fldpi(cw uint64, m M80) (r M80, sw uint64)
func Fldlg2(cw uint64, m M80) (r M80, sw uint64)
func Fldln2(cw uint64, m M80) (r M80, sw uint64)
func Fldz(cw uint64, m M80) (r M80, sw uint64)
func FldS(cw uint64, m M80) (r M80, sw uint64)
func FldD(cw uint64, m M80) (r M80, sw uint64)
func FildW(cw uint64, m M80) (r M80, sw uint64)
func FildL(cw uint64, m M80) (r M80, sw uint64)
func FildQ(cw uint64, m M80) (r M80, sw uint64)
func Fbld(cw uint64, m M80) (r M80, sw uint64)
func FstpS(cw uint64, a M80) (m M80, sw uint64)
func FstpD(cw uint64, a M80) (m M80, sw uint64)
func FistpW(cw uint64, a M80) (m M80, sw uint64)
func FistpL(cw uint64, a M80) (m M80, sw uint64)
func FistpQ(cw uint64, a M80) (m M80, sw uint64)
func FisttpW(cw uint64, a M80) (m M80, sw uint64)
func FisttpL(cw uint64, a M80) (m M80, sw uint64)
func FisttpQ(cw uint64, a M80) (m M80, sw uint64)
func Fbstp(cw uint64, a M80) (m M80, sw uint64)
