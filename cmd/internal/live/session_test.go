package live

import (
	"io"
	"strings"
	"testing"
	"time"

	"vmrecord/cmd/internal/machine"
	"vmrecord/configs/bare"
	"vmrecord/hwdevices/firmware"
	"vmrecord/hwdevices/pc"
	"vmrecord/vmm"
	"vmrecord/vmm/host"
)

// A hurried clock is always ahead of the guest: each boundary asks for a leap.
type hurried struct{ now time.Duration }

func (h *hurried) Now() time.Duration {
	h.now += time.Millisecond
	return h.now
}

func (h *hurried) Wait(until time.Duration, _ <-chan struct{}) { h.now = max(h.now, until) }

// Power-off is the last that happens: no leap of a clock that runs ahead comes
// behind it, for on a replay the machine stops there.
func TestNothingAfterTheEnd(t *testing.T) {
	spec := machine.Spec{Memory: 4 << 20, Hz: vmm.DefaultHz, UUID: strings.Repeat("00", 16)}
	m, free, err := spec.Build(1, 2)
	if err != nil {
		t.Fatal(err)
	}
	defer free()
	if err := pc.BootLinux(m, firmware.Linux{Kernel: bare.Image(bare.Options{})}); err != nil {
		t.Fatal(err)
	}
	con, err := OpenConsole("none", nil, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	s := &Session{M: m, Console: con, Limit: vmm.Never,
		Door: host.NewDoor(host.Config{Hz: spec.Hz, Pace: host.Real, Clock: new(hurried)})}
	s.Connect(host.Script{})
	leaps := 0
	m.OnInput = func(vmm.Input) {
		leaps++
		if kind, _ := m.Stopped(); kind != vmm.StopNone {
			t.Errorf("an input at %d, behind the end", m.Now())
		}
	}
	if e := s.Run(); e.Outcome != "power-off" || leaps < 10 {
		t.Errorf("%+v after %d leaps", e, leaps)
	}
}
