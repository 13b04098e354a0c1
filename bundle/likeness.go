package bundle

import (
	"cmp"
	"encoding/binary"
	"errors"
	"slices"

	"vmrecord/bundle/base"
)

// A pool is the pages of all bases of a bundle, numbered through.
type pool struct {
	bases []*base.Base
	first []uint32 // number of each base's first page
	total uint32
}

func newPool(bases []*base.Base) *pool {
	p := &pool{bases: bases}
	for _, b := range bases {
		p.first = append(p.first, p.total)
		p.total += b.Pages
	}
	return p
}

func (p *pool) close() error {
	var err error
	for _, b := range p.bases {
		err = errors.Join(err, b.Close())
	}
	return err
}

// page copies the page of a number below total.
func (p *pool) page(n uint32, to []byte) error {
	i, exact := slices.BinarySearch(p.first, n)
	if !exact {
		i--
	}
	for p.bases[i].Pages == 0 || n-p.first[i] >= p.bases[i].Pages { // bases without pages begin where the next does
		i++
	}
	return p.bases[i].Page(n-p.first[i], to)
}

const (
	pieceBytes = 128
	pieces     = pageBytes / pieceBytes
	// A piece that many pages of the bases have says little.
	common = 16
	// tried is how many pages of the bases are looked at whole.
	tried = 4
)

// A likenesses finds pages of the bases by pieces that they have in common with
// others, at the same place in the page.
type likenesses struct {
	pool  *pool
	index []piece
	votes map[uint32]int
	page  []byte
	best  []byte
}

type piece struct {
	hash uint64
	page uint32
}

// piecesOf gives the hash of each piece of a page, but 0 for those that are one byte
// over and over. A hash that two pieces share costs size, nothing else.
func piecesOf(p []byte) (hashes [pieces]uint64) {
	for i := range hashes {
		b := p[i*pieceBytes:][:pieceBytes]
		first, same, h := binary.LittleEndian.Uint64(b), true, uint64(i+1)
		for j := 0; j < pieceBytes; j += 8 {
			v := binary.LittleEndian.Uint64(b[j:])
			same = same && v == first
			h = (h ^ v) * 0x9e3779b97f4a7c15
			h ^= h >> 29
		}
		if hashes[i] = h; same && first == first&0xff*0x0101010101010101 {
			hashes[i] = 0
		}
	}
	return hashes
}

func newLikenesses(p *pool, progress func(done, total int)) (*likenesses, error) {
	l := &likenesses{pool: p, votes: map[uint32]int{}, page: make([]byte, pageBytes), best: make([]byte, pageBytes)}
	for n := range p.total {
		if progress != nil && n%1024 == 0 {
			progress(int(n), int(p.total))
		}
		if err := p.page(n, l.page); err != nil {
			return nil, err
		}
		for _, h := range piecesOf(l.page) {
			if h != 0 {
				l.index = append(l.index, piece{h, n})
			}
		}
	}
	slices.SortFunc(l.index, func(x, y piece) int {
		return cmp.Or(cmp.Compare(x.hash, y.hash), cmp.Compare(x.page, y.page))
	})
	return l, nil
}

// differ finds the page of the bases that p is most like, and leaves in p what is
// between them, by exclusive or. ok is false where p has less to it by itself.
func (l *likenesses) differ(p []byte) (n uint32, ok bool, err error) {
	clear(l.votes)
	for _, h := range piecesOf(p) {
		if h == 0 {
			continue
		}
		i, _ := slices.BinarySearchFunc(l.index, h, func(x piece, h uint64) int { return cmp.Compare(x.hash, h) })
		for j := i; j < len(l.index) && j < i+common && l.index[j].hash == h; j++ {
			l.votes[l.index[j].page]++
		}
	}
	best := make([]uint32, 0, len(l.votes))
	for page := range l.votes {
		best = append(best, page)
	}
	slices.SortFunc(best, func(x, y uint32) int { return cmp.Or(cmp.Compare(l.votes[y], l.votes[x]), cmp.Compare(x, y)) })
	least := weight(p)
	for _, page := range best[:min(len(best), tried)] {
		if err := l.pool.page(page, l.page); err != nil {
			return 0, false, err
		}
		xor(l.page, p)
		if w := weight(l.page); w < least {
			least, n, ok = w, page, true
			l.page, l.best = l.best, l.page
		}
	}
	if ok {
		copy(p, l.best)
	}
	return n, ok, nil
}

// weight is how many bytes of a page are not zero, which is near to what it packs to.
func weight(p []byte) (n int) {
	for _, c := range p {
		if c != 0 {
			n++
		}
	}
	return n
}

// xor is p ^= q.
func xor(p, q []byte) {
	for i := 0; i < pageBytes; i += 8 {
		binary.LittleEndian.PutUint64(p[i:], binary.LittleEndian.Uint64(p[i:])^binary.LittleEndian.Uint64(q[i:]))
	}
}
