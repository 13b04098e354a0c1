package bundle

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"vmrecord/bundle/recording"
	"vmrecord/bundle/store"
)

const pageBytes = store.PageBytes

// A pageMap has, for each page of memory, 0 for zeros or its number plus 1.
type pageMap []uint32

func (m pageMap) append(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(len(m)))
	expected := uint32(0)
	for i := 0; i < len(m); {
		n := 1
		if m[i] == 0 {
			for i+n < len(m) && m[i+n] == 0 {
				n++
			}
			b = binary.AppendUvarint(b, uint64(n)*2)
		} else {
			for i+n < len(m) && m[i+n] == m[i]+uint32(n) {
				n++
			}
			b = binary.AppendUvarint(b, uint64(n)*2+1)
			b = binary.AppendVarint(b, int64(m[i]-1)-int64(expected))
			expected = m[i] - 1 + uint32(n)
		}
		i += n
	}
	return b
}

var errMap = errors.New("the page map is cut off or counts wrong")

// parseMap decodes a page map in which no number is stored or above.
func parseMap(b []byte, pages, stored uint64) (pageMap, error) {
	total, n := binary.Uvarint(b)
	if n <= 0 || total != pages || total > recording.MaxPages {
		return nil, errMap
	}
	b = b[n:]
	m := make(pageMap, 0, total)
	expected := int64(0)
	for uint64(len(m)) < total {
		run, n := binary.Uvarint(b)
		if n <= 0 || run/2 == 0 || run/2 > total-uint64(len(m)) {
			return nil, errMap
		}
		b = b[n:]
		if run%2 == 0 {
			m = m[:uint64(len(m))+run/2]
			continue
		}
		d, n := binary.Varint(b)
		if n <= 0 || d > int64(stored) || d < -int64(stored) {
			return nil, errMap
		}
		b = b[n:]
		first := expected + d
		expected = first + int64(run/2)
		if first < 0 || expected > int64(stored) {
			return nil, errMap
		}
		for i := range run / 2 {
			m = append(m, uint32(first)+uint32(i)+1)
		}
	}
	if len(b) > 0 {
		return nil, errMap
	}
	return m, nil
}

// A located is a block of a pack.
type located struct {
	pack  int
	block store.Block
	first uint32 // number of its first page
}

// A memory reads pages out of a bundle's packs.
type memory struct {
	b      *Bundle
	pages  pageMap
	blocks []located
	coder  *store.Coder

	packNo int // of pack, verified
	pack   []byte
	at     int // block that content is of
	cont   []byte
}

// openMemory reads the page map and finds the blocks.
func (b *Bundle) openMemory() (*memory, error) {
	m := &memory{b: b, coder: store.NewCoder(false), packNo: -1, at: -1}
	s := b.man.Snapshot
	raw, err := b.content(s.Map)
	if err != nil {
		return nil, err
	}
	if m.pages, err = parseMap(raw, s.Pages, s.Stored); err != nil {
		return nil, damaged(s.Map, "%v", err)
	}
	next := uint64(0)
	for i, name := range s.Packs {
		r, size, err := b.section(name)
		if err != nil {
			return nil, err
		}
		for off := int64(0); off < size; {
			h, err := store.ReadBlock(r, off)
			if err != nil {
				return nil, Damaged(name, err)
			}
			n := uint64(h.Content / pageBytes)
			if h.Content%pageBytes != 0 || n == 0 || n > store.BlockPages || next+n > s.Stored {
				return nil, damaged(name, "a block of %d bytes at %d", h.Content, off)
			}
			m.blocks = append(m.blocks, located{i, h, uint32(next)})
			next += n
			off += h.Size()
		}
	}
	if next != s.Stored {
		return nil, damaged(manifestPart, "its packs hold %d pages, it counts %d", next, s.Stored)
	}
	return m, nil
}

// number copies the stored page of that number to p.
func (m *memory) number(n uint32, p []byte) error {
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

// Page copies a page of memory at the start to p, which has store.PageBytes.
func (b *Bundle) Page(no uint64, p []byte) error {
	if no >= b.man.Snapshot.Pages {
		return fmt.Errorf("page %d: the machine has %d", no, b.man.Snapshot.Pages)
	}
	if b.rec != nil {
		return Damaged("snapshot", b.rec.Page(b.rec.Pages[no], p))
	}
	if b.mem == nil {
		m, err := b.openMemory()
		if err != nil {
			return err
		}
		b.mem = m
	}
	n := b.mem.pages[no]
	if n == 0 {
		clear(p[:pageBytes])
		return nil
	}
	return b.mem.number(n-1, p)
}

// Memory calls f for each page of memory that is not zeros, in an order that
// reads each pack once where it can. f must not keep p.
func (b *Bundle) Memory(f func(no uint64, p []byte) error) error {
	p := make([]byte, pageBytes)
	if b.man.Snapshot.Pages == 0 {
		return nil
	}
	if b.rec != nil {
		return b.standingMemory(f)
	}
	if err := b.Page(0, p); err != nil {
		return err
	}
	order := make([]uint32, 0, len(b.mem.pages))
	for i, n := range b.mem.pages {
		if n != 0 {
			order = append(order, uint32(i))
		}
	}
	slices.SortStableFunc(order, func(x, y uint32) int { return cmp.Compare(b.mem.pages[x], b.mem.pages[y]) })
	for _, i := range order {
		if err := b.mem.number(b.mem.pages[i]-1, p); err != nil {
			return err
		}
		if err := f(uint64(i), p); err != nil {
			return err
		}
	}
	return nil
}
