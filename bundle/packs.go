package bundle

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"slices"

	"vmrecord/bundle/base"
	"vmrecord/bundle/store"
)

// A pageWriter numbers pages, and puts those into packs that no base has.
type pageWriter struct {
	k        *packer
	numbers  map[store.Hash]uint32 // plus 1
	likes    *likenesses           // nil: no bases
	likeness []byte
	expected uint32 // of the bases, to be most like the next page
	stored   uint32
	ahead    int // of the progress: pages of the bases
	page     []byte
	block    []byte
	out      []byte
}

func newPageWriter(k *packer) (*pageWriter, error) {
	w := &pageWriter{k: k, numbers: map[store.Hash]uint32{store.Zero(): 0}, page: make([]byte, pageBytes)}
	if k.pool == nil {
		return w, nil
	}
	for i, b := range k.pool.bases {
		for n, h := range b.Hashes() {
			if _, known := w.numbers[h]; !known {
				w.numbers[h] = k.pool.first[i] + uint32(n) + 1
			}
		}
	}
	w.ahead = int(k.pool.total)
	progress := k.o.Progress
	if progress != nil {
		progress = func(done, _ int) { k.o.Progress(done, w.ahead+len(k.rec.Pages)) }
	}
	var err error
	w.likes, err = newLikenesses(k.pool, progress)
	return w, err
}

// number is what the page map has for a page of the recording.
func (w *pageWriter) number(h store.Hash) (uint32, error) {
	if n, known := w.numbers[h]; known {
		return n, nil
	}
	if err := w.k.rec.Page(h, w.page); err != nil {
		return 0, err
	}
	if w.k.o.Look != nil {
		w.k.o.Look(w.page)
	}
	w.stored++
	n := w.stored
	if w.likes != nil {
		n += w.k.pool.total
		if err := w.liken(); err != nil {
			return 0, err
		}
	}
	w.numbers[h] = n
	w.block = append(w.block, w.page...)
	if len(w.block) == store.BlockPages*pageBytes {
		return n, w.flush(partBytes)
	}
	return n, nil
}

// liken replaces the page by what is between it and the most similar page there is.
func (w *pageWriter) liken() error {
	n, ok, err := w.likes.differ(w.page)
	if err != nil {
		return err
	}
	if !ok {
		w.likeness = append(w.likeness, 0)
		return nil
	}
	w.likeness = binary.AppendUvarint(w.likeness, zigzag(int64(n)-int64(w.expected))+1)
	w.expected = n + 1
	return nil
}

func zigzag(d int64) uint64 { return uint64(d<<1 ^ d>>63) }

func unzigzag(u uint64) int64 { return int64(u>>1) ^ -int64(u&1) }

// flush ends the block, and the pack if it has so many bytes.
func (w *pageWriter) flush(least int) error {
	if len(w.block) > 0 {
		w.out = w.k.coder.Append(w.out, nil, w.block)
		w.block = w.block[:0]
	}
	if len(w.out) == 0 || len(w.out) < least {
		return nil
	}
	name := "packs/" + digestOf(w.out) + ".vmp"
	w.k.m.Snapshot.Packs = append(w.k.m.Snapshot.Packs, name)
	err := w.k.add(name, w.out)
	w.out = w.out[:0]
	return err
}

// A located is a block of a pack.
type located struct {
	pack  int
	block store.Block
	first uint32 // number of its first page among those in packs
}

// A memory reads pages out of a bundle's packs, and of its bases.
type memory struct {
	b      *Bundle
	pages  pageMap
	blocks []located
	coder  *store.Coder
	pool   *pool
	likes  []uint32 // for each page in packs, 0 or the number plus 1 of the base's page it is most like; nil: none is
	other  []byte
	absent []bool // pages of memory; nil: none

	packNo int // of pack, verified
	pack   []byte
	at     int // block that content is of
	cont   []byte
}

