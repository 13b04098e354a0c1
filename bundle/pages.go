package bundle

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"vmrecord/bundle/recording"
	"vmrecord/bundle/store"
)

const pageBytes = store.PageBytes

// maxNumber bounds the numbers of pages: those of the bases, then those in the packs.
const maxNumber = 1 << 30

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

// parseMap decodes a page map in which no number is known or above.
func parseMap(b []byte, pages, known uint64) (pageMap, error) {
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
		if n <= 0 || d > int64(known) || d < -int64(known) {
			return nil, errMap
		}
		b = b[n:]
		first := expected + d
		expected = first + int64(run/2)
		if first < 0 || expected > int64(known) {
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

// appendRuns encodes which pages are set.
func appendRuns(b []byte, set []bool) []byte {
	for i := 0; i < len(set); {
		from := i
		for i < len(set) && !set[i] {
			i++
		}
		first := i
		for i < len(set) && set[i] {
			i++
		}
		if first < i {
			b = binary.AppendUvarint(b, uint64(first-from))
			b = binary.AppendUvarint(b, uint64(i-first))
		}
	}
	return b
}

// parseRuns decodes which of so many pages are set.
func parseRuns(b []byte, pages uint64) ([]bool, error) {
	set := make([]bool, pages)
	for at := uint64(0); len(b) > 0; {
		skip, n := binary.Uvarint(b)
		if n <= 0 {
			return nil, errMap
		}
		run, k := binary.Uvarint(b[n:])
		if k <= 0 || run == 0 || skip > pages-at || run > pages-at-skip {
			return nil, errMap
		}
		b = b[n+k:]
		for at += skip; run > 0; run-- {
			set[at] = true
			at++
		}
	}
	return set, nil
}

// Absent calls f with each page of memory that the bundle does not have.
func (b *Bundle) Absent(f func(no uint64)) error {
	if b.man.Snapshot.Absent == "" {
		return nil
	}
	if b.mem == nil {
		if err := b.openMemory(); err != nil {
			return err
		}
	}
	for no, absent := range b.mem.absent {
		if absent {
			f(uint64(no))
		}
	}
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
		if err := b.openMemory(); err != nil {
			return err
		}
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
