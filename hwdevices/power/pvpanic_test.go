package power

import (
	"testing"

	"vmrecord/hwdevices/devtest"
	"vmrecord/vmm"
)

func TestPVPanic(t *testing.T) { devtest.Check(t, func() vmm.Device { return new(PVPanic) }) }

// Bits that are not recognised tell nothing, alone or beside others.
func TestPVPanicEvents(t *testing.T) {
	b := vmm.NewBoard(nil, vmm.Config{})
	b.Plug(vmm.Place{Name: "pvpanic", Ports: []uint16{0x505}}, new(PVPanic))
	var heard []byte
	b.OnOutput("pvpanic/event", func(p []byte) { heard = append(heard, p...) })
	if v := b.PortIn(0x505, 1); v != 3 {
		t.Errorf("recognised: %#x", v)
	}
	for _, c := range []struct {
		out  uint64
		want string
	}{{0, ""}, {4, ""}, {1, "\x01"}, {2, "\x02"}, {0xff, "\x03"}} {
		heard = nil
		b.PortOut(0x505, 1, c.out)
		if string(heard) != c.want || b.Wanted() && c.want == "" {
			t.Errorf("out %#x: told %q, host work wanted: %v", c.out, heard, b.Wanted())
		}
	}
	if !b.Wanted() {
		t.Error("the host is not asked to look")
	}
}
