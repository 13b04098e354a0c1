package timer

import (
	"testing"

	"vmrecord/hwdevices/devtest"
	"vmrecord/vmm"
)

func TestMC146818(t *testing.T) { devtest.Check(t, func() vmm.Device { return new(MC146818) }) }
