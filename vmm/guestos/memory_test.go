package guestos

import (
	"encoding/binary"
	"strings"
	"testing"
)

// A holey memory lacks a page.
type holey struct {
	RAM
	page uint64
}

func (h holey) Lacks(pa uint64) bool { return pa/pageBytes == h.page }

func (h holey) ReadPhys(pa uint64, p []byte) int {
	if h.Lacks(pa) {
		return 0
	}
	return h.RAM.ReadPhys(pa, p)
}

// TestNone: memory that was left out is told from memory that is not mapped.
func TestNone(t *testing.T) {
	ram := make(RAM, 8*pageBytes) // tables in pages 0 to 3 map 0 and 0x1000 to pages 4 and 5
	for i := range uint64(3) {
		binary.LittleEndian.PutUint64(ram[i*pageBytes:], (i+1)*pageBytes|1)
	}
	binary.LittleEndian.PutUint64(ram[3*pageBytes:], 4*pageBytes|1)
	binary.LittleEndian.PutUint64(ram[3*pageBytes+8:], 5*pageBytes|1)
	for _, c := range []struct {
		la   uint64
		want string
	}{
		{0, ""},
		{0x1000, "0x1000 is not in this bundle (L1), ask for L2"},
		{0x2000, "no memory at 0x2000"},
	} {
		r := &reader{space: newSpace(holey{ram, 5}, 0, 0)}
		if r.u64(c.la); c.want == "" && r.err != nil || c.want != "" && (r.err == nil || !strings.Contains(r.err.Error(), c.want)) {
			t.Errorf("%#x: %v, want %q", c.la, r.err, c.want)
		}
	}
}
