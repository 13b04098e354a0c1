package bundle

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"reflect"
	"slices"

	"vmrecord/bundle/store"
	"vmrecord/vmm/mem"
	"vmrecord/vmm/tape"
)

// Verify reads every part: digests, blocks, frames, the sum over memory, and
// whether the manifest says what is on the tape. It does not execute anything.
func (b *Bundle) Verify() error {
	if b.man.Report != "" {
		_, err := b.Report()
		return err
	}
	if _, err := b.Sections(); err != nil {
		return err
	}
	for _, p := range b.man.Parts {
		if _, err := b.part(p.Name); err != nil {
			return err
		}
	}
	r, err := b.Tape()
	if err != nil {
		return err
	}
	root, err := b.verifyTape(r)
	if err != nil {
		return err
	}
	return b.verifyMemory(root)
}

// verifyTape reads the tape and returns the root over memory at its start.
func (b *Bundle) verifyTape(r *tape.Reader) (root mem.Hash, err error) {
	k := packer{most: &b.man}
	k.m.Machine = b.man.Machine
	k.m.Tape = Tape{Segments: b.man.Tape.Segments, Period: r.Header().Period, Start: r.Header().Start, End: r.Header().Start}
	k.m.Markers = []Marker{}
	first, err := r.Next()
	if err != nil || first.Kind != tape.KindHeartbeat || !first.Beat.HasRoot {
		return root, damaged("tape", "it does not begin with a heartbeat over memory")
	}
	k.m.Tape.Frames = r.Frames
	if err := k.frames(r); err != nil {
		return root, Damaged("tape", err)
	}
	m := &k.m
	if !reflect.DeepEqual(m.Tape, b.man.Tape) || !reflect.DeepEqual(m.Markers, b.man.Markers) || !reflect.DeepEqual(m.Failure, b.man.Failure) {
		return root, damaged(manifestPart, "it describes another tape")
	}
	return first.Beat.Root, b.SameMachine(r.Header())
}

// SameMachine tells whether a tape's header is that of the manifest's machine.
func (b *Bundle) SameMachine(h tape.Header) error {
	m := b.man.Machine
	if h.Model != m.Model || h.Memory != m.MemoryBytes || h.Hz != m.Hz || h.Epoch != m.Epoch || h.Seed != m.Seed ||
		fmt.Sprintf("%x", h.Config) != m.ConfigHash || h.Start != b.man.Tape.Start {
		return damaged(manifestPart, "it describes another machine than the tape")
	}
	return nil
}

// verifyMemory compares the hash over all pages (mem.RAM.Root) with the tape's.
func (b *Bundle) verifyMemory(want mem.Hash) error {
	zero := store.Zero()
	hashes := slices.Repeat([]mem.Hash{zero}, int(b.man.Snapshot.Pages))
	var last [pageBytes]byte // equal pages follow one another
	hash := zero
	if err := b.Memory(func(no uint64, p []byte) error {
		if !bytes.Equal(p, last[:]) {
			hash = sha256.Sum256(p)
			copy(last[:], p)
		}
		hashes[no] = hash
		return nil
	}); err != nil {
		return err
	}
	root := mem.RootOf(len(hashes), func(p int) mem.Hash { return hashes[p] })
	if root != want {
		return damaged("packs", "memory is not the one that the tape begins with")
	}
	return nil
}
