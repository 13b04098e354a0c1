package tape

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"

	"vmrecord/vmm"
	"vmrecord/vmm/mem"
)

// A Writer writes a tape. Each frame is one Write to the underlying writer,
// the first together with the magic. An error stays: later frames are lost.
type Writer struct {
	w      io.Writer
	h      Header
	crc    uint32
	at     vmm.Instant
	chain  chain
	inlets map[string]int
	buf    []byte
	err    error

	// Frames counts the frames written, Counts what is in them.
	Frames uint64
	Counts Counts
}

// NewWriter writes the header.
func NewWriter(w io.Writer, h Header) (*Writer, error) {
	t := &Writer{w: w, h: h, at: h.Start.At, inlets: map[string]int{}, crc: crc32.Checksum([]byte(magic), castagnoli())}
	if len(h.Sections) > maxNames || len(h.Inlets) > maxNames {
		return nil, fmt.Errorf("tape: %d sections and %d inlets, at most %d fit", len(h.Sections), len(h.Inlets), maxNames)
	}
	for i, n := range h.Inlets {
		t.inlets[n] = i
	}
	p := h.append(nil)
	t.chain = newChain(p, len(h.Sections))
	t.buf = append(t.buf, magic...)
	t.frame(KindHeader, p)
	return t, t.err
}

func (h *Header) append(p []byte) []byte {
	for _, v := range [...]uint64{version, h.Model, h.Period, h.Hz, h.Epoch, h.Seed, h.Memory,
		uint64(h.Start.At), h.Start.Inputs, h.Retired} {
		p = binary.AppendUvarint(p, v)
	}
	p = append(p, h.Config[:]...)
	for _, names := range [...][]string{h.Sections, h.Inlets} {
		p = binary.AppendUvarint(p, uint64(len(names)))
		for _, n := range names {
			p = appendText(p, n)
		}
	}
	return p
}

// frame writes t.buf and one frame.
func (t *Writer) frame(k Kind, payload []byte) {
	if t.err == nil && len(payload) > maxFrame {
		t.err = fmt.Errorf("tape: %s of %d bytes, at most %d fit", k, len(payload), maxFrame)
	}
	if t.err != nil {
		return
	}
	from := len(t.buf)
	t.buf = append(t.buf, byte(k))
	t.buf = binary.AppendUvarint(t.buf, uint64(len(payload)))
	t.buf = append(t.buf, payload...)
	t.crc = crc32.Update(t.crc, castagnoli(), t.buf[from:])
	t.buf = binary.LittleEndian.AppendUint32(t.buf, t.crc)
	_, t.err = t.w.Write(t.buf)
	t.buf = t.buf[:0]
	t.Frames++
}

// delta begins a payload with the time since the last frame.
func (t *Writer) delta(at vmm.Instant) []byte {
	if at < t.at && t.err == nil {
		t.err = fmt.Errorf("tape: frame at instant %d after one at %d", at, t.at)
	}
	p := binary.AppendUvarint(nil, uint64(at-t.at))
	t.at = at
	return p
}

// Err is the first error, if any.
func (t *Writer) Err() error { return t.err }

// Input writes an input that is about to be delivered, with the register digest.
func (t *Writer) Input(in vmm.Input, regs uint32) {
	n, ok := t.inlets[in.Inlet]
	if !ok && t.err == nil {
		t.err = fmt.Errorf("tape: input for %q, which the header does not name", in.Inlet)
	}
	p := binary.AppendUvarint(t.delta(in.At), uint64(n))
	p = binary.LittleEndian.AppendUint32(p, regs)
	t.frame(KindInput, append(p, in.Data...))
	t.Counts.Inputs++
}

// Heartbeat writes a heartbeat; its total is computed here.
func (t *Writer) Heartbeat(at vmm.Instant, b Heartbeat) {
	if len(b.Digests) != len(t.h.Sections) {
		panic(fmt.Sprintf("tape: heartbeat with %d digests for %d sections", len(b.Digests), len(t.h.Sections)))
	}
	p := append(t.delta(at), byte(b.Kind))
	p = binary.AppendUvarint(p, b.Inputs)
	p = binary.AppendUvarint(p, b.Retired)
	var changed []byte
	n := uint64(0)
	for i, d := range b.Digests {
		if d != t.chain.digests[i] {
			changed = binary.LittleEndian.AppendUint64(binary.AppendUvarint(changed, uint64(i)), d)
			n++
		}
	}
	p = append(binary.AppendUvarint(p, n), changed...)
	copy(t.chain.digests, b.Digests)
	p = binary.LittleEndian.AppendUint64(p, t.chain.next())
	if !b.HasRoot {
		p = append(p, 0)
	} else {
		p = append(append(p, 1), b.Root[:]...)
	}
	t.frame(KindHeartbeat, p)
	t.Counts.Heartbeats++
}

