package base

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"vmrecord/bundle/store"
)

const (
	format  = "vmbase/1"
	started = "vmbase/2" // with a start behind the pages
	maxInfo = 64 << 10
	cached  = 64 // unpacked blocks

	// MaxPages bounds a base.
	MaxPages = 1 << 24

	// MaxStart bounds a start, in bytes.
	MaxStart = 64 << 20
)

// Kinds of base.
const (
	Golden    = "golden"
	Kernel    = "kernel"
	Initramfs = "initramfs"
	Plain     = "file"
)

// An Info says what a base is.
type Info struct {
	Format string `json:"format"`
	ID     string `json:"id"`
	Name   string `json:"name"` // of what it was made from, without folders
	Kind   string `json:"kind"`
	Pages  uint32 `json:"pages"`
}

// A DamageError is a file that is no base, or not as it was made.
type DamageError struct{ What string }

func (e *DamageError) Error() string { return "the base is damaged: " + e.What }

func bad(f string, a ...any) error { return &DamageError{fmt.Sprintf(f, a...)} }

// damaged makes a DamageError of what the block reader found; the host's errors
// stay what they are.
func damaged(err error) error {
	if d := (*store.DamageError)(nil); errors.As(err, &d) {
		return bad("%v", d)
	}
	return err
}

// cut is an error where a block must be.
func cut(err error) error {
	if errors.Is(err, io.EOF) {
		return &store.DamageError{What: "the start is missing", Cut: true}
	}
	return err
}

// A located is a block of pages.
type located struct {
	block store.Block
	first uint32 // number of its first page
}

// A Base is a base, opened. One goroutine at a time may use it.
type Base struct {
	Info
	r      io.ReaderAt
	c      io.Closer
	coder  *store.Coder
	hashes []store.Hash
	blocks []located
	start  int64 // where the start's blocks begin
	kept   map[int][]byte
}

// Open opens a base's file and checks its id. Its errors are *DamageError and the
// host's.
func Open(name string) (*Base, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	b, err := New(f)
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	b.c = f
	return b, nil
}

// New opens a base that is not in a file of its own.
func New(r io.ReaderAt) (*Base, error) {
	b := &Base{r: r, coder: store.NewCoder(true), kept: map[int][]byte{}}
	off, err := b.info()
	if err != nil {
		return nil, err
	}
	for {
		h, err := store.ReadBlock(r, off)
		if errors.Is(err, io.EOF) || b.Format == started && len(b.hashes) == int(b.Pages) {
			break
		}
		if err != nil {
			return nil, damaged(err)
		}
		n := len(h.Head) / len(store.Hash{})
		if n == 0 || n > store.BlockPages || len(h.Head)%len(store.Hash{}) != 0 || h.Content != n*store.PageBytes || len(b.hashes)+n > int(b.Pages) {
			return nil, bad("a block with a head of %d and content of %d bytes at %d", len(h.Head), h.Content, off)
		}
		b.blocks = append(b.blocks, located{h, uint32(len(b.hashes))})
		for i := range n {
			b.hashes = append(b.hashes, store.Hash(h.Head[i*len(store.Hash{}):]))
		}
		off += h.Size()
	}
	b.start = off
	if id := identify(b.hashes); len(b.hashes) != int(b.Pages) || id != b.ID {
		return nil, bad("it holds %d pages and is %.16s, it says %d and %.16s", len(b.hashes), id, b.Pages, b.ID)
	}
	return b, nil
}

// info reads the first block, and returns where the next is.
func (b *Base) info() (off int64, err error) {
	h, err := store.ReadBlock(b.r, 0)
	if errors.Is(err, io.EOF) {
		return 0, bad("it is empty")
	}
	if err != nil {
		return 0, damaged(err)
	}
	if len(h.Head) != 0 || h.Content > maxInfo {
		return 0, bad("it does not begin with what it is")
	}
	c, err := b.coder.Content(b.r, h)
	if err != nil {
		return 0, damaged(err)
	}
	if err := json.Unmarshal(c, &b.Info); err != nil {
		return 0, bad("%v", err)
	}
	if b.Format != format && b.Format != started {
		return 0, bad("its format is %.40q, this program reads %q and %q", b.Format, format, started)
	}
	if b.Pages > MaxPages {
		return 0, bad("it has %d pages, at most %d are allowed", b.Pages, MaxPages)
	}
	return h.Size(), nil
}

func identify(hashes []store.Hash) string {
	s := sha256.New()
	io.WriteString(s, format+"\n")
	for _, h := range hashes {
		s.Write(h[:])
	}
	return hex.EncodeToString(s.Sum(nil))
}

// Hashes are those of its pages, by number; they must not be changed.
func (b *Base) Hashes() []store.Hash { return b.hashes }

