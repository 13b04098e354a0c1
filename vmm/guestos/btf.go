package guestos

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
)

// BTF's kinds of types.
const (
	kindInt = iota + 1
	kindPtr
	kindArray
	kindStruct
	kindUnion
	kindEnum
	kindFwd
	kindTypedef
	kindVolatile
	kindConst
	kindRestrict
	kindFunc
	kindFuncProto
	kindVar
	kindDatasec
	kindFloat
	kindDeclTag
	kindTypeTag
	kindEnum64
)

const (
	btfMagic  = 0xeb9f
	btfHeader = 24
	btfLimit  = 32 << 20 // bytes
	btfDepth  = 32       // of modifiers, anonymous members and arrays
	btfSteps  = 1 << 16  // members looked at for one
	btfName   = 256      // bytes of a name
)

// extra is how many bytes follow a type of each kind: some, and some for each of
// its vlen elements.
var extra = [...]struct{ fixed, each int }{
	kindInt: {4, 0}, kindPtr: {}, kindArray: {12, 0}, kindStruct: {0, 12}, kindUnion: {0, 12}, kindEnum: {0, 8}, kindFwd: {},
	kindTypedef: {}, kindVolatile: {}, kindConst: {}, kindRestrict: {}, kindFunc: {}, kindFuncProto: {0, 8}, kindVar: {4, 0},
	kindDatasec: {0, 12}, kindFloat: {}, kindDeclTag: {4, 0}, kindTypeTag: {}, kindEnum64: {0, 12},
}

// A btf says how a kernel lays out its data. It is not changed after parsing.
type btf struct {
	types []byte
	at    []uint32 // where each type is, by id - 1
	text  []byte   // the strings
	named map[string]uint32
}

// parseBTF reads a kernel's type information; see the package's comment. The
// bytes may be followed by others.
func parseBTF(b []byte) (*btf, error) {
	if len(b) < btfHeader || binary.LittleEndian.Uint16(b) != btfMagic {
		return nil, errors.New("BTF: it does not begin with 9f eb")
	}
	if b[2] != 1 {
		return nil, fmt.Errorf("BTF: version %d, we know 1", b[2])
	}
	field := func(i int) uint64 { return uint64(binary.LittleEndian.Uint32(b[4+4*i:])) }
	head, size := field(0), uint64(min(len(b), btfLimit))
	part := func(off, n uint64) []byte {
		if head > size || off > size-head || n > size-head-off {
			return nil
		}
		return b[head+off:][:n]
	}
	t := &btf{types: part(field(1), field(2)), text: part(field(3), field(4)), named: map[string]uint32{}}
	if len(t.types) == 0 || len(t.text) == 0 {
		return nil, fmt.Errorf("BTF: types (%d bytes at %d) and strings (%d bytes at %d) do not fit into %d bytes", field(2), field(1), field(4), field(3), size)
	}
	if err := t.index(); err != nil {
		return nil, err
	}
	return t, nil
}

// index finds where each type begins.
func (t *btf) index() error {
	for at := 0; at < len(t.types); {
		if at+12 > len(t.types) {
			return fmt.Errorf("BTF: type %d is cut off", len(t.at)+1)
		}
		info := binary.LittleEndian.Uint32(t.types[at+4:])
		kind, vlen := int(info>>24&0x1f), int(info&0xffff)
		if kind == 0 || kind >= len(extra) {
			return fmt.Errorf("BTF: type %d is of kind %d, we know 1 to %d", len(t.at)+1, kind, len(extra)-1)
		}
		t.at = append(t.at, uint32(at))
		switch kind {
		case kindStruct, kindUnion, kindTypedef, kindEnum, kindEnum64:
			name := t.str(binary.LittleEndian.Uint32(t.types[at:]))
			if old, there := t.named[name]; name != "" && (!there || t.typ(old).kind == kindTypedef) {
				t.named[name] = uint32(len(t.at))
			}
		}
		at += 12 + extra[kind].fixed + extra[kind].each*vlen
		if at > len(t.types) {
			return fmt.Errorf("BTF: type %d is cut off", len(t.at))
		}
	}
	return nil
}

func (t *btf) str(off uint32) string {
	if uint64(off) >= uint64(len(t.text)) {
		return ""
	}
	return nameOf(t.text[off:min(int(off)+btfName, len(t.text))])
}

// A typ is a type: rest is what follows its first twelve bytes.
type typ struct {
	name, size uint32 // size is another type's id, for kinds that refer to one
	kind, vlen int
	flag       bool
	rest       []byte
}

