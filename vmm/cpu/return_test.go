package cpu

import "testing"

// TestFlatSegments: they are what is loaded from FlatDescriptors.
func TestFlatSegments(t *testing.T) {
	for _, c := range []struct{ dpl, cs, ss uint16 }{{0, 0x08, 0x10}, {3, 0x33, 0x2b}} {
		var s State
		s.FlatSegments(c.cs, c.ss)
		code, data := FlatDescriptors(uint64(c.dpl))
		if cs, ss := decode(c.cs, code), decode(c.ss, data); s.Seg[segCS] != cs || s.Seg[segSS] != ss {
			t.Errorf("ring %d: %+v, want %+v; %+v, want %+v", c.dpl, s.Seg[segCS], cs, s.Seg[segSS], ss)
		}
	}
	var s State
	if s.FlatSegments(8, 0); s.Seg[segSS] != (Segment{}) {
		t.Errorf("a null SS is %+v", s.Seg[segSS])
	}
}

// TestKeeps: a return nulls data segments that its ring may not use (SDM vol. 3A, 5.8.6).
func TestKeeps(t *testing.T) {
	for _, c := range []struct {
		name string
		attr uint16
		want bool
	}{
		{"null", 0, true},
		{"data of ring 0", 0xc093, false},
		{"data of ring 3", 0xc0f3, true},
		{"code of ring 0", 0xc09b, false},
		{"conforming code of ring 0", 0xc09f, true},
	} {
		for _, r := range []int{segES, segDS, segFS, segGS} {
			var s State
			if s.Seg[r].Attr = c.attr; s.Keeps(3) != c.want {
				t.Errorf("%s in register %d: kept %v, want %v", c.name, r, !c.want, c.want)
			}
		}
	}
}
