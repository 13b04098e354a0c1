package program

import (
	"debug/dwarf"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Variable finds a global variable, or a part of one, and its bytes: NAME, then
// .FIELD and [INDEX] as often as wanted; pointers on the way, which pointer reads
// from memory, are followed.
func (i Image) Variable(text string, pointer func(la uint64) (uint64, bool)) (la, size uint64, err error) {
	d, err := i.debug()
	if err != nil {
		return 0, 0, err
	}
	at, typ, rest, err := global(d, text)
	if err != nil {
		return 0, 0, fmt.Errorf("%s: %w", i.Name, err)
	}
	v := value{at + i.Moved, typ}
	for rest != "" {
		if v, err = v.follow(pointer); err != nil {
			return 0, 0, fmt.Errorf("%s: %w", strings.TrimSuffix(text, rest), err)
		}
		if v, rest, err = v.part(rest, pointer); err != nil {
			return 0, 0, fmt.Errorf("%s: %w", text, err)
		}
	}
	return v.la, uint64(max(v.typ.Size(), 1)), nil
}

// global finds the variable whose name is the longest beginning of a text, up to a
// dot or a bracket: names of Go's have dots themselves.
func global(d *dwarf.Data, text string) (la uint64, t dwarf.Type, rest string, err error) {
	best := ""
	var of dwarf.Offset
	r := d.Reader()
	for {
		e, err := r.Next()
		if err != nil {
			return 0, nil, "", err
		}
		if e == nil {
			break
		}
		if e.Tag == dwarf.TagCompileUnit {
			continue
		}
		r.SkipChildren()
		name, _ := e.Val(dwarf.AttrName).(string)
		where, _ := e.Val(dwarf.AttrLocation).([]byte)
		typ, _ := e.Val(dwarf.AttrType).(dwarf.Offset)
		const opAddr = 3 // DW_OP_addr (DWARF 5, 2.5.1.1), and an address
		if e.Tag != dwarf.TagVariable || len(name) <= len(best) || len(where) != 9 || where[0] != opAddr {
			continue
		}
		if tail, ok := strings.CutPrefix(text, name); ok && (tail == "" || tail[0] == '.' || tail[0] == '[') {
			best, of, la = name, typ, binary.LittleEndian.Uint64(where[1:])
		}
	}
	if best == "" {
		return 0, nil, "", fmt.Errorf("there is no global variable %q", text)
	}
	t, err = d.Type(of)
	return la, t, text[len(best):], err
}

// A value is something in memory, with its type.
type value struct {
	la  uint64
	typ dwarf.Type
}

// follow is what a value points at, as often as it does, or itself.
func (v value) follow(pointer func(uint64) (uint64, bool)) (value, error) {
	for range 8 {
		p, ok := plain(v.typ).(*dwarf.PtrType)
		if !ok {
			return v, nil
		}
		la, ok := pointer(v.la)
		if !ok || la == 0 {
			return v, fmt.Errorf("points nowhere here")
		}
		v = value{la, p.Type}
	}
	return v, errors.New("is a pointer to a pointer, and so on")
}

// part takes .FIELD or [INDEX] off a text.
func (v value) part(text string, pointer func(uint64) (uint64, bool)) (of value, rest string, err error) {
	end := strings.IndexAny(text[1:], ".[") + 1
	if end == 0 {
		end = len(text)
	}
	word, rest := text[:end], text[end:]
	if word[0] == '[' {
		v, err = v.element(word, pointer)
		return v, rest, err
	}
	if t, ok := plain(v.typ).(*dwarf.StructType); ok {
		for _, f := range t.Field {
			if word == "."+f.Name {
				return value{v.la + uint64(f.ByteOffset), f.Type}, rest, nil
			}
		}
	}
	return v, rest, fmt.Errorf("%s has no field %s", v.typ, word)
}

// element is one of an array's or of a Go slice's; word is [INDEX].
func (v value) element(word string, pointer func(uint64) (uint64, bool)) (value, error) {
	i, err := strconv.ParseUint(strings.TrimSuffix(word[1:], "]"), 0, 32)
	if err != nil {
		return v, fmt.Errorf("%s is no index", word)
	}
	count, typ := uint64(0), dwarf.Type(nil)
	switch t := plain(v.typ).(type) {
	case *dwarf.ArrayType:
		count, typ = uint64(max(t.Count, 0)), t.Type
	case *dwarf.StructType: // of a slice: array, len, cap
		if !strings.HasPrefix(t.StructName, "[]") || len(t.Field) != 3 {
			break
		}
		p, ok := t.Field[0].Type.(*dwarf.PtrType)
		if !ok {
			break
		}
		first, ok := pointer(v.la)
		n, ok2 := pointer(v.la + uint64(t.Field[1].ByteOffset))
		if !ok || !ok2 {
			return v, errors.New("the slice is not in memory here")
		}
		v.la, count, typ = first, n, p.Type
	}
	if typ == nil || i >= count {
		return v, fmt.Errorf("%s: there are %d elements", word, count)
	}
	return value{v.la + i*uint64(max(typ.Size(), 0)), typ}, nil
}
