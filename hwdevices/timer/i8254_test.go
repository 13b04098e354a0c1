package timer

import (
	"testing"

	"vmrecord/hwdevices/devtest"
	"vmrecord/vmm"
)

func TestI8254(t *testing.T) { devtest.Check(t, func() vmm.Device { return new(I8254) }) }
