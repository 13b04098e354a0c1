package timeline

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"

	"vmrecord/vmm"
	"vmrecord/vmm/mem"
	"vmrecord/vmm/tape"
)

const (
	magic         = "VMCKPT2\n"
	maxPoints     = 1 << 16
	maxStateBytes = 1 << 20 // of one section
	maxPlace      = 64 << 10
)

// key is what a file of checkpoints is good for: this recording, from this
// state on, with these layouts of state.
func (t *Timeline) key(id mem.Hash) (k mem.Hash) {
	h, c := sha256.New(), t.points[0]
	h.Write(id[:])
	text := func(s string) { fmt.Fprintf(h, "%d %s", len(s), s) }
	for i, n := range t.shape.names {
		text(n)
		text(t.shape.schemas[i])
		text(string(c.state[i]))
	}
	for _, no := range all(t.ramPages()) {
		p := c.table.at(no)
		h.Write(p.hash[:])
	}
	h.Sum(k[:0])
	return k
}

func (t *Timeline) ramPages() int { return int(t.run.Machine.Mem.Size() / mem.PageBytes) }

// Save writes all lasting checkpoints for Load. id names the recording.
func (t *Timeline) Save(to io.Writer, id mem.Hash) error {
	w := &pointWriter{out: bufio.NewWriterSize(to, 1<<16), sum: sha256.New(), known: map[*page]uint64{}}
	first := t.points[0]
	for _, no := range all(t.ramPages()) {
		if p := first.table.at(no); w.known[p] == 0 {
			w.known[p] = 2 * (uint64(no) + 1)
		}
	}
	k := t.key(id)
	w.write([]byte(magic + string(k[:])))
	var points []*checkpoint
	for _, c := range t.points[1:] {
		if !c.rung {
			points = append(points, c)
		}
	}
	w.uint(t.every)
	w.uint(uint64(len(points)))
	was := first
	for _, c := range points {
		w.point(was, c)
		was = c
	}
	_, _ = w.out.Write(w.sum.Sum(nil))
	err := w.out.Flush()
	if err == nil {
		t.unsaved = 0
	}
	return err
}

// Unsaved is how many lasting checkpoints were made since those that there were
// came from Load or went to Save.
func (t *Timeline) Unsaved() int { return t.unsaved }

// A pointWriter writes checkpoints; its buffer keeps the first error.
type pointWriter struct {
	out   *bufio.Writer
	sum   hash.Hash
	known map[*page]uint64 // how to refer to a content
	count uint64           // of contents written
	page  [mem.PageBytes]byte
}

func (w *pointWriter) write(b []byte) {
	_, _ = w.out.Write(b)
	w.sum.Write(b)
}

func (w *pointWriter) uint(v uint64) {
	var b [binary.MaxVarintLen64]byte
	w.write(b[:binary.PutUvarint(b[:], v)])
}

func (w *pointWriter) bytes(b []byte) {
	w.uint(uint64(len(b)))
	w.write(b)
}

func (w *pointWriter) point(was, c *checkpoint) {
	w.uint(uint64(c.pos.At - was.pos.At))
	w.uint(c.pos.Inputs)
	w.uint(c.retired - was.retired)
	w.bytes(c.place.Append(nil))
	w.bytes(c.text)
	for _, s := range c.state {
		w.bytes(s)
	}
	n := uint64(0)
	was.table.differing(c.table, func(uint32, *page) { n++ })
	w.uint(n)
	last := uint32(0)
	was.table.differing(c.table, func(no uint32, p *page) {
		w.uint(uint64(no - last))
		last = no
		ref, known := w.known[p]
		if w.uint(ref); known {
			return
		}
		_, _ = w.out.Write(p.content(w.page[:]))
		w.sum.Write(p.hash[:])
		w.known[p] = 2*w.count + 1
		w.count++
	})
}

// A SavedError says why saved checkpoints are of no use here.
type SavedError struct{ Why string }

func (e *SavedError) Error() string {
	return "saved checkpoints: " + e.Why
}

// Load takes over the checkpoints that Save wrote, on top of those there are.
// Input is untrusted: it errors with *SavedError or from's error, and then
// nothing has changed.
func (t *Timeline) Load(from io.Reader, id mem.Hash) error {
	sum := sha256.New()
	r := &pointReader{in: bufio.NewReaderSize(from, 1<<16), sum: sum, pages: t.ramPages(), room: t.o.Memory,
		store: &t.pages, start: t.points[0], sections: len(t.shape.names)}
	k := t.key(id)
	if head := r.fixed(len(magic) + len(k)); r.err == nil && string(head) != magic+string(k[:]) {
		r.fail("they belong to another recording or program")
	}
	every, n := r.below(1<<62, "spacing"), r.below(maxPoints+1, "number")
	was, points := t.points[0], []*checkpoint(nil)
	for range n {
		if r.err != nil {
			break
		}
		was = r.point(was)
		points = append(points, was)
	}
	want := sum.Sum(nil)
	if got := r.fixed(sha256.Size); r.err == nil && !bytes.Equal(got, want) {
		r.fail("they are damaged")
	}
	if r.err != nil {
		return r.err
	}
	t.adopt(points)
	t.every = max(t.every, every)
	t.unsaved = 0
	t.fit()
	return nil
}