// Page copies a page, whose number is below Pages, to p.
func (b *Base) Page(n uint32, p []byte) error {
	i, exact := slices.BinarySearchFunc(b.blocks, n, func(l located, n uint32) int { return cmp.Compare(l.first, n) })
	if !exact {
		i--
	}
	c, ok := b.kept[i]
	if !ok {
		var err error
		if c, err = b.coder.Content(b.r, b.blocks[i].block); err != nil {
			return damaged(err)
		}
		if len(b.kept) >= cached {
			clear(b.kept)
		}
		b.kept[i] = c
	}
	off := int(n-b.blocks[i].first) * store.PageBytes
	if copy(p[:store.PageBytes], c[off:]); sha256.Sum256(p[:store.PageBytes]) != b.hashes[n] {
		return bad("page %d has other content", n)
	}
	return nil
}

// Start is what Finish was given as start; nil if it was nothing.
func (b *Base) Start() ([]byte, error) {
	if b.Format != started {
		return nil, nil
	}
	var all []byte
	for off := b.start; ; {
		h, err := store.ReadBlock(b.r, off)
		if errors.Is(err, io.EOF) && all != nil {
			return all, nil
		}
		if err != nil {
			return nil, damaged(cut(err))
		}
		if len(h.Head) != 0 || len(all)+h.Content > MaxStart {
			return nil, bad("its start has a block with a head of %d and content of %d bytes at %d", len(h.Head), h.Content, off)
		}
		c, err := b.coder.Content(b.r, h)
		if err != nil {
			return nil, damaged(err)
		}
		all, off = append(all, c...), off+h.Size()
	}
}

// Check reads every page, and the start.
func (b *Base) Check() error {
	p := make([]byte, store.PageBytes)
	for n := range b.Pages {
		if err := b.Page(n, p); err != nil {
			return err
		}
	}
	_, err := b.Start()
	return err
}

// Close closes the file.
func (b *Base) Close() error {
	if b.c == nil {
		return nil
	}
	return b.c.Close()
}

// A Builder makes a base out of pages.
type Builder struct {
	coder  *store.Coder
	seen   map[store.Hash]uint32 // numbers plus 1
	hashes []store.Hash
	block  []byte
	packed []byte
	dry    bool // only hashes are wanted
}

// NewBuilder begins a base.
func NewBuilder() *Builder {
	return &Builder{coder: store.NewCoder(false), seen: map[store.Hash]uint32{store.Zero(): 0}}
}

// Add adds a page, if it is neither zeros nor in the base already, and returns its
// number plus 1, or 0 for zeros.
func (b *Builder) Add(p []byte) uint32 {
	h := sha256.Sum256(p)
	n, known := b.seen[h]
	if known || len(b.hashes) == MaxPages {
		return n
	}
	b.hashes = append(b.hashes, h)
	n = uint32(len(b.hashes))
	b.seen[h] = n
	if b.block = append(b.block, p...); len(b.block) == store.BlockPages*store.PageBytes {
		b.flush()
	}
	return n
}

// content adds the pages of contents, from their beginning.
func (b *Builder) content(c []byte) {
	for ; len(c) >= store.PageBytes; c = c[store.PageBytes:] {
		b.Add(c[:store.PageBytes])
	}
	if len(c) > 0 {
		b.Add(append(bytes.Clone(c), make([]byte, store.PageBytes-len(c))...))
	}
}

func (b *Builder) flush() {
	if len(b.block) == 0 || b.dry {
		b.block = b.block[:0]
		return
	}
	var head []byte
	for _, h := range b.hashes[len(b.hashes)-len(b.block)/store.PageBytes:] {
		head = append(head, h[:]...)
	}
	b.packed = b.coder.Append(b.packed, head, b.block)
	b.block = b.block[:0]
}

func (b *Builder) info(format, kind, name string) Info {
	return Info{format, identify(b.hashes), name, kind, uint32(len(b.hashes))}
}

// Finish writes the base, and behind its pages a start, if that is not empty (package
// bundle). Nothing can be added afterwards.
func (b *Builder) Finish(w io.Writer, kind, name string, start []byte) (Info, error) {
	b.flush()
	form := format
	if len(start) > 0 {
		form = started
	}
	i := b.info(form, kind, name)
	raw, err := json.Marshal(i)
	if err != nil {
		return i, err
	}
	if len(raw) > maxInfo {
		return i, fmt.Errorf("the name %.40q… is too long", name)
	}
	for len(start) > 0 {
		n := min(len(start), store.MaxBlock)
		b.packed, start = b.coder.Append(b.packed, nil, start[:n]), start[n:]
	}
	_, err = w.Write(b.coder.Append(nil, nil, raw))
	if err == nil {
		_, err = w.Write(b.packed)
	}
	return i, err
}
