package mem

import "bytes"

// Restore gives page p the bytes b, a page whose hash is h, and tells whether
// they were others. Only the lines that differ are stored to, by the path of a
// processor's store: snapshots keep what they need, and engines drop what they
// derived from these lines and nothing else. The page is then clean, and its
// hash known. The caller vouches for h.
func (r *RAM) Restore(p uint32, b []byte, h Hash) bool {
	if r.fresh[p] && r.hash[p] == h {
		return false
	}
	was, differs := r.page(p), false
	for o := 0; o < PageBytes; o += LineBytes {
		line := b[o : o+LineBytes]
		if bytes.Equal(was[o:o+LineBytes], line) {
			continue
		}
		if differs = true; r.Flags[p] != 0 {
			r.Store(uint64(p)<<pageShift+uint64(o), LineBytes)
		}
		copy(was[o:], line)
	}
	r.stale = r.stale || differs
	r.hash[p], r.fresh[p] = h, true
	r.Flags[p] |= Clean
	r.Gen++
	return differs
}
