package tape

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"

	"vmrecord/vmm"
)

// A Reader returns the frames of a tape. Its input is hostile: every length
// is bounded, every frame checked.
type Reader struct {
	src   io.Reader
	r     *bufio.Reader
	h     Header
	crc   uint32
	pos   vmm.Position
	chain chain
	off   int64
	buf   []byte
	err   error

	// Frames counts the frames returned, header included; Counts what is in
	// them (keys are known to the footer only).
	Frames uint64
	Counts Counts
}

// NewReader reads the header. Its errors are ErrTruncated, a *DamageError, a
// *VersionError or the underlying reader's. If r is an io.Seeker, whose offset 0
// is the tape's first byte, a Player of the tape can go back.
func NewReader(r io.Reader) (*Reader, error) {
	t := &Reader{src: r, r: bufio.NewReaderSize(r, 64<<10), crc: crc32.Checksum([]byte(magic), castagnoli())}
	var m [len(magic)]byte
	if err := t.full(m[:]); err != nil {
		return nil, err
	}
	if string(m[:]) != magic {
		return nil, t.damage("this is not a tape: it does not begin with %q", magic[:len(magic)-1])
	}
	t.off = int64(len(magic))
	k, p, n, err := t.raw()
	if err != nil {
		return nil, err
	}
	if k != KindHeader {
		return nil, t.damage("%s where the header should be", k)
	}
	if err := t.header(p); err != nil {
		return nil, err
	}
	t.chain = newChain(p, len(t.h.Sections))
	t.pos = t.h.Start
	t.off += n
	t.Frames = 1
	return t, nil
}

// Header returns the header.
func (t *Reader) Header() Header { return t.h }

func (t *Reader) damage(f string, a ...any) error {
	return &DamageError{t.Frames, t.off, fmt.Sprintf(f, a...)}
}

// A VersionError is a tape of another version.
type VersionError struct{ Version uint64 }

func (e *VersionError) Error() string {
	return fmt.Sprintf("tape: version %d; this program reads version %d", e.Version, version)
}

func (t *Reader) full(p []byte) error {
	_, err := io.ReadFull(t.r, p)
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return ErrTruncated
	}
	return err
}

// raw reads one frame and checks its CRC; n is its size in bytes.
func (t *Reader) raw() (k Kind, p []byte, n int64, err error) {
	head := make([]byte, 1, 16)
	if err = t.full(head); err != nil {
		return
	}
	var size uint64
	for shift := 0; ; shift += 7 {
		var c [1]byte
		if err = t.full(c[:]); err != nil {
			return
		}
		head = append(head, c[0])
		size |= uint64(c[0]&0x7f) << shift
		if c[0] < 0x80 {
			break
		}
		if shift > 28 {
			return 0, nil, 0, t.damage("length of the frame is too long")
		}
	}
	if size > maxFrame {
		return 0, nil, 0, t.damage("frame of %d bytes, at most %d are allowed", size, maxFrame)
	}
	t.buf = slices.Grow(t.buf[:0], int(size)+4)[:size+4]
	if err = t.full(t.buf); err != nil {
		return
	}
	p = t.buf[:size]
	crc := crc32.Update(crc32.Update(t.crc, castagnoli(), head), castagnoli(), p)
	if got := binary.LittleEndian.Uint32(t.buf[size:]); got != crc {
		return 0, nil, 0, t.damage("%s frame: CRC is %08x, should be %08x", Kind(head[0]), got, crc)
	}
	t.crc = crc
	return Kind(head[0]), p, int64(len(head)) + int64(len(t.buf)), nil
}

func (t *Reader) header(p []byte) error {
	c, h := &cursor{b: p}, &t.h
	if v := c.uint("version"); v != version && c.bad == "" {
		return &VersionError{v}
	}
	for _, f := range [...]*uint64{&h.Model, &h.Period, &h.Hz, &h.Epoch, &h.Seed, &h.Memory} {
		*f = c.uint("header")
	}
	h.Start.At, h.Start.Inputs, h.Retired = vmm.Instant(c.uint("start")), c.uint("inputs"), c.uint("retired")
	h.Config = c.hash("configuration digest")
	h.Sections, h.Inlets = c.names("section"), c.names("inlet")
	if c.bad == "" && (h.Hz == 0 || h.Period == 0) {
		c.fail("clock rate and heartbeat period must not be 0")
	}
	return t.done(KindHeader, c)
}

// done tells what was wrong with a payload.
func (t *Reader) done(k Kind, c *cursor) error {
	if c.bad == "" && len(c.b) != 0 {
		c.bad = fmt.Sprintf("%d bytes left over", len(c.b))
	}
	if c.bad != "" {
		return t.damage("%s frame: %s", k, c.bad)
	}
	return nil
}

