package vmm

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"vmrecord/vmm/mem"
	"vmrecord/vmm/snap"
)

// A Section is the saved state of one part of a machine: the processor, the
// board, or one slot's device.
type Section struct {
	Name   string
	Schema string
	Data   []byte
}

// A named is a part of a machine with its state.
type named struct {
	name string
	st   any
}

func (m *Machine) parts() []named {
	p := []named{{"cpu", m.CPU}, {"board", &m.w}}
	for _, s := range m.slots {
		p = append(p, named{s.place.Name, s.dev.State()})
	}
	return p
}

// layouts are the schemas of parts; they never change.
func (m *Machine) layouts(parts []named) []string {
	if len(m.schemas) != len(parts) {
		m.schemas = nil
		for _, p := range parts {
			m.schemas = append(m.schemas, snap.Schema(p.st))
		}
	}
	return m.schemas
}

// Save snapshots everything but bulk memory, in a fixed order.
func (m *Machine) Save() []Section {
	var out []Section
	parts := m.parts()
	schemas := m.layouts(parts)
	for i, p := range parts {
		out = append(out, Section{p.name, schemas[i], snap.Append(nil, p.st)})
	}
	return out
}

// Load puts a machine of the same construction into a saved state. Input is
// untrusted; after an error the machine must not be run.
func (m *Machine) Load(secs []Section) error {
	err := m.load(secs)
	m.Engine.Drop(nil)
	return err
}

// Reload is Load where memory was brought to its state by stores that mem.RAM
// saw, such as its Restore: the engine keeps the code that is still true.
func (m *Machine) Reload(secs []Section) error {
	err := m.load(secs)
	m.Engine.Drop(new(mem.Pages))
	return err
}

func (m *Machine) load(secs []Section) error {
	parts := m.parts()
	schemas := m.layouts(parts)
	if len(parts) != len(secs) {
		return fmt.Errorf("vmm: snapshot has %d sections, this machine %d", len(secs), len(parts))
	}
	for i, s := range secs {
		p := parts[i]
		if s.Name != p.name {
			return fmt.Errorf("vmm: section %d is %q, this machine has %q there", i, s.Name, p.name)
		}
		if schemas[i] != s.Schema {
			return fmt.Errorf("vmm: section %s: layout changed\nsaved: %s\nours:  %s", s.Name, s.Schema, schemas[i])
		}
		if err := snap.Decode(s.Data, p.st); err != nil {
			return fmt.Errorf("vmm: section %s: %w", s.Name, err)
		}
	}
	if len(m.w.Drive) != len(m.wireOf) || len(m.w.Due) != len(m.fire) || len(m.w.Maps) != len(m.wins) || m.w.Hz == 0 {
		return fmt.Errorf("vmm: section board: wires, timers or windows missing")
	}
	for _, s := range m.slots {
		if r, ok := s.dev.(Restorer); ok {
			r.Restored()
		}
	}
	m.remap()
	m.rearmed()
	return nil
}

// A Digest is 8 bytes of SHA-256 over one section's saved state.
type Digest = uint64

// Digests hashes every section, in the order of Save, and all of them together.
func (m *Machine) Digests() (secs []Digest, total Digest) {
	h, b := sha256.New(), []byte(nil)
	for _, p := range m.parts() {
		b = snap.Append(b[:0], p.st)
		d := sha256.Sum256(b)
		h.Write(d[:])
		secs = append(secs, binary.LittleEndian.Uint64(d[:]))
	}
	return secs, binary.LittleEndian.Uint64(h.Sum(nil))
}

// SectionNames names the sections in the order of Save and Digests.
func (m *Machine) SectionNames() (names []string) {
	for _, p := range m.parts() {
		names = append(names, p.name)
	}
	return names
}

// RegDigest is 4 bytes of hash over RIP, RFLAGS and the general registers: what
// every input on a tape is stamped with.
func (m *Machine) RegDigest() uint32 {
	h := uint64(14695981039346656037) // FNV-1a over 64-bit words
	mix := func(v uint64) { h = (h ^ v) * 1099511628211; h ^= h >> 32 }
	mix(m.CPU.RIP)
	mix(m.CPU.RFLAGS)
	for _, r := range m.CPU.R {
		mix(r)
	}
	return uint32(h ^ h>>32)
}
