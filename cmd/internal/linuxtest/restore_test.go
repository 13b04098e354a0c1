package linuxtest

import (
	"encoding/binary"
	"fmt"
	"testing"

	"vmrecord/cmd/internal/machine"
	"vmrecord/vmm"
)

// TestRestore saves a boot at two points, in the decompressor and in the
// kernel. Machines restored there go on to the same states.
func TestRestore(t *testing.T) {
	const inlet = machine.ConsoleIn
	leap := binary.LittleEndian.AppendUint64(nil, 3_000_001)
	inputs := []vmm.Input{{At: 10_000_019, Inlet: inlet, Data: []byte("e")}, {At: 100_000_017, Inlet: vmm.InletLeap, Data: leap},
		{At: 100_000_018, Inlet: inlet, Data: []byte("m")}, {At: 200_000_023, Inlet: vmm.InletLeap, Data: leap},
		{At: 200_000_023, Inlet: inlet, Data: []byte("l")}}
	points := []vmm.Instant{60_000_001, 170_000_003, 240_000_007}
	a := boot(t, quick)
	a.Door = &vmm.Scripted{Left: inputs}
	var want []string
	var saved []*guest
	for i, p := range points {
		a.to(t, p)
		want = append(want, a.state())
		if i < len(points)-1 {
			saved = append(saved, a.fork(t))
		}
	}
	for i, g := range saved {
		g.Door = &vmm.Scripted{Left: inputs[g.Inputs():]}
		for j, p := range points[i+1:] {
			g.to(t, p)
			if got := g.state(); got != want[i+1+j] {
				t.Errorf("saved at %d, at %d:\n%s\nwant\n%s", points[i], p, got, want[i+1+j])
			}
		}
	}
	if n := a.Inputs(); n != uint64(len(inputs)) {
		t.Errorf("%d inputs, want %d", n, len(inputs))
	}
}

func (g *guest) to(t *testing.T, at vmm.Instant) {
	t.Helper()
	if e := g.Run(at); e != vmm.Reached {
		t.Fatalf("exit %d at %s: %v", e, g.Position(), g.Err())
	}
}

// state is everything about a machine, in lines.
func (g *guest) state() string {
	secs, _ := g.Digests()
	s := fmt.Sprintf("position %s, retired %d\n", g.Position(), g.Retired())
	for i, n := range g.SectionNames() {
		s += fmt.Sprintf("%016x %s\n", secs[i], n)
	}
	r := g.Mem.Root()
	return s + fmt.Sprintf("%x memory", r[:8])
}