// typ is a type by id; 0, which is void, and ids out of range have kind 0.
func (t *btf) typ(id uint32) typ {
	if id == 0 || uint64(id) > uint64(len(t.at)) {
		return typ{}
	}
	b := t.types[t.at[id-1]:]
	info := binary.LittleEndian.Uint32(b[4:])
	y := typ{name: binary.LittleEndian.Uint32(b), size: binary.LittleEndian.Uint32(b[8:]),
		kind: int(info >> 24 & 0x1f), vlen: int(info & 0xffff), flag: info>>31 != 0}
	y.rest = b[12:][:extra[y.kind].fixed+extra[y.kind].each*y.vlen]
	return y
}

// plain is a type without its modifiers and other names.
func (t *btf) plain(id uint32) (uint32, typ) {
	for range btfDepth {
		y := t.typ(id)
		switch y.kind {
		case kindTypedef, kindVolatile, kindConst, kindRestrict, kindTypeTag:
			id = y.size
		default:
			return id, y
		}
	}
	return 0, typ{}
}

// size is a type's in bytes, 0 if it has none or it is not sane.
func (t *btf) size(id uint32) uint64 {
	n := uint64(1)
	for range btfDepth {
		_, y := t.plain(id)
		switch y.kind {
		case kindArray:
			n *= uint64(binary.LittleEndian.Uint32(y.rest[8:]))
			id = binary.LittleEndian.Uint32(y.rest)
			if n > 1<<32 {
				return 0
			}
			continue
		case kindPtr:
			return n * 8
		case kindInt, kindStruct, kindUnion, kindEnum, kindEnum64, kindFloat:
			return n * uint64(y.size)
		}
		return 0
	}
	return 0
}

// A Struct is a structure's or a union's layout.
type Struct struct {
	Name string
	Size uint64 // bytes
	t    *btf
	id   uint32
}

// A Field is where a member is, from the beginning of the structure asked.
type Field struct {
	Offset, Size uint64 // bytes
	Count        uint64 // of elements, 1 if it is no array
	id           uint32
}

// Struct finds a structure or union by its name, or by a typedef's.
func (t *btf) Struct(name string) (Struct, error) {
	id, y := t.plain(t.named[name])
	if y.kind != kindStruct && y.kind != kindUnion {
		return Struct{}, fmt.Errorf("the kernel's BTF has no struct %s", name)
	}
	return Struct{Name: name, Size: uint64(y.size), t: t, id: id}, nil
}

// Field finds a member: "mm", or "thread.sp" for a member of a member that is
// itself a structure. Members of anonymous structures and unions are found as
// in C. Bit-fields are not, and pointers are not followed.
func (s Struct) Field(path string) (f Field, err error) {
	f.id = s.id
	steps := btfSteps
	for name := range strings.SplitSeq(path, ".") {
		off, id, ok := s.t.member(f.id, name, 0, &steps)
		if !ok {
			return Field{}, fmt.Errorf("the kernel's struct %s has no member %s", s.Name, path)
		}
		f.Offset, f.id = f.Offset+off, id
	}
	f.Size, f.Count = s.t.size(f.id), 1
	if _, y := s.t.plain(f.id); y.kind == kindArray {
		f.Count = uint64(binary.LittleEndian.Uint32(y.rest[8:]))
	}
	return f, nil
}

// Offset is where a member begins, in bytes; path is as Field has it.
func (s Struct) Offset(path string) (uint64, error) {
	f, err := s.Field(path)
	return f.Offset, err
}

// member finds a member of a structure, and in anonymous ones within.
func (t *btf) member(id uint32, name string, depth int, steps *int) (off uint64, of uint32, ok bool) {
	_, y := t.plain(id)
	if y.kind != kindStruct && y.kind != kindUnion || depth == btfDepth || name == "" {
		return 0, 0, false
	}
	for b := y.rest; len(b) >= 12 && *steps > 0; b = b[12:] {
		*steps--
		at, of := binary.LittleEndian.Uint32(b[8:]), binary.LittleEndian.Uint32(b[4:])
		if y.flag { // the upper eight bits are a bit-field's size
			if at>>24 != 0 {
				continue
			}
			at &= 1<<24 - 1
		}
		switch t.str(binary.LittleEndian.Uint32(b)) {
		case name:
			return uint64(at / 8), of, at%8 == 0
		case "":
			if in, id, ok := t.member(of, name, depth+1, steps); ok {
				return uint64(at/8) + in, id, true
			}
		}
	}
	return 0, 0, false
}
