package timer

import (
	"testing"

	"vmrecord/hwdevices/devtest"
	"vmrecord/vmm"
)

func TestACPIPM(t *testing.T) {
	devtest.Check(t, func() vmm.Device { return new(ACPIPM) })
	devtest.Play(t, new(ACPIPM), `
		in 0.0/4 0
		until 1s
		in 0.0/4 369e99
		in 0.1 9e
		in 0.2/2 36
		out 0.0/4 0
		in 0.0/2 9e99
		until 4687ms            # 24 bits
		in 0.0/4 6f
	`)
}
