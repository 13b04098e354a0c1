package timer

import (
	"testing"

	"vmrecord/hwdevices/devtest"
	"vmrecord/vmm"
)

func TestACPIPM(t *testing.T) { devtest.Check(t, func() vmm.Device { return new(ACPIPM) }) }
