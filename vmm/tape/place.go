package tape

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"vmrecord/vmm"
)

// A Place is where a Player stands on its tape, with all that it needs to go
// on comparing from there. A machine in the state of that moment and its
// Player at this Place replay as if nothing had happened since. It belongs to
// one tape, but to no Player: others of the same tape may be set to it.
type Place struct {
	reader        readerPlace
	good          vmm.Position
	inputs, beats uint64
}

// A readerPlace is a Reader's state between two frames.
type readerPlace struct {
	off     int64 // of the next frame, in bytes
	crc     uint32
	pos     vmm.Position // of the frame before
	frames  uint64
	counts  Counts
	total   uint64 // chained
	digests []vmm.Digest
}

// Place is where the player stands. It may be asked between two calls of Run.
func (p *Player) Place() Place {
	at := p.at
	at.digests = slices.Clone(at.digests)
	return Place{at, p.good, p.inputs, p.beats}
}

// SetPlace has the player go on from a place of its tape, after whatever
// happened since, a divergence included. The machine must be put into the state
// of that moment. The tape must be one that a Reader can go back on; else, and
// where reading fails, it is an error and the player must not be used.
func (p *Player) SetPlace(to Place) error {
	if err := p.r.back(&to.reader); err != nil {
		return err
	}
	p.good, p.inputs, p.beats = to.good, to.inputs, to.beats
	p.err, p.footer = nil, nil
	p.read()
	return p.err
}

// place copies the reader's state to at, reusing its slice.
func (t *Reader) place(at *readerPlace) {
	d := append(at.digests[:0], t.chain.digests...)
	*at = readerPlace{t.off, t.crc, t.pos, t.Frames, t.Counts, t.chain.total, d}
}

// back puts the reader where it was.
func (t *Reader) back(at *readerPlace) error {
	s, ok := t.src.(io.Seeker)
	if !ok {
		return errors.New("tape: this tape can only be read forwards; open it as a file")
	}
	if len(at.digests) != len(t.h.Sections) {
		return fmt.Errorf("tape: a place with %d sections on a tape with %d", len(at.digests), len(t.h.Sections))
	}
	if _, err := s.Seek(at.off, io.SeekStart); err != nil {
		return fmt.Errorf("tape: go back to byte %d: %w", at.off, err)
	}
	t.r.Reset(t.src)
	t.off, t.crc, t.pos, t.Frames, t.Counts = at.off, at.crc, at.pos, at.frames, at.counts
	t.chain.total, t.err = at.total, nil
	copy(t.chain.digests, at.digests)
	return nil
}

// Append writes the place for ParsePlace: varint offset; 4 bytes CRC; then as
// varints instant and inputs of the frame before, frames, inputs and heartbeats
// until here, 8 bytes chained total, instant and inputs of the last heartbeat
// that was equal, inputs and heartbeats that the player compared; varint number
// of sections and their digests, 8 bytes each.
func (p *Place) Append(b []byte) []byte {
	r := &p.reader
	b = binary.AppendUvarint(b, uint64(r.off))
	b = binary.LittleEndian.AppendUint32(b, r.crc)
	for _, v := range [...]uint64{uint64(r.pos.At), r.pos.Inputs, r.frames, r.counts.Inputs, r.counts.Heartbeats} {
		b = binary.AppendUvarint(b, v)
	}
	b = binary.LittleEndian.AppendUint64(b, r.total)
	for _, v := range [...]uint64{uint64(p.good.At), p.good.Inputs, p.inputs, p.beats, uint64(len(r.digests))} {
		b = binary.AppendUvarint(b, v)
	}
	for _, d := range r.digests {
		b = binary.LittleEndian.AppendUint64(b, d)
	}
	return b
}

// ParsePlace reads what Append wrote. Input is untrusted: a wrong place leads
// to damage or a divergence, never to more.
func ParsePlace(b []byte) (p Place, err error) {
	c, r := &cursor{b: b}, &p.reader
	off := c.below(1<<62, "offset")
	r.off, r.crc = int64(off), uint32(c.fixed(4, "CRC"))
	r.pos.At = vmm.Instant(c.below(uint64(vmm.Never), "instant"))
	r.pos.Inputs, r.frames = c.uint("inputs"), c.uint("frames")
	r.counts.Inputs, r.counts.Heartbeats = c.uint("inputs"), c.uint("heartbeats")
	r.total = c.fixed(8, "total")
	p.good.At, p.good.Inputs = vmm.Instant(c.uint("instant")), c.uint("inputs")
	p.inputs, p.beats = c.uint("inputs"), c.uint("heartbeats")
	for range c.below(maxNames+1, "number of sections") {
		r.digests = append(r.digests, c.fixed(8, "digest"))
	}
	if c.bad == "" && len(c.b) != 0 {
		c.fail(fmt.Sprintf("%d bytes left over", len(c.b)))
	}
	if c.bad != "" {
		return Place{}, fmt.Errorf("tape: a place: %s", c.bad)
	}
	return p, nil
}