// Next returns the next frame: io.EOF after the footer, ErrTruncated where the
// tape stops without one, else an error that stays. The frame's slices are the
// caller's, except Beat.Digests, valid until the next heartbeat.
func (t *Reader) Next() (f Frame, err error) {
	if t.err != nil {
		return f, t.err
	}
	if f, err = t.next(); err != nil {
		t.err = err
		return Frame{}, err
	}
	if f.Kind == KindFooter {
		t.err = io.EOF
		if _, err := t.r.ReadByte(); err == nil {
			t.err = t.damage("there is more after the footer")
		} else if !errors.Is(err, io.EOF) {
			t.err = err
		}
		if t.err != io.EOF {
			return Frame{}, t.err
		}
	}
	return f, nil
}

func (t *Reader) next() (f Frame, err error) {
	k, p, n, err := t.raw()
	if err != nil {
		return f, err
	}
	c := &cursor{b: p}
	f.Kind = k
	switch k {
	case KindInput:
		t.advance(c)
		f.Pos = t.pos
		t.input(c, &f)
	case KindHeartbeat:
		t.advance(c)
		t.beat(c, &f.Beat)
	case KindMark:
		t.advance(c)
		f.MarkKind = MarkKind(c.byte(3, "kind of mark"))
		if len(c.b) > MaxMark {
			c.fail("text is too long")
		}
		f.Text = string(c.bytes(uint64(len(c.b)), "text"))
	case KindSync:
		if f.Synced = c.uint("frames"); c.bad == "" && f.Synced != t.Frames {
			c.fail(fmt.Sprintf("it counts %d frames before it, there are %d", f.Synced, t.Frames))
		}
	case KindState:
		t.advance(c)
		for range t.h.Sections {
			f.State = append(f.State, slices.Clone(c.bytes(c.uint("length of section"), "section")))
		}
	case KindFooter:
		t.advance(c)
		f.Footer = t.footer(c)
	default:
		return f, t.damage("%s is not known; a newer program is needed", k)
	}
	if k != KindInput {
		f.Pos = t.pos
	}
	if err := t.done(k, c); err != nil {
		return f, err
	}
	t.off += n
	t.Frames++
	return f, nil
}

func (t *Reader) advance(c *cursor) {
	d := vmm.Instant(c.uint("instant"))
	if d >= vmm.Never-t.pos.At {
		c.fail("instant beyond the end of time")
		return
	}
	t.pos.At += d
}

func (t *Reader) input(c *cursor, f *Frame) {
	f.Input.At = t.pos.At
	if i := c.below(uint64(len(t.h.Inlets)), "inlet"); c.bad == "" {
		f.Input.Inlet = t.h.Inlets[i]
	}
	f.Regs = uint32(c.fixed(4, "register digest"))
	f.Input.Data = slices.Clone(c.bytes(uint64(len(c.b)), "data"))
	t.pos.Inputs++
	t.Counts.Inputs++
}

func (t *Reader) beat(c *cursor, b *Heartbeat) {
	b.Kind = BeatKind(c.byte(uint64(BeatStop)+1, "kind of heartbeat"))
	b.Inputs, b.Retired = c.uint("inputs"), c.uint("retired")
	least := uint64(0)
	for range c.below(uint64(len(t.h.Sections))+1, "number of sections") {
		i := c.below(uint64(len(t.h.Sections)), "section")
		d := c.fixed(8, "digest")
		if c.bad == "" && i < least {
			c.fail("sections out of order")
		}
		if c.bad != "" {
			return
		}
		t.chain.digests[i], least = d, i+1
	}
	b.Digests = t.chain.digests
	b.Total = c.fixed(8, "total")
	if want := t.chain.next(); c.bad == "" && b.Total != want {
		c.fail(fmt.Sprintf("chained total is %016x, its digests make %016x", b.Total, want))
	}
	if b.HasRoot = c.byte(2, "root flag") == 1; b.HasRoot {
		b.Root = c.hash("RAM root")
	}
	t.Counts.Heartbeats++
}

func (t *Reader) footer(c *cursor) *Footer {
	f := &Footer{Inputs: c.uint("inputs"), Retired: c.uint("retired"), End: c.hash("end hash"), Console: c.hash("console digest")}
	f.ConsoleBytes = c.uint("console bytes")
	f.Frames = Counts{c.uint("inputs"), c.uint("heartbeats"), c.uint("keys")}
	f.Kept, f.Truncated = c.byte(2, "kept flag") == 1, c.byte(2, "truncated flag") == 1
	f.Why = c.text(maxWhy, "why")
	if c.bad == "" && (f.Frames.Inputs != t.Counts.Inputs || f.Frames.Heartbeats != t.Counts.Heartbeats) {
		c.fail(fmt.Sprintf("it counts %d inputs and %d heartbeats, the tape has %d and %d",
			f.Frames.Inputs, f.Frames.Heartbeats, t.Counts.Inputs, t.Counts.Heartbeats))
	}
	return f
}
