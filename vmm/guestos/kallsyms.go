package guestos

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"strings"
)

// Bounds of what a kernel's table may hold.
const (
	minSymbols = 64
	maxSymbols = 1 << 20
	maxName    = 512                                                  // KSYM_NAME_LEN
	maxText    = 64 << 20                                             // bytes of all names
	symTypes   = "aAbBcCdDgGiInNpPrRsStTuUvVwW?-"                     // nm's letters
	digits     = "0\x001\x002\x003\x004\x005\x006\x007\x008\x009\x00" // tokens 48 to 57
)

// A tables is where the parts of a kallsyms stand in an image, as offsets.
type tables struct {
	b            []byte
	tokens, tend int // the token table; tend is the end of its index
	token        [256]string
	count        int // of symbols
	num, names   int // where count stands, where the names begin
	from, to     int // all of it, once its addresses were found
}

// parseKallsyms finds and expands the kernel's symbol table, and tells where it
// stands. In the order of addresses, as the kernel has it.
func parseKallsyms(b []byte) (all []Symbol, from, to int, err error) {
	err = errors.New("no table of kernel symbols: no token table in the image; the kernel was built without CONFIG_KALLSYMS, or is still being unpacked")
	steps := 1 << 23 // names looked at in all, before those that are right
	for at, tries := 0, 0; tries < 256; tries++ {
		n := bytes.Index(b[at:], []byte(digits))
		if n < 0 {
			break
		}
		at += n + 1
		t := tables{b: b}
		if !t.findTokens(at - 1) {
			continue
		}
		if !t.findNames(&steps) {
			err = errors.New("no table of kernel symbols: a token table in the image, but no names before it")
			continue
		}
		s, e := t.expand()
		if e == nil {
			return s, t.from, t.to, nil
		}
		err = e
	}
	return nil, 0, 0, err
}

// findTokens checks that the digits at zero are those of a token table, which
// its index follows: both give the tokens' places.
func (t *tables) findTokens(zero int) bool {
	const longest = 64 // no token is as long
	end := zero
	for range 256 - '0' {
		n := bytes.IndexByte(t.b[end:min(end+longest, len(t.b))], 0)
		if n < 0 {
			return false
		}
		end += n + 1
	}
	for _, to := range []int{8, 4, 2} {
		index := align(end, to)
		if index+512 > len(t.b) {
			continue
		}
		place := func(i int) int { return int(binary.LittleEndian.Uint16(t.b[index+2*i:])) }
		t.tokens, t.tend = zero-place('0'), index+512
		if t.tokens >= 0 && t.fits(place, end) {
			return true
		}
	}
	return false
}

// fits reads the tokens where an index says that they are.
func (t *tables) fits(place func(int) int, end int) bool {
	next := t.tokens
	for i := range t.token {
		if t.tokens+place(i) != next || next >= end {
			return false
		}
		token := cstring(t.b[next:end])
		t.token[i] = nameOf([]byte(token))
		next += len(token) + 1
	}
	return next == end
}

// findNames looks before the tokens for the count of symbols and their names:
// the names must end where markers begin that tell where each 256th name is.
func (t *tables) findNames(steps *int) bool {
	const reach = 32 << 20
	for at := t.tokens&^7 - 16; at >= 0 && t.tokens-at < reach && *steps > 0; at -= 8 {
		n := le64(t.b[at:])
		if n < minSymbols || n > maxSymbols {
			continue
		}
		t.num, t.names, t.count = at, at+8, int(n)
		if t.marked(steps) {
			return true
		}
	}
	return false
}

// marked walks the names and compares with the markers.
func (t *tables) marked(steps *int) bool {
	at := t.names
	marks := make([]uint32, 0, 16)
	for i := range t.count {
		if i%256 == 0 {
			marks = append(marks, uint32(at-t.names))
		}
		code, next, ok := t.entry(at)
		*steps--
		if !ok || i < 16 && !t.begins(code) {
			return false
		}
		at = next
	}
	at = align(at, 8)
	for i, m := range marks {
		if at+4*i+4 > t.tokens || binary.LittleEndian.Uint32(t.b[at+4*i:]) != m {
			return false
		}
	}
	return true
}

// entry is the tokens of a name: a length of one byte, or of two if the first
// has bit 7 set, which are its low seven bits and the rest; then a byte each.
func (t *tables) entry(at int) (code []byte, next int, ok bool) {
	if at+2 > t.tokens {
		return nil, 0, false
	}
	n := int(t.b[at])
	at++
	if n&0x80 != 0 {
		n = n&0x7f | int(t.b[at])<<7
		at++
	}
	if n == 0 || n > maxName || at+n > t.tokens {
		return nil, 0, false
	}
	return t.b[at : at+n], at + n, true
}

// begins tells whether a name begins with a letter for its type.
func (t *tables) begins(code []byte) bool {
	first := t.token[code[0]]
	return first != "" && strings.IndexByte(symTypes, first[0]) >= 0
}

// expand makes the symbols.
func (t *tables) expand() ([]Symbol, error) {
	addr, err := t.addresses()
	if err != nil {
		return nil, err
	}
	all := make([]Symbol, t.count)
	text := make([]byte, 0, 1<<20)
	ends := make([]int, t.count)
	for i, at := 0, t.names; i < t.count; i++ {
		code, next, _ := t.entry(at)
		for _, c := range code {
			text = append(text, t.token[c]...)
		}
		if len(text) > maxText {
			return nil, errors.New("the table of kernel symbols has more than 64 MiB of names")
		}
		ends[i], at = len(text), next
	}
	// One string for all is 100 000 allocations fewer.
	rest, from := string(text), 0
	for i, end := range ends {
		name := rest[from:end]
		if from = end; name == "" {
			continue
		}
		all[i] = Symbol{Type: name[0], Name: name[1:], Addr: addr[i]}
	}
	return all, nil
}

// addresses finds the table of offsets and the base that they are relative to:
// before the count of symbols (Linux 6.1) or after the token index (6.4).
func (t *tables) addresses() ([]uint64, error) {
	size := align(4*t.count, 8)
	for _, at := range []int{t.num - 8 - size, align(t.tend, 8)} {
		if at < 0 || at+size+8 > len(t.b) {
			continue
		}
		base := le64(t.b[at+size:])
		if base < imageFirst || base >= imageEnd {
			continue
		}
		if a := decode(t.b[at:][:4*t.count], base); a != nil {
			t.from, t.to = min(at, t.num), max(t.tend, at+size+8)
			return a, nil
		}
	}
	return nil, errors.New("the table of kernel symbols has names, but no addresses in an order that we know (relative to a base: CONFIG_KALLSYMS_BASE_RELATIVE, as all of x86-64 has)")
}

// decode turns offsets to addresses. Where per-cpu symbols are absolute
// (CONFIG_KALLSYMS_ABSOLUTE_PERCPU, up to Linux 6.14) these stand as they are
// and all others are -1 minus the offset; else all are offsets. Either way they
// ascend.
func decode(b []byte, base uint64) []uint64 {
	a := make([]uint64, len(b)/4)
	negative := 0
	for i := range a {
		if int32(binary.LittleEndian.Uint32(b[4*i:])) < 0 {
			negative++
		}
	}
	for i := range a {
		v := binary.LittleEndian.Uint32(b[4*i:])
		switch {
		case negative <= len(a)/2:
			a[i] = base + uint64(v)
		case int32(v) >= 0:
			a[i] = uint64(v)
		default:
			a[i] = base + uint64(^v)
		}
	}
	if !slices.IsSorted(a) {
		return nil
	}
	return a
}
