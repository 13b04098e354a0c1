package program

import (
	"debug/dwarf"
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Bounds on what one value is written as.
const (
	maxText     = 64   // bytes of a string
	maxElements = 8    // of an array or slice
	maxDepth    = 4    // of structures in one another
	maxWritten  = 1024 // bytes, about
)

// A Reader copies memory at an address, up to the first byte that is not there,
// and tells how much that was.
type Reader func(la uint64, p []byte) int

// Format writes a value of a type, as its own language does, on one line:
// numbers, strings, the first elements of slices, members by name. Pointers are
// addresses, but C's to char are followed.
func Format(t dwarf.Type, b []byte, read Reader) string {
	w := &writer{read: read}
	w.value(t, b, 0)
	return w.String()
}

type writer struct {
	strings.Builder
	read Reader
}

func (w *writer) value(t dwarf.Type, b []byte, depth int) {
	u := plain(t)
	if u == nil || depth > maxDepth || w.Len() > maxWritten {
		w.WriteString("...")
		return
	}
	if size := u.Size(); size < 0 || size > int64(len(b)) {
		w.WriteString("?")
		return
	}
	b = b[:u.Size()]
	switch u := u.(type) {
	case *dwarf.BoolType:
		fmt.Fprint(w, number(b) != 0)
	case *dwarf.IntType:
		fmt.Fprint(w, signed(b))
	case *dwarf.CharType:
		fmt.Fprint(w, signed(b))
	case *dwarf.EnumType:
		w.enum(u, b)
	case *dwarf.FloatType:
		w.float(b)
	case *dwarf.ComplexType:
		w.WriteByte('(')
		w.float(b[:len(b)/2])
		w.WriteString(" + i ")
		w.float(b[len(b)/2:])
		w.WriteByte(')')
	case *dwarf.PtrType:
		w.pointer(u, b)
	case *dwarf.ArrayType:
		w.elements(u.Type, b, uint64(max(u.Count, 0)), depth)
	case *dwarf.StructType:
		w.structure(u, b, depth)
	case *dwarf.FuncType, *dwarf.VoidType, *dwarf.UnspecifiedType:
		w.hex(number(b))
	default:
		fmt.Fprint(w, number(b))
	}
}

// number is a little-endian number of at most eight bytes.
func number(b []byte) uint64 {
	var p [8]byte
	copy(p[:], b)
	return binary.LittleEndian.Uint64(p[:])
}

func signed(b []byte) int64 {
	n := min(len(b), 8)
	if n == 0 {
		return 0
	}
	shift := 64 - 8*n
	return int64(number(b)<<shift) >> shift
}

func (w *writer) hex(v uint64) {
	if v == 0 {
		w.WriteString("nil")
		return
	}
	w.WriteString("0x" + strconv.FormatUint(v, 16))
}

func (w *writer) float(b []byte) {
	switch len(b) {
	case 4:
		fmt.Fprint(w, math.Float32frombits(uint32(number(b))))
	case 8:
		fmt.Fprint(w, math.Float64frombits(number(b)))
	default:
		w.WriteString("?")
	}
}

func (w *writer) enum(t *dwarf.EnumType, b []byte) {
	v := signed(b)
	for _, e := range t.Val {
		if e.Val == v {
			w.WriteString(e.Name)
			return
		}
	}
	fmt.Fprint(w, v)
}

func (w *writer) pointer(t *dwarf.PtrType, b []byte) {
	la := number(b)
	switch plain(t.Type).(type) {
	case *dwarf.CharType, *dwarf.UcharType:
		if text, ok := Text(la, w.read); ok {
			w.WriteString(text)
			return
		}
	}
	w.hex(la)
}

// Text is what a zero byte ends at an address, in quotes. False: nothing is there.
func Text(la uint64, read Reader) (string, bool) {
	b := make([]byte, maxText)
	n := read(la, b)
	if n == 0 {
		return "", false
	}
	text, _, ended := strings.Cut(string(b[:n]), "\x00")
	return quoted(text, !ended), true
}

func quoted(text string, more bool) string {
	q := strconv.QuoteToASCII(text)
	if more {
		q += "..."
	}
	return q
}

func (w *writer) elements(of dwarf.Type, b []byte, count uint64, depth int) {
	size := uint64(max(of.Size(), 0))
	w.WriteByte('[')
	for i := range min(count, maxElements) {
		if i > 0 {
			w.WriteByte(' ')
		}
		w.value(of, b[min(i*size, uint64(len(b))):], depth+1)
	}
	if count > maxElements {
		fmt.Fprintf(w, " ...%d in all", count)
	}
	w.WriteByte(']')
}

// structure writes members, and Go's strings and slices for what they are
// (runtime.stringStruct and slice, as the linker describes them).
func (w *writer) structure(t *dwarf.StructType, b []byte, depth int) {
	if len(b) >= 16 && t.StructName == "string" {
		w.goString(number(b), number(b[8:]))
		return
	}
	if len(b) >= 16 && strings.HasPrefix(t.StructName, "[]") && len(t.Field) == 3 {
		if p, ok := t.Field[0].Type.(*dwarf.PtrType); ok {
			w.slice(p.Type, number(b), number(b[8:]), depth)
			return
		}
	}
	w.WriteByte('{')
	for i, f := range t.Field {
		if i > 0 {
			w.WriteByte(' ')
		}
		if w.WriteString(f.Name + ":"); f.BitSize != 0 || f.ByteOffset < 0 || f.ByteOffset > int64(len(b)) {
			w.WriteByte('?')
			continue
		}
		w.value(f.Type, b[f.ByteOffset:], depth+1)
	}
	w.WriteByte('}')
}

func (w *writer) goString(la, size uint64) {
	b := make([]byte, min(size, maxText))
	if n := w.read(la, b); n < len(b) {
		fmt.Fprintf(w, "%#x[:%d]", la, size)
		return
	}
	w.WriteString(quoted(string(b), size > maxText))
}

func (w *writer) slice(of dwarf.Type, la, count uint64, depth int) {
	size := uint64(max(of.Size(), 0))
	b := make([]byte, min(count, maxElements)*min(size, maxValue/maxElements))
	if n := w.read(la, b); n < len(b) {
		fmt.Fprintf(w, "%#x[:%d]", la, count)
		return
	}
	w.elements(of, b, count, depth)
}

// Member finds a member of a value by its path, following pointers: "from", or
// "next.name". The rest are the value's bytes.
func Member(t dwarf.Type, b []byte, fields string, read Reader) (dwarf.Type, []byte, error) {
	for name := range strings.SplitSeq(fields, ".") {
		u := plain(t)
		if p, ok := u.(*dwarf.PtrType); ok {
			t, u = p.Type, plain(p.Type)
			la := number(b)
			b = make([]byte, min(uint64(max(t.Size(), 0)), maxMember))
			b = b[:read(la, b)]
		}
		s, ok := u.(*dwarf.StructType)
		if !ok {
			return nil, nil, fmt.Errorf("%s is no structure, and has no member %s", t, name)
		}
		var found *dwarf.StructField
		for _, f := range s.Field {
			if f.Name == name && f.BitSize == 0 {
				found = f
			}
		}
		if found == nil {
			return nil, nil, fmt.Errorf("%s has no member %s", t, name)
		}
		if end := found.ByteOffset + max(found.Type.Size(), 0); found.ByteOffset < 0 || end > int64(len(b)) {
			return nil, nil, fmt.Errorf("no memory holds %s's %s", t, name)
		}
		t, b = found.Type, b[found.ByteOffset:]
	}
	return t, b, nil
}

const maxMember = 1 << 20 // bytes of a structure that a member is taken from
