package guestos

// A Mapped is a range of linear addresses that page tables lead to a range of
// physical ones.
type Mapped struct{ LA, PA, Size uint64 }

// maxMapped bounds the pages that Tables looks at: tables that lead to
// themselves map more than there is.
const maxMapped = 1 << 21

// Tables calls f with what the page tables of 64-bit mode map from first to
// last, in the order of addresses, until it returns false. What follows in both
// spaces comes as one; rights do not count.
func Tables(m Memory, r Registers, first, last uint64, f func(Mapped) bool) {
	s := newSpace(m, r.CR3, r.CR4)
	var held Mapped
	for la, n := first, 0; n < maxMapped; n++ {
		pa, run, ok := s.phys(la)
		run = min(run-1, last-la) + 1
		switch {
		case ok && held.Size != 0 && held.LA+held.Size == la && held.PA+held.Size == pa:
			held.Size += run
		case ok:
			if held.Size != 0 && !f(held) {
				return
			}
			held = Mapped{la, pa, run}
		}
		if la+run-1 >= last {
			break
		}
		la += run
	}
	if held.Size != 0 {
		f(held)
	}
}
