package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/klauspost/compress/zstd"
)

const (
	blockMagic  = "vmb1"
	headerBytes = 24
	maxHead     = 4096
	// MaxBlock is the most content that a block may have, in bytes.
	MaxBlock = 16 << 20
	slack    = 64 << 10
)

// A DamageError says where a file of blocks is not what was written.
type DamageError struct {
	Offset int64
	What   string
	// Cut says that the file just ends there: what was written last is
	// missing, and nothing else is wrong.
	Cut bool
}

func (e *DamageError) Error() string { return fmt.Sprintf("block at byte %d: %s", e.Offset, e.What) }

// A Coder packs and unpacks blocks. It must not be used by two goroutines at once.
type Coder struct {
	enc *zstd.Encoder
	dec *zstd.Decoder
}

// NewCoder returns a coder; fast trades size for speed.
func NewCoder(fast bool) *Coder {
	level := zstd.SpeedDefault
	if fast {
		level = zstd.SpeedFastest
	}
	// The options are constants; neither call can fail.
	enc, _ := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(level), zstd.WithEncoderCRC(false))
	dec, _ := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(MaxBlock))
	return &Coder{enc, dec}
}

// Append appends a block with the given head and content to b.
func (c *Coder) Append(b, head, content []byte) []byte {
	if len(head) > maxHead || len(content) > MaxBlock {
		panic(fmt.Sprintf("store: block with a head of %d and content of %d bytes", len(head), len(content)))
	}
	z := c.enc.EncodeAll(content, nil)
	at := len(b)
	b = append(b, blockMagic...)
	for _, v := range [...]int{len(head), len(content), len(z)} {
		b = binary.LittleEndian.AppendUint32(b, uint32(v))
	}
	b = binary.LittleEndian.AppendUint32(b, crc32.Checksum(z, castagnoli()))
	b = binary.LittleEndian.AppendUint32(b, crc32.Update(crc32.Checksum(b[at:], castagnoli()), castagnoli(), head))
	return append(append(b, head...), z...)
}

func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// A Block is a block's header and head.
type Block struct {
	Offset  int64
	Head    []byte
	Content int // bytes of content, unpacked
	packed  int
	crc     uint32
}

// Size is the number of bytes that the block takes in its file.
func (b *Block) Size() int64 { return headerBytes + int64(len(b.Head)) + int64(b.packed) }

// ReadBlock reads the header and head of the block at off; io.EOF if the file
// ends exactly there.
func ReadBlock(r io.ReaderAt, off int64) (Block, error) {
	bad := func(f string, a ...any) (Block, error) {
		return Block{}, &DamageError{Offset: off, What: fmt.Sprintf(f, a...)}
	}
	var h [headerBytes]byte
	if n, err := r.ReadAt(h[:], off); n < len(h) {
		if n == 0 && errors.Is(err, io.EOF) {
			return Block{}, io.EOF
		}
		return Block{}, cutOff(off, err)
	}
	if string(h[:4]) != blockMagic {
		return bad("it begins with %q, not %q", h[:4], blockMagic)
	}
	u := func(i int) uint32 { return binary.LittleEndian.Uint32(h[i:]) }
	if u(4) > maxHead || u(8) > MaxBlock || u(12) > u(8)+slack {
		return bad("head of %d, content of %d, packed %d bytes", u(4), u(8), u(12))
	}
	b := Block{off, make([]byte, u(4)), int(u(8)), int(u(12)), u(16)}
	if n, err := r.ReadAt(b.Head, off+headerBytes); n < len(b.Head) {
		return Block{}, cutOff(off, err)
	}
	if crc := crc32.Update(crc32.Checksum(h[:20], castagnoli()), castagnoli(), b.Head); crc != u(20) {
		return bad("CRC of its head is %08x, should be %08x", u(20), crc)
	}
	return b, nil
}

func cutOff(off int64, err error) error {
	if errors.Is(err, io.EOF) {
		return &DamageError{Offset: off, What: "it is cut off", Cut: true}
	}
	return err
}

// load reads the packed content of b and checks its CRC.
func (b *Block) load(r io.ReaderAt) ([]byte, error) {
	z := make([]byte, b.packed)
	if n, err := r.ReadAt(z, b.Offset+headerBytes+int64(len(b.Head))); n < len(z) {
		return nil, cutOff(b.Offset, err)
	}
	if crc := crc32.Checksum(z, castagnoli()); crc != b.crc {
		return nil, &DamageError{Offset: b.Offset, What: fmt.Sprintf("CRC of its content is %08x, should be %08x", crc, b.crc)}
	}
	return z, nil
}

func (b *Block) check(r io.ReaderAt) error {
	_, err := b.load(r)
	return err
}

// Content unpacks the content of b, which ReadBlock found in r.
func (c *Coder) Content(r io.ReaderAt, b Block) ([]byte, error) {
	z, err := b.load(r)
	if err != nil {
		return nil, err
	}
	p, err := c.dec.DecodeAll(z, make([]byte, 0, b.Content))
	if err != nil {
		return nil, &DamageError{Offset: b.Offset, What: err.Error()}
	}
	if len(p) != b.Content {
		return nil, &DamageError{Offset: b.Offset, What: fmt.Sprintf("it unpacks to %d bytes, should be %d", len(p), b.Content)}
	}
	return p, nil
}

// A Blocks reads the contents of a file of blocks one after the other.
type Blocks struct {
	r    io.ReaderAt
	c    *Coder
	off  int64
	rest []byte
	err  error
	// Lenient takes damage for the end: the file was being written when the
	// power went.
	Lenient bool
}

// NewBlocks reads from the beginning of r.
func NewBlocks(r io.ReaderAt, c *Coder) *Blocks { return &Blocks{r: r, c: c} }

// Good is the offset behind the last whole block that was read.
func (b *Blocks) Good() int64 { return b.off }

// Read reads contents; its errors are *DamageError and the file's.
func (b *Blocks) Read(p []byte) (int, error) {
	for len(b.rest) == 0 {
		if b.err == nil {
			b.err = b.next()
		}
		if b.err != nil {
			return 0, b.err
		}
	}
	n := copy(p, b.rest)
	b.rest = b.rest[n:]
	return n, nil
}

func (b *Blocks) next() error {
	h, err := ReadBlock(b.r, b.off)
	if err == nil {
		b.rest, err = b.c.Content(b.r, h)
	}
	var d *DamageError
	if b.Lenient && errors.As(err, &d) {
		return io.EOF
	}
	if err == nil {
		b.off += h.Size()
	}
	return err
}
