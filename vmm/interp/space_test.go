package interp

import (
	"encoding/binary"
	"testing"

	"vmrecord/vmm/cpu"
	"vmrecord/vmm/mem"
	"vmrecord/vmm/x86"
)

// A store to an entry of the last level drops the translations of data that
// its line maps, and no others, in each form of paging.
func TestRemap(t *testing.T) {
	const table, frames, window = rigTables + 3*mem.PageBytes, 0x20, 300 // window: the page at which the table is
	for _, c := range []struct {
		name        string
		mode        x86.Mode
		cr4         uint64
		entry, line uint64 // bytes of an entry, entries in a line
	}{
		{"4-level", x86.Mode64, cpu.CR4PAE, 8, 8},
		{"PAE", x86.Mode32, cpu.CR4PAE, 8, 8},
		{"32-bit", x86.Mode32, 0, 4, 16},
	} {
		r := newRig(c.mode, 0)
		put := func(at, v uint64) { binary.LittleEndian.PutUint32(r.ram[at:], uint32(v)) }
		for i := range mem.PageBytes / c.entry {
			put(table+i*c.entry, (frames+i%16)<<12|7)
		}
		put(table+window*c.entry, table|7)
		for i := range uint64(16) {
			put((frames+i)<<12, i)
		}
		if c.mode == x86.Mode32 {
			r.c.CR0, r.c.CR3, r.c.CR4 = r.c.CR0|cpu.CR0PG, rigTables+2*mem.PageBytes, r.c.CR4|c.cr4
			r.c.PDPTE[0] = r.c.CR3 | 1
			put(r.c.CR3, table|7)
			r.c.flush()
		}
		read := func(page uint64) uint64 { return uint64(load[uint32](r.c, page<<12)) }
		for page := range uint64(64) {
			if got := read(page); got != page%16 {
				t.Fatalf("%s: page %d is %d at first", c.name, page, got)
			}
		}
		for _, page := range []uint64{0, 1, 7, 8, 15, 16, 47} {
			store(r.c, window<<12+page*c.entry, uint32((frames+page%16^1)<<12|7))
			r.c.attend()
			for i := range uint64(64) {
				if kept := r.c.tlb[i].r == i<<12; kept != (i/c.line != page/c.line) {
					t.Errorf("%s: after a store to entry %d that of page %d is kept: %t", c.name, page, i, kept)
				}
			}
			if got := read(page); got != page%16^1 {
				t.Errorf("%s: page %d is %d after the store", c.name, page, got)
			}
			for i := range uint64(64) {
				read(i)
			}
		}
	}
}
