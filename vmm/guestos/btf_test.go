package guestos

import (
	"encoding/binary"
	"slices"
	"strings"
	"testing"
)

// A btfBuilder writes BTF.
type btfBuilder struct {
	types, text []byte
	count       uint32
}

func newBTF() *btfBuilder { return &btfBuilder{text: []byte{0}} }

func (b *btfBuilder) str(s string) uint32 {
	if s == "" {
		return 0
	}
	n := len(b.text)
	b.text = append(append(b.text, s...), 0)
	return uint32(n)
}

// add adds a type and returns its number; size is a type's number for some kinds.
func (b *btfBuilder) add(kind int, name string, size uint32, vlen uint32, rest ...uint32) uint32 {
	for _, v := range append([]uint32{b.str(name), uint32(kind)<<24 | vlen, size}, rest...) {
		b.types = binary.LittleEndian.AppendUint32(b.types, v)
	}
	b.count++
	return b.count
}

// A member is one of a structure's.
type member struct {
	name string
	at   uint32 // bits
	typ  uint32
}

const bitfields = 1 << 31 // in vlen's word: the structure's flag

func (b *btfBuilder) structure(kind int, name string, size, flag uint32, all ...member) uint32 {
	var rest []uint32
	for _, m := range all {
		rest = append(rest, b.str(m.name), m.typ, m.at)
	}
	return b.add(kind, name, size, uint32(len(all))|flag, rest...)
}

func (b *btfBuilder) bytes() []byte {
	h := []byte{0x9f, 0xeb, 1, 0}
	for _, v := range []int{24, 0, len(b.types), len(b.types), len(b.text)} {
		h = binary.LittleEndian.AppendUint32(h, uint32(v))
	}
	return append(append(h, b.types...), b.text...)
}

// sample has each kind of type.
func sample() *btfBuilder {
	b := newBTF()
	num := b.add(kindInt, "int", 4, 0, 32)
	u64 := b.add(kindInt, "long unsigned int", 8, 0, 64)
	ptr := b.add(kindPtr, "", 0, 0)
	arr := b.add(kindArray, "", 0, 0, num, num, 6)
	grid := b.add(kindArray, "", 0, 0, arr, num, 2)
	volatile := b.add(kindVolatile, "", u64, 0)
	named := b.add(kindTypedef, "count_t", b.add(kindConst, "", volatile, 0), 0)
	inner := b.structure(kindStruct, "inner", 16, 0, member{"a", 0, u64}, member{"b", 64, named})
	anon := b.structure(kindUnion, "", 8, 0, member{"left", 0, u64}, member{"right", 0, num})
	deep := b.structure(kindStruct, "", 16, 0, member{"", 64, anon})
	b.add(kindFwd, "later", 0, 0)
	b.structure(kindStruct, "outer", 128, bitfields, member{"flag", 3<<24 | 5, num}, member{"next", 64, ptr}, member{"in", 128, inner},
		member{"", 256, deep}, member{"grid", 384, grid}, member{"odd", 1003, num})
	b.add(kindTypedef, "outer_t", b.count, 0)
	b.add(kindRestrict, "", ptr, 0)
	b.add(kindFunc, "f", b.add(kindFuncProto, "", num, 1, 0, ptr), 0)
	b.add(kindDatasec, ".data", 8, 1, b.add(kindVar, "v", num, 0, 1), 0, 8)
	b.add(kindFloat, "double", 8, 0)
	b.add(kindDeclTag, "tag", num, 0, ^uint32(0))
	b.add(kindTypeTag, "user", ptr, 0)
	b.add(kindEnum, "color", 4, 2|bitfields, b.str("RED"), 1, b.str("NONE"), ^uint32(0))
	b.add(kindEnum, "unsigned", 4, 1, b.str("ALL"), ^uint32(0))
	b.add(kindEnum64, "wide", 8, 1, b.str("FAR"), 2, 1)
	return b
}

func TestBTF(t *testing.T) {
	b, err := parseBTF(sample().bytes())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		typ, path  string
		off, size  uint64
		count      uint64
		complaints string
	}{
		{"outer", "next", 8, 8, 1, ""},
		{"outer", "in", 16, 16, 1, ""},
		{"outer", "in.b", 24, 8, 1, ""},
		{"outer", "left", 40, 8, 1, ""},
		{"outer", "right", 40, 4, 1, ""},
		{"outer_t", "grid", 48, 48, 2, ""},
		{"outer", "flag", 0, 0, 0, "no member flag"}, // a bit-field
		{"outer", "odd", 0, 0, 0, "no member odd"},
		{"outer", "next.a", 0, 0, 0, "no member next.a"},
		{"outer", "in..b", 0, 0, 0, "no member"},
		{"later", "a", 0, 0, 0, "no struct later"},
		{"color", "a", 0, 0, 0, "no struct color"},
	} {
		s, err := b.Struct(c.typ)
		var f Field
		if err == nil {
			f, err = s.Field(c.path)
		}
		if c.complaints != "" {
			if err == nil || !strings.Contains(err.Error(), c.complaints) {
				t.Errorf("%s.%s: %v, want %s", c.typ, c.path, err, c.complaints)
			}
			continue
		}
		if off, e := s.Offset(c.path); err != nil || e != nil || f.Offset != c.off || off != c.off || f.Size != c.size || f.Count != c.count {
			t.Errorf("%s.%s: %+v %v, want %+v", c.typ, c.path, f, err, c)
		}
	}
}