// adopt inserts lasting checkpoints where there are none.
func (t *Timeline) adopt(points []*checkpoint) {
	for _, c := range points {
		i, have := slices.BinarySearchFunc(t.points, c.pos, order)
		if have {
			continue
		}
		t.pages.hold(c.table)
		t.others += c.bytes()
		t.points = slices.Insert(t.points, i, c)
	}
}

// A pointReader reads checkpoints. After an error it returns zeros.
type pointReader struct {
	in       *bufio.Reader
	sum      hash.Hash
	err      error
	pages    int
	room     int64 // bytes that may still be taken
	sections int
	store    *pageStore
	start    *checkpoint
	known    []*page
	packed   int // of known
}

func (r *pointReader) fail(f string, a ...any) {
	if r.err == nil {
		r.err = &SavedError{fmt.Sprintf(f, a...)}
	}
}

// ReadByte is for varints.
func (r *pointReader) ReadByte() (byte, error) {
	c, err := r.in.ReadByte()
	r.sum.Write([]byte{c})
	return c, err
}

// fixed reads n bytes, which the caller has bounded.
func (r *pointReader) fixed(n int) []byte {
	b := r.raw(n)
	r.sum.Write(b)
	return b
}

// raw is what the sum does not cover.
func (r *pointReader) raw(n int) []byte {
	b := make([]byte, n)
	if r.err != nil {
		return b
	}
	switch _, err := io.ReadFull(r.in, b); {
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		r.fail("they are cut off")
	case err != nil:
		r.err = err
	}
	return b
}

func (r *pointReader) below(n uint64, what string) uint64 {
	if r.err != nil {
		return 0
	}
	v, err := binary.ReadUvarint(r)
	if err != nil || v >= n {
		r.fail("%s is %d, must be below %d (%v)", what, v, n, err)
		return 0
	}
	return v
}

func (r *pointReader) bytes(most uint64, what string) []byte {
	return r.fixed(int(r.below(most+1, "length of "+what)))
}

// point reads the checkpoint behind another.
func (r *pointReader) point(was *checkpoint) *checkpoint {
	c := &checkpoint{}
	c.pos.At = was.pos.At + vmm.Instant(r.below(uint64(vmm.Never-was.pos.At), "instant"))
	c.pos.Inputs = r.below(1<<63, "inputs")
	c.retired = was.retired + r.below(1<<63-was.retired, "instructions")
	place, err := tape.ParsePlace(r.bytes(maxPlace, "place"))
	if err != nil {
		r.fail("%v", err)
	}
	c.place, c.text = place, r.bytes(TextBytes, "text")
	for range r.sections {
		c.state = append(c.state, r.bytes(maxStateBytes, "section"))
	}
	if c.table = r.table(was.table); !was.pos.Before(c.pos) {
		r.fail("%v comes after %v", c.pos, was.pos)
	}
	r.take(c.bytes())
	return c
}

// table reads what differs from another table.
func (r *pointReader) table(was table) table {
	no, changed, leaf, leaves := uint64(0), map[uint32]*page{}, uint64(0), int64(0)
	for i := range r.below(uint64(r.pages)+1, "number of pages") {
		d := r.below(uint64(r.pages)-no, "page")
		if i > 0 && d == 0 {
			r.fail("page %d stands there twice", no)
		}
		if r.err != nil {
			return was
		}
		if no += d; i == 0 || no/leafPages != leaf {
			leaf, leaves = no/leafPages, leaves+1
		}
		changed[uint32(no)] = r.page()
	}
	r.take(leafBytes * leaves)
	return was.with(changed)
}

// take keeps to the budget, by packing if need be.
func (r *pointReader) take(n int64) {
	r.room -= n
	for ; r.room < 0 && r.packed < len(r.known); r.packed++ {
		if p := r.known[r.packed]; p.refs == 0 {
			r.room += p.pack()
		}
	}
	if r.room < 0 {
		r.fail("they take more memory than checkpoints may")
	}
}

// page reads a reference to a content, or a new one.
func (r *pointReader) page() *page {
	ref := r.below(1<<62, "reference")
	switch {
	case ref == 0:
		b := r.raw(mem.PageBytes)
		h := mem.Hash(sha256.Sum256(b))
		r.sum.Write(h[:])
		p := r.store.find(h, b)
		r.known = append(r.known, p)
		r.take(p.cost())
		return p
	case ref%2 == 1 && ref/2 < uint64(len(r.known)):
		return r.known[ref/2]
	case ref%2 == 0 && ref/2 <= uint64(r.pages):
		return r.start.table.at(uint32(ref/2 - 1))
	default:
		r.fail("reference %d to what is not there", ref)
	}
	return r.start.table.at(0)
}
