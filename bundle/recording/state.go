package recording

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"vmrecord/bundle/store"
	"vmrecord/vmm"
)

const (
	maxSections     = 256
	maxSectionBytes = 1 << 20
	maxSchemaBytes  = 64 << 10
	maxNameBytes    = 128
	// MaxPages bounds the memory of a recorded machine: 64 GiB.
	MaxPages = 16 << 20
)

var errCut = errors.New("it is cut off")

// AppendSections encodes sections as doc.go says.
func AppendSections(b []byte, secs []vmm.Section) []byte {
	b = binary.AppendUvarint(b, uint64(len(secs)))
	for _, s := range secs {
		for _, p := range [...]string{s.Name, s.Schema, string(s.Data)} {
			b = append(binary.AppendUvarint(b, uint64(len(p))), p...)
		}
	}
	return b
}

// ParseSections decodes what AppendSections made; its input is hostile.
func ParseSections(b []byte) (secs []vmm.Section, err error) {
	n, b, err := uvarint(b, maxSections)
	for range n {
		var s vmm.Section
		var p [3][]byte
		for i, most := range [...]uint64{maxNameBytes, maxSchemaBytes, maxSectionBytes} {
			var size uint64
			if size, b, err = uvarint(b, most); err != nil {
				return nil, err
			}
			if size > uint64(len(b)) {
				return nil, errCut
			}
			p[i], b = b[:size], b[size:]
		}
		s.Name, s.Schema, s.Data = string(p[0]), string(p[1]), slices.Clone(p[2])
		secs = append(secs, s)
	}
	if err == nil && len(b) > 0 {
		err = fmt.Errorf("%d bytes left over", len(b))
	}
	return secs, err
}

func uvarint(b []byte, most uint64) (uint64, []byte, error) {
	v, n := binary.Uvarint(b)
	if n <= 0 {
		return 0, nil, errCut
	}
	if v > most {
		return 0, nil, fmt.Errorf("a length of %d, at most %d is allowed", v, most)
	}
	return v, b[n:], nil
}

// appendPages encodes a page list.
func appendPages(b []byte, pages []store.Hash, zero store.Hash) []byte {
	b = binary.AppendUvarint(b, uint64(len(pages)))
	for i := 0; i < len(pages); {
		n, isZero := i, pages[i] == zero
		for n < len(pages) && (pages[n] == zero) == isZero {
			n++
		}
		if isZero {
			b = binary.AppendUvarint(b, uint64(n-i)*2)
		} else {
			b = binary.AppendUvarint(b, uint64(n-i)*2+1)
			for _, h := range pages[i:n] {
				b = append(b, h[:]...)
			}
		}
		i = n
	}
	return b
}

// parsePages decodes a page list; its input is hostile.
func parsePages(b []byte, zero store.Hash) (pages []store.Hash, err error) {
	total, b, err := uvarint(b, MaxPages)
	for err == nil && uint64(len(pages)) < total {
		var run uint64
		if run, b, err = uvarint(b, MaxPages*2+1); err != nil {
			break
		}
		n := run / 2
		if n == 0 || n > total-uint64(len(pages)) {
			return nil, fmt.Errorf("a run of %d pages, %d are missing", n, total-uint64(len(pages)))
		}
		if run%2 == 0 {
			for range n {
				pages = append(pages, zero)
			}
			continue
		}
		if n*uint64(len(zero)) > uint64(len(b)) {
			return nil, errCut
		}
		for range n {
			pages, b = append(pages, store.Hash(b)), b[len(zero):]
		}
	}
	if err == nil && len(b) > 0 {
		err = fmt.Errorf("%d bytes left over", len(b))
	}
	return pages, err
}
