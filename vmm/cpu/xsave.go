package cpu

// Components of the XSAVE area (SDM vol. 1, 13.1). There are no supervisor
// components: IA32_XSS is zero.
const (
	XCR0X87  = 1 << 0
	XCR0SSE  = 1 << 1
	xcr0Bits = XCR0X87 | XCR0SSE

	XSaveBytes = 512 + 64 // of the area, in either format
)

// SetXCR0 is XSETBV after the privilege check (SDM vol. 1, 13.3).
func (c *Core) SetXCR0(v uint64) {
	if v&^xcr0Bits != 0 || v&XCR0X87 == 0 {
		c.GP(0)
	}
	c.XCR0 = v
}

// xsaveLeaf is CPUID leaf 0xD (SDM vol. 1, 13.2): the components and sizes; then
// XSAVEOPT, XSAVEC, XGETBV with ECX 1, XSAVES.
func xsaveLeaf(sub uint32) (a, b, cx, d uint32) {
	switch sub {
	case 0:
		return xcr0Bits, XSaveBytes, XSaveBytes, 0
	case 1:
		return 1<<0 | 1<<1 | 1<<2 | 1<<3, XSaveBytes, 0, 0
	}
	return 0, 0, 0, 0
}
