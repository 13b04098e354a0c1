package timeline

import (
	"fmt"

	"github.com/klauspost/compress/s2"

	"vmrecord/vmm/mem"
)

// leafPages is how many pages one leaf of a table names.
const leafPages = 64

// A page is the content of one or many pages of RAM, at one or many positions.
type page struct {
	hash  mem.Hash
	data  []byte // packed, if it is shorter than a page
	tried bool   // to pack it
	refs  int    // leaves that name it
}

// content is the page as it is in RAM, in buf if it must be unpacked.
func (p *page) content(buf []byte) []byte {
	if len(p.data) == mem.PageBytes {
		return p.data
	}
	b, err := s2.Decode(buf, p.data)
	if err != nil || len(b) != mem.PageBytes {
		panic(fmt.Sprintf("timeline: a packed page gives %d bytes: %v", len(b), err))
	}
	return b
}

// pack packs the page, if it was not tried yet, and returns how many bytes that
// saves.
func (p *page) pack() (saved int64) {
	if p.tried {
		return 0
	}
	p.tried = true
	z := s2.Encode(nil, p.data)
	if len(z) > mem.PageBytes*3/4 {
		return 0
	}
	saved = int64(len(p.data) - len(z))
	p.data = append([]byte(nil), z...)
	return saved
}

// cost is what the page takes.
func (p *page) cost() int64 { return int64(len(p.data)) + pageCost }

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
	loose int64 // of pages among them that packing was not tried on
}

const (
	pageCost  = 128 // besides its bytes
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
				s.count(p, 1)
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
				s.count(p, -1)
				if s.pages[p.hash] == p {
					delete(s.pages, p.hash)
				}
			}
		}
	}
}

// count counts the page in, or out.
func (s *pageStore) count(p *page, sign int64) {
	s.bytes += sign * p.cost()
	if !p.tried {
		s.loose += sign * p.cost()
	}
}

// pack packs all pages. Nobody may read them meanwhile.
func (s *pageStore) pack() {
	for _, p := range s.pages {
		s.bytes -= p.pack()
	}
	s.loose = 0
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
