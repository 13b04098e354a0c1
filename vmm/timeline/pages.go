package timeline

import "vmrecord/vmm/mem"

// leafPages is how many pages one leaf of a table names.
const leafPages = 64

// A page is the content of one or many pages of RAM, at one or many positions.
type page struct {
	hash mem.Hash
	data []byte
	refs int // leaves that name it
}

// A leaf is a piece of a table. Tables share the leaves that are equal.
type leaf struct {
	pages [leafPages]*page
	refs  int // tables that have it
}

// A table names the content of every page of RAM at one position. Neither it
// nor its leaves and pages change once made, but for the counts of references.
type table []*leaf

func (t table) at(no uint32) *page { return t[no/leafPages].pages[no%leafPages] }

// differing calls f with the pages that are not the same in t and u.
func (t table) differing(u table, f func(no uint32, in *page)) {
	for i, l := range u {
		if t[i] == l {
			continue
		}
		for k, p := range l.pages {
			if p != nil && p != t[i].pages[k] {
				f(uint32(i*leafPages+k), p)
			}
		}
	}
}

// with is t with other content in some pages.
func (t table) with(now map[uint32]*page) table {
	u := append(table(nil), t...)
	for no, p := range now {
		i := no / leafPages
		if u[i] == t[i] {
			u[i] = &leaf{pages: t[i].pages}
		}
		u[i].pages[no%leafPages] = p
	}
	return u
}

// A pageStore holds pages by content. The references that it counts are those
// of checkpoints and of the timeline's own machine.
type pageStore struct {
	pages map[mem.Hash]*page
	bytes int64 // of all pages and leaves that are referred to
}

const (
	pageCost  = mem.PageBytes + 128
	leafBytes = leafPages*8 + 16
)

// capture is the table of a RAM that equalled old but for the given pages. It
// holds no reference yet.
func (s *pageStore) capture(old table, r *mem.RAM, changed []uint32) table {
	now := map[uint32]*page{}
	for _, no := range changed {
		h := r.Digest(no)
		if p := old.at(no); p == nil || p.hash != h {
			now[no] = s.page(h, r.B[uint64(no)*mem.PageBytes:][:mem.PageBytes])
		}
	}
	return old.with(now)
}

// page is the page with that content, noted for others.
func (s *pageStore) page(h mem.Hash, b []byte) *page {
	p := s.find(h, b)
	s.pages[h] = p
	return p
}

// find is the page with that content.
func (s *pageStore) find(h mem.Hash, b []byte) *page {
	if p := s.pages[h]; p != nil {
		return p
	}
	return &page{hash: h, data: append([]byte(nil), b...)}
}

// hold refers to a table.
func (s *pageStore) hold(t table) {
	for _, l := range t {
		if l.refs++; l.refs > 1 {
			continue
		}
		s.bytes += leafBytes
		for _, p := range l.pages {
			if p == nil {
				continue
			}
			if p.refs++; p.refs == 1 {
				s.bytes += pageCost
				s.pages[p.hash] = p
			}
		}
	}
}

// release ends what hold began.
func (s *pageStore) release(t table) {
	for _, l := range t {
		if l.refs--; l.refs > 0 {
			continue
		}
		s.bytes -= leafBytes
		for _, p := range l.pages {
			if p == nil {
				continue
			}
			if p.refs--; p.refs == 0 {
				s.bytes -= pageCost
				if s.pages[p.hash] == p {
					delete(s.pages, p.hash)
				}
			}
		}
	}
}

// blank is a table of a RAM of which nothing is known.
func blank(pages int) table {
	t, l := make(table, (pages+leafPages-1)/leafPages), new(leaf)
	for i := range t {
		t[i] = l
	}
	return t
}

// all names every page.
func all(pages int) []uint32 {
	no := make([]uint32, pages)
	for i := range no {
		no[i] = uint32(i)
	}
	return no
}
