package guestos

import (
	"fmt"
	"math"
	"strings"
	"testing"
)

// What page tables map comes in order, as large as it is, with either form of
// paging; tables that lead to themselves end.
func TestTables(t *testing.T) {
	for _, levels := range []int{4, 5} {
		w := &world{ram: make(RAM, 1<<20), levels: levels}
		root := w.table()
		for _, m := range []struct {
			la, pa uint64
			large  bool
		}{
			{0x1000, 0x5000, false}, {0x2000, 0x6000, false}, {0x3000, 0x9000, false}, // two of them in a row
			{0x7fff_ffff_f000, 0x8000, false},
			{math.MaxUint64 &^ 0x3fffff, 0x200000, true}, {math.MaxUint64 &^ 0x1fffff, 0x400000, true},
		} {
			w.mapAt(root, m.la, m.pa, m.large)
		}
		r := Registers{CR3: root}
		if levels == 5 {
			r.CR4 = la57
		}
		list := func(first, last uint64, most int) string {
			var all []string
			Tables(w.ram, r, first, last, func(m Mapped) bool {
				all = append(all, fmt.Sprintf("%x>%x+%x", m.LA, m.PA, m.Size))
				return len(all) < most
			})
			return strings.Join(all, " ")
		}
		for _, c := range []struct {
			first, last uint64
			most        int
			want        string
		}{
			{0, math.MaxUint64, 9, "1000>5000+2000 3000>9000+1000 7ffffffff000>8000+1000 ffffffffffc00000>200000+400000"},
			{0, math.MaxUint64, 2, "1000>5000+2000 3000>9000+1000"},
			{1 << 63, math.MaxUint64, 9, "ffffffffffc00000>200000+400000"},
			{0x1800, 0x2fff, 9, "1800>5800+1800"},
			{0x4000, 1 << 46, 9, ""},
		} {
			if got := list(c.first, c.last, c.most); got != c.want {
				t.Errorf("%d levels, %#x to %#x: %s, want %s", levels, c.first, c.last, got, c.want)
			}
		}
		for i := range uint64(512) {
			copy(w.ram[root+8*i:], []byte{byte(root) | 1, byte(root >> 8), byte(root >> 16), 0, 0, 0, 0, 0})
		}
		n := 0
		Tables(w.ram, r, 0, math.MaxUint64, func(Mapped) bool { n++; return true })
		if n == 0 || n > maxMapped {
			t.Errorf("%d levels: tables that lead to themselves map %d ranges", levels, n)
		}
	}
}