// openMemory reads the page map and finds the blocks and the bases.
func (b *Bundle) openMemory() error {
	if err := b.replays(); err != nil {
		return err
	}
	m := &memory{b: b, coder: store.NewCoder(false), packNo: -1, at: -1, other: make([]byte, pageBytes), pool: new(pool)}
	s := b.man.Snapshot
	known := s.Stored
	for _, i := range s.Bases {
		known += uint64(i.Pages)
	}
	raw, err := b.content(s.Map)
	if err != nil {
		return err
	}
	if m.pages, err = parseMap(raw, s.Pages, known); err != nil {
		return damaged(s.Map, "%v", err)
	}
	if err := m.locate(); err != nil {
		return err
	}
	if len(s.Bases) > 0 {
		if raw, err = b.content(s.Likeness); err != nil {
			return err
		}
		if m.likes, err = parseLikeness(raw, s.Stored, known-s.Stored); err != nil {
			return damaged(s.Likeness, "%v", err)
		}
	}
	if s.Absent != "" {
		if raw, err = b.content(s.Absent); err != nil {
			return err
		}
		if m.absent, err = parseRuns(raw, s.Pages); err != nil {
			return damaged(s.Absent, "%v", err)
		}
	}
	var bases []*base.Base
	for _, i := range s.Bases {
		o, err := b.have.Open(i)
		if err != nil {
			_ = newPool(bases).close()
			return err
		}
		bases = append(bases, o)
	}
	m.pool = newPool(bases)
	b.mem = m
	return nil
}

// locate finds the blocks of the packs.
func (m *memory) locate() error {
	s := m.b.man.Snapshot
	next := uint64(0)
	for i, name := range s.Packs {
		r, size, err := m.b.section(name)
		if err != nil {
			return err
		}
		for off := int64(0); off < size; {
			h, err := store.ReadBlock(r, off)
			if err != nil {
				return Damaged(name, err)
			}
			n := uint64(h.Content / pageBytes)
			if h.Content%pageBytes != 0 || n == 0 || n > store.BlockPages || next+n > s.Stored || len(h.Head) > 0 {
				return damaged(name, "a block of %d bytes at %d", h.Content, off)
			}
			m.blocks = append(m.blocks, located{i, h, uint32(next)})
			next += n
			off += h.Size()
		}
	}
	if next != s.Stored {
		return damaged(manifestPart, "its packs hold %d pages, it counts %d", next, s.Stored)
	}
	return nil
}

// parseLikeness decodes, for each of the pages in packs, 0 or one plus the number of
// a page below total.
func parseLikeness(b []byte, stored, total uint64) ([]uint32, error) {
	likes := make([]uint32, 0, stored)
	expected := int64(0)
	for range stored {
		u, n := binary.Uvarint(b)
		if n <= 0 {
			return nil, errMap
		}
		if b = b[n:]; u == 0 {
			likes = append(likes, 0)
			continue
		}
		d := unzigzag(u - 1)
		if d < -expected || d >= int64(total)-expected {
			return nil, errMap
		}
		likes = append(likes, uint32(expected+d)+1)
		expected += d + 1
	}
	if len(b) > 0 {
		return nil, errMap
	}
	return likes, nil
}

// number copies the page of that number to p.
func (m *memory) number(n uint32, p []byte) error {
	if n < m.pool.total {
		return m.pool.page(n, p)
	}
	n -= m.pool.total
	if err := m.stored(n, p); err != nil || m.likes == nil || m.likes[n] == 0 {
		return err
	}
	if err := m.pool.page(m.likes[n]-1, m.other); err != nil {
		return err
	}
	xor(p[:pageBytes], m.other)
	return nil
}

// stored copies what the packs have under a number to p.
func (m *memory) stored(n uint32, p []byte) error {
	i, exact := slices.BinarySearchFunc(m.blocks, n, func(l located, n uint32) int { return cmp.Compare(l.first, n) })
	if !exact {
		i--
	}
	if i < 0 {
		return damaged(m.b.man.Snapshot.Map, "page number %d", n)
	}
	if i != m.at {
		l := m.blocks[i]
		name := m.b.man.Snapshot.Packs[l.pack]
		if l.pack != m.packNo {
			var err error
			if m.pack, err = m.b.part(name); err != nil {
				return err
			}
			m.packNo = l.pack
		}
		c, err := m.coder.Content(bytes.NewReader(m.pack), l.block)
		if err != nil {
			return Damaged(name, err)
		}
		m.at, m.cont = i, c
	}
	off := int(n-m.blocks[i].first) * pageBytes
	copy(p, m.cont[off:off+pageBytes])
	return nil
}
