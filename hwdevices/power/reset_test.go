package power

import (
	"testing"

	"vmrecord/hwdevices/devtest"
	"vmrecord/vmm"
)

func TestResetControl(t *testing.T) { devtest.Check(t, func() vmm.Device { return new(ResetControl) }) }
func TestPort92(t *testing.T)       { devtest.Check(t, func() vmm.Device { return new(Port92) }) }
func TestDebugExit(t *testing.T)    { devtest.Check(t, func() vmm.Device { return new(DebugExit) }) }

func TestStops(t *testing.T) {
	for _, c := range []struct {
		d      vmm.Device
		script string
	}{
		{new(ResetControl), "out 0.0 2 \n stop 0 0 \n out 0.0 6 \n stop 2 0 \n in 0.0 6"},
		{new(ResetControl), "out 0.0 fb \n stop 0 0 \n in 0.0 2"},
		{new(Port92), "in 0.0 2 \n out 0.0 0 \n in 0.0 0 \n stop 0 0 \n out 0.0 3 \n stop 2 0"},
		{new(DebugExit), "out 0.1 7 \n stop 0 0 \n out 0.0 7 \n stop 3 7"},
		{new(DebugExit), "out 0.0/2 1234 \n stop 3 1234"},
		{new(DebugExit), "out 0.0/4 12345678 \n stop 3 12345678"},
	} {
		devtest.Play(t, c.d, c.script)
	}
}
