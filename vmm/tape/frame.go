package tape

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"vmrecord/vmm"
	"vmrecord/vmm/mem"
)

const (
	magic   = "VMTAPE1\n"
	version = 1

	maxFrame = 4 << 20 // bytes of payload
	maxNames = 256
	maxName  = 128 // bytes

	// MaxMark is the longest text of a mark, in bytes; writers cut longer ones.
	MaxMark = 4096
	maxWhy  = 4096
)

// A Kind is what a frame holds.
type Kind uint8

const (
	KindHeader Kind = 1 + iota
	KindInput
	KindHeartbeat
	KindMark
	KindSync
	KindState
	KindFooter
)

func (k Kind) String() string {
	if k < KindHeader || k > KindFooter {
		return fmt.Sprintf("kind %d", uint8(k))
	}
	return [...]string{"header", "input", "heartbeat", "mark", "sync", "state", "footer"}[k-1]
}

// A Header says what a tape was recorded on.
type Header struct {
	Model    uint64 // vmm.Model
	Period   uint64 // retired instructions between periodic heartbeats
	Hz       uint64 // instants in a guest second
	Epoch    uint64 // Unix seconds at instant 0
	Seed     uint64
	Memory   uint64 // bytes of RAM
	Start    vmm.Position
	Retired  uint64   // instructions before the start
	Config   mem.Hash // SHA-256 of the machine's configuration text
	Sections []string
	Inlets   []string
}

// A BeatKind says why a heartbeat was taken.
type BeatKind uint8

const (
	BeatStart BeatKind = iota
	BeatPeriodic
	BeatMark
	BeatFail
	BeatStop
)

// A Heartbeat is the state of the machine at a position, as hashes.
type Heartbeat struct {
	Kind    BeatKind
	Inputs  uint64       // delivered since the start
	Retired uint64       // instructions since the start
	Digests []vmm.Digest // of every section; must not be changed
	Total   uint64       // chained over all heartbeats so far
	HasRoot bool
	Root    mem.Hash // over RAM, if HasRoot
}

// A MarkKind says what a mark means.
type MarkKind uint8

const (
	Mark MarkKind = iota // a place to come back to
	Fail                 // the failure that the recording is about
	Attr                 // a fact, "key=value"
)

func (k MarkKind) String() string { return [...]string{"mark", "fail", "attr"}[k] }

// A Footer ends a whole tape.
type Footer struct {
	Inputs       uint64 // delivered since the start, as the machine counts
	Retired      uint64 // instructions since the start
	End          mem.Hash
	Console      mem.Hash
	ConsoleBytes uint64
	Frames       Counts
	Kept         bool
	Truncated    bool
	Why          string
}

// Counts counts what stands on a tape.
type Counts struct{ Inputs, Heartbeats, Keys uint64 }

// A Frame is one piece of a tape. Only the fields of its kind are set.
type Frame struct {
	Kind Kind
	Pos  vmm.Position // where it stands: an input, right before its delivery

	Header   *Header
	Input    vmm.Input // KindInput
	Regs     uint32    // KindInput: register digest right before delivery
	Beat     Heartbeat
	MarkKind MarkKind
	Text     string // KindMark
	Synced   uint64 // KindSync: frames before it
	State    [][]byte
	Footer   *Footer
}

// ErrTruncated ends a tape that has no footer.
var ErrTruncated = errors.New("tape: truncated: it ends without footer")

// A DamageError says where a tape is not what was written.
type DamageError struct {
	Frame  uint64 // counted from 0
	Offset int64  // of the frame, in bytes
	What   string
}

func (e *DamageError) Error() string {
	return fmt.Sprintf("tape: frame %d at byte %d: %s", e.Frame, e.Offset, e.What)
}

// castagnoli returns the CRC-32C table, which the library keeps.
func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

func appendText(b []byte, s string) []byte {
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}

// A cursor reads a payload. After an error it returns zeros; bad says what failed.
type cursor struct {
	b   []byte
	bad string
}

func (c *cursor) fail(what string) {
	if c.bad == "" {
		c.bad = what
	}
	c.b = nil
}

func (c *cursor) uint(what string) uint64 {
	v, n := binary.Uvarint(c.b)
	if n <= 0 {
		c.fail(what + " is cut off")
		return 0
	}
	c.b = c.b[n:]
	return v
}

func (c *cursor) bytes(n uint64, what string) []byte {
	if uint64(len(c.b)) < n {
		c.fail(what + " is cut off")
		return nil
	}
	p := c.b[:n]
	c.b = c.b[n:]
	return p
}

func (c *cursor) fixed(n int, what string) uint64 {
	var p [8]byte
	copy(p[:n], c.bytes(uint64(n), what))
	return binary.LittleEndian.Uint64(p[:])
}

func (c *cursor) hash(what string) (h mem.Hash) {
	copy(h[:], c.bytes(32, what))
	return h
}

func (c *cursor) below(n uint64, what string) uint64 {
	v := c.uint(what)
	if v >= n {
		c.fail(fmt.Sprintf("%s is %d, must be below %d", what, v, n))
		return 0
	}
	return v
}

func (c *cursor) byte(n uint64, what string) uint8 {
	v := c.fixed(1, what)
	if v >= n {
		c.fail(fmt.Sprintf("%s is %d, must be below %d", what, v, n))
		return 0
	}
	return uint8(v)
}

func (c *cursor) text(most uint64, what string) string {
	return string(c.bytes(c.below(most+1, "length of "+what), what))
}

func (c *cursor) names(what string) (names []string) {
	for range c.below(maxNames+1, "number of "+what+"s") {
		names = append(names, c.text(maxName, what))
	}
	return names
}
