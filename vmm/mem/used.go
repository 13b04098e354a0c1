package mem

// Watch has the RAM note from here on which pages are used: read, written,
// executed, or walked through. The engine must not have run before, since it asks
// once for a page and remembers.
func (r *RAM) Watch() { r.used = make([]bool, len(r.Flags)) }

// Use notes that the page of pa, which is RAM, is used. Whoever goes to B itself
// says so here.
func (r *RAM) Use(pa uint64) {
	if r.used != nil {
		r.used[pa>>pageShift] = true
	}
}

// use notes the pages of [pa, pa+n).
func (r *RAM) use(pa uint64, n int) {
	if r.used == nil || n == 0 {
		return
	}
	for p := pa >> pageShift; p <= (pa+uint64(n)-1)>>pageShift; p++ {
		r.used[p] = true
	}
}

// Used tells whether a page was used since Watch.
func (r *RAM) Used(p uint32) bool { return r.used != nil && r.used[p] }

// Lack tells the RAM that the content of a page is not known: onlookers are not
// shown it. The guest must never use it.
func (r *RAM) Lack(p uint32) {
	if r.absent == nil {
		r.absent = make([]bool, len(r.Flags))
	}
	r.absent[p] = true
}

// Lacks tells whether the content at pa is not known.
func (r *RAM) Lacks(pa uint64) bool {
	return pa < r.Size() && r.absent != nil && r.absent[pa>>pageShift]
}

// Partial tells whether there is a page whose content is not known.
func (r *RAM) Partial() bool { return r.absent != nil }

// ReadPhys copies memory from pa on for an onlooker, up to the first byte that is
// not RAM or not known, and tells how much that was.
func (r *RAM) ReadPhys(pa uint64, p []byte) (n int) {
	for n < len(p) && pa < r.Size() && !r.Lacks(pa) {
		r.Use(pa)
		k := copy(p[n:], r.B[pa:(pa|(PageBytes-1))+1])
		n, pa = n+k, pa+uint64(k)
	}
	return n
}
