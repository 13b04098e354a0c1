package softfp

import "testing"

// TestApproxCases holds results of a Zen 4.
func TestApproxCases(t *testing.T) {
	for _, c := range []struct{ a, rcp, rsqrt uint32 }{
		{0x00000000, 0x7f800000, 0x7f800000},
		{0x80000000, 0xff800000, 0xff800000},
		{0x007fffff, 0x7f800000, 0x7f800000}, // denormals are zeros
		{0x80000001, 0xff800000, 0xff800000},
		{0x00800000, 0x7e7ff000, 0x5efff800},
		{0x3f800000, 0x3f7ff000, 0x3f7ff800},
		{0x3f800800, 0x3f7fe000, 0x3f7ff000},
		{0x40000000, 0x3efff000, 0x3f350000},
		{0x40000800, 0x3effe000, 0x3f34f800},
		{0x7e7fffff, 0x00800000, 0x20000000}, // the smallest reciprocal
		{0x7e7ff000, 0x00800800, 0x20000000},
		{0x7e800000, 0x00000000, 0x1ffff800},
		{0x7f7fffff, 0x00000000, 0x1f800000},
		{0x7f800000, 0x00000000, 0x00000000},
		{0xff800000, 0x80000000, 0xffc00000},
		{0xbf800000, 0xbf7ff000, 0xffc00000},
		{0x7f800001, 0x7fc00001, 0x7fc00001},
		{0xffc00002, 0xffc00002, 0xffc00002},
	} {
		if r, s := Rcp32(c.a), Rsqrt32(c.a); r != c.rcp || s != c.rsqrt {
			t.Errorf("%#08x: RCPSS %#08x RSQRTSS %#08x, want %#08x %#08x", c.a, r, s, c.rcp, c.rsqrt)
		}
	}
}
