package softfp

// An Order is the outcome of a comparison.
type Order uint8

const (
	Less Order = iota
	Equal
	Greater
	Unordered
)

// compare orders flushed operands that are no NaNs.
func (f format) compare(a, b uint64) Order {
	ma, mb := a&^f.sign(), b&^f.sign()
	neg := a&f.sign() != 0
	switch {
	case ma == mb && (ma == 0 || (a^b)&f.sign() == 0):
		return Equal
	case (a^b)&f.sign() != 0 && neg, (a^b)&f.sign() == 0 && ma < mb != neg:
		return Less
	}
	return Greater
}

// order compares; signal makes a QNaN invalid too. With IE or DE unmasked the
// caller must drop the result.
func (f format) order(e *Env, a, b uint64, signal bool) Order {
	a, b = f.flush(e, a), f.flush(e, b)
	if f.isNaN(a) || f.isNaN(b) {
		if signal || f.isSNaN(a) || f.isSNaN(b) {
			e.raise(IE)
		}
		return Unordered
	}
	if f.isDenormal(a) || f.isDenormal(b) {
		e.raise(DE)
	}
	return f.compare(a, b)
}

// extremum returns a if it compares as want to b, else b: so b for equal zeros
// of any sign, and for a NaN, which is invalid even if quiet, and is returned
// as it is (SDM vol. 2, MINSD, MAXSD).
func (f format) extremum(e *Env, a, b uint64, want Order) uint64 {
	o := f.order(e, a, b, true)
	if o == want {
		return f.flush(e, a)
	}
	return f.flush(e, b)
}

// Min32 returns the smaller of a and b, b if neither is (MINSS).
func Min32(e *Env, a, b uint32) uint32 {
	return uint32(binary32.extremum(e, uint64(a), uint64(b), Less))
}

// Max32 returns the larger of a and b, b if neither is (MAXSS).
func Max32(e *Env, a, b uint32) uint32 {
	return uint32(binary32.extremum(e, uint64(a), uint64(b), Greater))
}

// Min64 returns the smaller of a and b, b if neither is (MINSD).
func Min64(e *Env, a, b uint64) uint64 { return binary64.extremum(e, a, b, Less) }

// Max64 returns the larger of a and b, b if neither is (MAXSD).
func Max64(e *Env, a, b uint64) uint64 { return binary64.extremum(e, a, b, Greater) }

// Order32 compares a with b: signal for COMISS, else UCOMISS.
func Order32(e *Env, a, b uint32, signal bool) Order {
	return binary32.order(e, uint64(a), uint64(b), signal)
}

// Order64 compares a with b: signal for COMISD, else UCOMISD.
func Order64(e *Env, a, b uint64, signal bool) Order { return binary64.order(e, a, b, signal) }

// Cmp32 evaluates predicate p, 0 to 7 as in CMPSS: EQ LT LE UNORD, and their
// negations. LT, LE and their negations signal on QNaNs.
func Cmp32(e *Env, a, b uint32, p uint8) bool {
	return binary32.order(e, uint64(a), uint64(b), signals(p)).holds(p)
}

// Cmp64 evaluates predicate p as Cmp32 does (CMPSD).
func Cmp64(e *Env, a, b uint64, p uint8) bool {
	return binary64.order(e, a, b, signals(p)).holds(p)
}

func signals(p uint8) bool { return p&3 == 1 || p&3 == 2 }

func (o Order) holds(p uint8) bool {
	var r bool
	switch p & 3 {
	case 0:
		r = o == Equal
	case 1:
		r = o == Less
	case 2:
		r = o == Less || o == Equal
	case 3:
		r = o == Unordered
	}
	return r != (p&4 != 0)
}