// Mark writes a mark; text beyond MaxMark bytes is cut.
func (t *Writer) Mark(at vmm.Instant, k MarkKind, text string) {
	t.frame(KindMark, append(append(t.delta(at), byte(k)), cut(text, MaxMark)...))
}

func cut(s string, n int) string { return s[:min(len(s), n)] }

// Sync notes that what stands before it is about to be made durable.
func (t *Writer) Sync() { t.frame(KindSync, binary.AppendUvarint(nil, t.Frames)) }

// State writes the data of every section. One too large for a frame is left out.
func (t *Writer) State(at vmm.Instant, secs []vmm.Section) {
	n := 0
	for _, s := range secs {
		n += len(s.Data) + binary.MaxVarintLen64
	}
	if n+binary.MaxVarintLen64 > maxFrame {
		return
	}
	p := t.delta(at)
	for _, s := range secs {
		p = append(binary.AppendUvarint(p, uint64(len(s.Data))), s.Data...)
	}
	t.frame(KindState, p)
}

// Footer ends the tape. The counts are the writer's own.
func (t *Writer) Footer(at vmm.Instant, f Footer) {
	p := t.delta(at)
	p = binary.AppendUvarint(p, f.Inputs)
	p = binary.AppendUvarint(p, f.Retired)
	p = append(p, f.End[:]...)
	p = append(p, f.Console[:]...)
	for _, v := range [...]uint64{f.ConsoleBytes, t.Counts.Inputs, t.Counts.Heartbeats, t.Counts.Keys} {
		p = binary.AppendUvarint(p, v)
	}
	p = append(p, flag(f.Kept), flag(f.Truncated))
	t.frame(KindFooter, appendText(p, cut(f.Why, maxWhy)))
}

// Frame writes a frame that was read, but for the header. Counts and digests that
// follow from what was written are computed anew.
func (t *Writer) Frame(f Frame) {
	switch f.Kind {
	case KindInput:
		t.Input(f.Input, f.Regs)
	case KindHeartbeat:
		f.Beat.Inputs = t.Counts.Inputs
		t.Heartbeat(f.Pos.At, f.Beat)
	case KindMark:
		t.Mark(f.Pos.At, f.MarkKind, f.Text)
	case KindSync:
		t.Sync()
	case KindState:
		var secs []vmm.Section
		for i, d := range f.State {
			secs = append(secs, vmm.Section{Name: t.h.Sections[i], Data: d})
		}
		t.State(f.Pos.At, secs)
	case KindFooter:
		foot := *f.Footer
		foot.Inputs, t.Counts.Keys = t.Counts.Inputs, foot.Frames.Keys
		t.Footer(f.Pos.At, foot)
	}
}

func flag(b bool) byte {
	if b {
		return 1
	}
	return 0
}

// A chain holds every section's last digest and the chained total.
type chain struct {
	digests []vmm.Digest
	total   uint64
}

func newChain(header []byte, sections int) chain {
	d := sha256.Sum256(header)
	return chain{make([]vmm.Digest, sections), binary.LittleEndian.Uint64(d[:])}
}

func (c *chain) next() uint64 {
	b := binary.LittleEndian.AppendUint64(nil, c.total)
	for _, d := range c.digests {
		b = binary.LittleEndian.AppendUint64(b, d)
	}
	d := sha256.Sum256(b)
	c.total = binary.LittleEndian.Uint64(d[:])
	return c.total
}

// EndHash is the hash over everything that a machine is: the processor, the
// devices and RAM.
func EndHash(m *vmm.Machine) mem.Hash { return EndHashOf(m.Save(), m.Mem.Root()) }

// EndHashOf is EndHash of a machine with these sections and this root over memory.
func EndHashOf(secs []vmm.Section, root mem.Hash) (h mem.Hash) {
	s, b := sha256.New(), []byte(nil)
	for _, sec := range secs {
		b = appendText(b[:0], sec.Name)
		b = binary.AppendUvarint(b, uint64(len(sec.Data)))
		s.Write(append(b, sec.Data...))
	}
	s.Write(root[:])
	s.Sum(h[:0])
	return h
}
