package cpu

import "testing"

// TestCaches: leaf 8000_001D tells of the caches that leaves 8000_0005 and
// 8000_0006 tell of (APM vol. 3, E.4).
func TestCaches(t *testing.T) {
	c := new(Core)
	_, _, l1d, l1i := c.CPUID(0x8000_0005, 0)
	_, _, l2, _ := c.CPUID(0x8000_0006, 0)
	for i, want := range []struct{ kind, level, bytes, ways, line uint32 }{
		{1, 1, l1d >> 24 << 10, l1d >> 16 & 0xff, l1d & 0xff},
		{2, 1, l1i >> 24 << 10, l1i >> 16 & 0xff, l1i & 0xff},
		{3, 2, l2 >> 16 << 10, map[uint32]uint32{6: 8}[l2>>12&15], l2 & 0xff},
	} {
		a, b, s, _ := c.CPUID(0x8000_001d, uint32(i))
		ways, line := b>>22+1, b&0xfff+1
		got := want
		got.kind, got.level, got.bytes, got.ways, got.line = a&31, a>>5&7, ways*line*(s+1), ways, line
		if got != want {
			t.Errorf("subleaf %d: %+v, want %+v", i, got, want)
		}
	}
	if a, _, _, _ := c.CPUID(0x8000_001d, 3); a != 0 {
		t.Errorf("there is a fourth cache: %#x", a)
	}
}
