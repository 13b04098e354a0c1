package bundle

import (
	"bytes"
	"fmt"

	"vmrecord/bundle/recording"
	"vmrecord/bundle/store"
	"vmrecord/vmm/tape"
)

// maxTape bounds the tape of a recording that is read where it stands.
const maxTape = 1 << 30

// OpenRecording opens the recording in a directory of a shelf as if it had been
// packed: what is on disk, if it is being made. It has no parts, and its ID is
// its branch's if it is one. Its errors are those of Open.
func OpenRecording(dir string) (*Bundle, error) {
	b, err := openRecording(dir)
	if err != nil {
		return nil, fmt.Errorf("open recording %s: %w", dir, err)
	}
	return b, nil
}

func openRecording(dir string) (b *Bundle, err error) {
	rec, err := recording.Read(dir)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			rec.Close()
		}
	}()
	b = &Bundle{rec: rec, c: rec}
	if err := rec.Complete(); err != nil {
		return nil, damaged("snapshot", "%v", err)
	}
	if b.size, err = rec.Bytes(); err != nil {
		return nil, err
	}
	if b.raw, err = rec.RawTape(maxTape); err != nil {
		return nil, Damaged("tape", err)
	}
	return b, b.described()
}

// described makes the manifest of a recording that has none.
func (b *Bundle) described() error {
	r, err := b.Tape()
	if err != nil {
		return err
	}
	k := packer{rec: b.rec, m: newManifest(b.rec.Meta)}
	k.machine(r.Header())
	if err := k.frames(r); err != nil {
		return Damaged("tape", err)
	}
	zero, seen := store.Zero(), map[store.Hash]bool{}
	for _, h := range b.rec.Pages {
		seen[h] = h != zero
	}
	delete(seen, zero)
	k.m.Snapshot.Pages, k.m.Snapshot.Stored = uint64(len(b.rec.Pages)), uint64(len(seen))
	b.man = k.m
	if err := b.man.sound(); err != nil {
		return err
	}
	raw, err := encode(&b.man)
	if err != nil {
		return err
	}
	b.env.UUID, b.env.ID = identify(raw)
	if br := b.man.Recording.Branch; br != nil {
		b.env.ID = br.ID
	}
	return nil
}

// standing opens the tape of a recording that was not packed.
func (b *Bundle) standing() (*tape.Reader, error) {
	r, err := tape.NewReader(bytes.NewReader(b.raw))
	return r, Damaged("tape", err)
}

// standingMemory is Memory of a recording that was not packed.
func (b *Bundle) standingMemory(f func(no uint64, p []byte) error) error {
	zero, p := store.Zero(), make([]byte, pageBytes)
	for i, h := range b.rec.Pages {
		if h == zero {
			continue
		}
		if err := b.Page(uint64(i), p); err != nil {
			return err
		}
		if err := f(uint64(i), p); err != nil {
			return err
		}
	}
	return nil
}
