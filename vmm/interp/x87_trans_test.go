package interp

import "testing"

// TestTranscendental: results are softfp's, and tested there; here it is where
// they go, C2, and the stack. In st, ST(0) is π, ST(1) -1.
func TestTranscendental(t *testing.T) {
	runOps(t, []op{
		{"d9 f0", "st p6=3ffe8000000000000000", "p6=3ffdd413cccfe7799211 fsw=3020"}, // f2xm1
		{"d9 f0", "st", "fsw=3020"},                                                                                 // f2xm1 of what is too large
		{"d9 f1", "st", "p7=bfffd36439a4c6efbad9 fsw=3a20 tags=80"},                                                 // fyl2x
		{"d9 f9", "st p6=3ffc8000000000000000", "p7=bffcae00d1cfdeb43cfd fsw=3820 tags=80"},                         // fyl2xp1
		{"d9 f3", "st", "p7=bffd9dc8562429e8b470 fsw=3820 tags=80"},                                                 // fpatan
		{"d9 fe", "st fsw=3400", "p6=bfbf8000000000000000 fsw=3220"},                                                // fsin
		{"d9 ff", "st", "p6=bfff8000000000000000 fsw=3220"},                                                         // fcos
		{"d9 fb", "st", "p5=bfff8000000000000000 p6=bfbf8000000000000000 fsw=2a20 tags=e0"},                         // fsincos
		{"d9 f2", "st", "p5=3fff8000000000000000 p6=3fbf8000000000000000 fsw=2820 tags=e0"},                         // fptan
		{"d9 fe", "st p6=403e8000000000000000", "fsw=3400"},                                                         // fsin of 2^63
		{"d9 f2", "st p6=c03e8000000000000000", "fsw=3400"},                                                         // fptan of -2^63
		{"d9 f2", "st p6=7fff8000000000000000", "p5=ffffc000000000000000 p6=ffffc000000000000000 fsw=2801 tags=e0"}, // fptan of infinity
		{"d9 f2", "st p6=7fff8000000000000000 fcw=37e", "fsw=b081"},                                                 // unmasked: nothing is pushed
		{"d9 f2", "st tags=ff fsw=3400", "p5=ffffc000000000000000 p6=ffffc000000000000000 fsw=2a41"},                // fptan with a full stack
		{"d9 fb", "st tags=ff fcw=37e", "fsw=b2c1"},                                                                 // fsincos with a full stack
		{"d9 f1", "st tags=40", "p7=ffffc000000000000000 fsw=3841 tags=80"},                                         // fyl2x with ST(1) empty
		{"d9 f1", "st tags=40 fcw=37e", "fsw=b0c1"},                                                                 // unmasked: nothing is popped
		{"d9 ff", "st tags=80 fsw=3400", "p6=ffffc000000000000000 fsw=3041 tags=c0"},                                // fcos of an empty register
		{"d9 f1", "st p6=00000000000000000000 fcw=37b", "fsw=b084"},                                                 // fyl2x of 0: ST(0) stays
		{"d9 f1", "st p6=00000000000000000000", "p7=7fff8000000000000000 fsw=3804 tags=80"},                         // fyl2x of 0
		{"d9 fe", "st fcw=35f", "p6=bfbf8000000000000000 fsw=b2a0"},                                                 // fsin: inexact, delivered
		{"d9 fe", "st fcw=37e fsw=b081", "#MF"},                                                                     // pending
	})
}