// A prototype's parameters come with what a register needs to be read.
func TestBTFFunc(t *testing.T) {
	b := newBTF()
	num := b.add(kindInt, "int", 4, 0, 1<<24|32)
	char := b.add(kindInt, "char", 1, 0, 1<<24|8)
	octet := b.add(kindInt, "unsigned char", 1, 0, 8)
	text := b.add(kindPtr, "", b.add(kindConst, "", char, 0), 0)
	path := b.structure(kindStruct, "path", 16, 0, member{"mnt", 0, text})
	proto := b.add(kindFuncProto, "", num, 4, b.str("name"), text, b.str("to"), b.add(kindPtr, "", octet, 0), b.str("at"), path, b.str("flags"), b.add(kindTypedef, "gfp_t", octet, 0))
	b.add(kindFunc, "open", proto, 0)
	b.add(kindFunc, "bad", num, 0)
	b.add(kindFunc, "nothing", b.add(kindFuncProto, "", 0, 0), 0)
	x, err := parseBTF(b.bytes())
	if err != nil {
		t.Fatal(err)
	}
	got, result, err := x.Func("open")
	want := []Param{{Name: "name", Size: 8, Text: true}, {Name: "to", Size: 8}, {Name: "at", Size: 16, Whole: true}, {Name: "flags", Size: 1}}
	if err != nil || !slices.Equal(got, want) || result != (Param{Size: 4, Signed: true}) {
		t.Errorf("%+v returns %+v, %v", got, result, err)
	}
	if got, result, err := x.Func("nothing"); err != nil || len(got) != 0 || result != (Param{}) {
		t.Errorf("nothing: %+v, %+v, %v", got, result, err)
	}
	for _, name := range []string{"bad", "none", "path"} {
		if _, _, err := x.Func(name); err == nil {
			t.Errorf("%s is a function", name)
		}
	}
}

// TestBTFDamaged: each error names what is wrong, and none runs away.
func TestBTFDamaged(t *testing.T) {
	whole := sample().bytes()
	patch := func(at int, v uint32) []byte {
		b := append([]byte(nil), whole...)
		binary.LittleEndian.PutUint32(b[at:], v)
		return b
	}
	loop := newBTF()
	loop.add(kindTypedef, "t", 1, 0)
	loop.structure(kindStruct, "s", 8, 0, member{"", 0, 2}, member{"", 0, 2}, member{"", 0, 2})
	for _, c := range []struct {
		name, want string
		b          []byte
	}{
		{"empty", "does not begin", nil},
		{"magic", "does not begin", patch(0, 0x0100eb9e)},
		{"version", "version 2", patch(0, 0x0002eb9f)},
		{"types", "do not fit", patch(12, 1<<31)},
		{"strings", "do not fit", patch(16, ^uint32(0))},
		{"header", "do not fit", patch(4, ^uint32(0))},
		{"cut", "cut off", patch(12, uint32(binary.LittleEndian.Uint32(whole[12:])-4))},
		{"kind", "of kind 31", patch(24+4, 31<<24)},
		{"loop", "", loop.bytes()},
	} {
		b, err := parseBTF(c.b)
		if c.want != "" {
			if err == nil || b != nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %v, want %q", c.name, err, c.want)
			}
			continue
		}
		if _, err := b.Struct("t"); err == nil {
			t.Error("a typedef of itself is a structure")
		}
		if s, err := b.Struct("s"); err != nil {
			t.Error(err)
		} else if _, err := s.Field("x"); err == nil {
			t.Error("a structure within itself has a member x")
		}
	}
}

func FuzzBTF(f *testing.F) {
	f.Add(sample().bytes(), "outer", "in.b")
	f.Add(sample().bytes(), "f", "")
	f.Fuzz(func(t *testing.T, b []byte, typ, path string) {
		x, err := parseBTF(b)
		if err != nil {
			return
		}
		if s, err := x.Struct(typ); err == nil {
			_, _ = s.Field(path)
		}
		_, _, _ = x.Func(typ)
	})
}
