package bundle

import (
	"cmp"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"

	"vmrecord/bundle/base"
	"vmrecord/bundle/recording"
	"vmrecord/vmm"
	"vmrecord/vmm/mem"
)

// A Start is what a golden holds besides its pages, so that a machine can go on from
// it instead of booting. It is encoded as a varint length and so many bytes of JSON,
// at most 64 KiB; a varint length and a page map, as in snapshot/map, of which the
// numbers are those of the golden's pages; and the sections, as in
// snapshot/sections, to the end.
type Start struct {
	Model   uint64 `json:"model"`
	Machine string `json:"machine"`       // the configuration that builds the machine
	Boot    string `json:"boot,omitzero"` // what it booted: recording.Meta

	pages    pageMap
	sections []vmm.Section
	base     *base.Base
}

const (
	maxStartInfo = 64 << 10
	maxStartMap  = 32 << 20
)

func (s *Start) append(b []byte) ([]byte, error) {
	raw, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	for _, part := range [][]byte{raw, s.pages.append(nil)} {
		b = append(binary.AppendUvarint(b, uint64(len(part))), part...)
	}
	return recording.AppendSections(b, s.sections), nil
}

// StartOf is the start in a golden, which stays the caller's; nil if it has none. Its
// errors are *base.DamageError and the host's.
func StartOf(b *base.Base) (*Start, error) {
	raw, err := b.Start()
	if err != nil || raw == nil {
		return nil, err
	}
	s, err := parseStart(raw, uint64(b.Pages))
	if err != nil {
		return nil, &base.DamageError{What: fmt.Sprintf("its start: %v", err)}
	}
	s.base = b
	return s, nil
}

// parseStart decodes what append made, of a golden of so many pages.
func parseStart(b []byte, known uint64) (*Start, error) {
	var parts [2][]byte
	for i, most := range [...]uint64{maxStartInfo, maxStartMap} {
		n, k := binary.Uvarint(b)
		if k <= 0 || n > most || n > uint64(len(b)-k) {
			return nil, fmt.Errorf("part %d of %d bytes", i, n)
		}
		parts[i], b = b[k:k+int(n)], b[k+int(n):]
	}
	s := new(Start)
	if err := json.Unmarshal(parts[0], s); err != nil {
		return nil, err
	}
	total, _ := binary.Uvarint(parts[1])
	var err error
	if s.pages, err = parseMap(parts[1], total, known); err != nil {
		return nil, err
	}
	s.sections, err = recording.ParseSections(b)
	return s, err
}

// MemoryBytes is the size of the machine's memory.
func (s *Start) MemoryBytes() uint64 { return uint64(len(s.pages)) * pageBytes }

// Load puts a machine of the same construction, whose memory is all zeros, into the
// state of the golden. After an error it must not be run.
func (s *Start) Load(m *vmm.Machine) error {
	if m.Mem.Size() != s.MemoryBytes() {
		return fmt.Errorf("the golden is of a machine with %d bytes of memory, this has %d", s.MemoryBytes(), m.Mem.Size())
	}
	order := make([]uint32, 0, len(s.pages))
	for no, n := range s.pages {
		if n != 0 {
			order = append(order, uint32(no))
		}
	}
	slices.SortStableFunc(order, func(x, y uint32) int { return cmp.Compare(s.pages[x], s.pages[y]) })
	p, have := make([]byte, pageBytes), uint32(0)
	for _, no := range order {
		n := s.pages[no]
		if n != have {
			if err := s.base.Page(n-1, p); err != nil {
				return err
			}
			have = n
		}
		m.Mem.Restore(no, p, mem.Hash(s.base.Hashes()[n-1]))
	}
	return m.Load(s.sections)
}
