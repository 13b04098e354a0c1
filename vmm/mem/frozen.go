package mem

// A Frozen is RAM as it was at one boundary. The machine runs on: a page that
// is stored to while it is still wanted is copied first. Only the goroutine
// that runs the machine may call its methods; the copies that Drain hands out
// may go anywhere.
type Frozen struct {
	Root Hash   // over all page hashes
	Hash []Hash // of each page, at the boundary

	want []bool // pages still to be handed out
	kept []Page // copied because they were about to change
	next uint32
}

// Freeze takes a snapshot of the pages for which want is true (nil: all);
// their hashes and the root cover all pages. An earlier snapshot must have
// been drained or released.
func (r *RAM) Freeze(want func(p uint32, h Hash) bool) *Frozen {
	f := &Frozen{Root: r.Root(), Hash: append([]Hash(nil), r.hash...), want: make([]bool, len(r.hash))}
	for p := range f.want {
		f.want[p] = want == nil || want(uint32(p), r.hash[p])
	}
	r.Mark()
	r.frozen = f
	return f
}

// keep copies page p, which is about to change, if it is still wanted.
func (f *Frozen) keep(r *RAM, p uint32) {
	if f.want[p] {
		f.kept = append(f.kept, Page{p, append([]byte(nil), r.page(p)...)})
		f.want[p] = false
	}
}

// A Page is one page of a frozen RAM.
type Page struct {
	No   uint32
	Data []byte
}

// Drain hands out up to n more pages, in no particular order; none are left when it returns fewer.
func (r *RAM) Drain(f *Frozen, n int) (out []Page) {
	k := min(n, len(f.kept))
	out, f.kept = append(out, f.kept[:k]...), f.kept[k:]
	for ; int(f.next) < len(f.want) && len(out) < n; f.next++ {
		if f.want[f.next] {
			f.want[f.next] = false
			out = append(out, Page{f.next, append([]byte(nil), r.page(f.next)...)})
		}
	}
	if len(out) < n {
		r.Release(f)
	}
	return out
}

// Release gives the snapshot up.
func (r *RAM) Release(f *Frozen) {
	if r.frozen == f {
		r.frozen = nil
	}
}
