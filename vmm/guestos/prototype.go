package guestos

import (
	"encoding/binary"
	"fmt"
)

// A Param is one of a function's parameters, or what it returns.
type Param struct {
	Name   string
	Size   uint64 // bytes; 0: nothing, void
	Signed bool   // it is a number with a sign
	Text   bool   // it points at a text that ends with a zero byte
	Whole  bool   // it is a structure or the like, which does not go in one register
}

const maxParams = 64

// Func finds what a function of the kernel's takes and returns, by its name.
// Compilers make variants of functions which take less: those have no types.
func (t *btf) Func(name string) (params []Param, result Param, err error) {
	for id := range uint32(len(t.at)) {
		f := t.typ(id + 1)
		if f.kind != kindFunc || t.str(f.name) != name {
			continue
		}
		p := t.typ(f.size)
		if p.kind != kindFuncProto || p.vlen > maxParams {
			break
		}
		for b := p.rest; len(b) >= 8; b = b[8:] {
			of := t.param(binary.LittleEndian.Uint32(b[4:]))
			of.Name = t.str(binary.LittleEndian.Uint32(b))
			params = append(params, of)
		}
		return params, t.param(p.size), nil
	}
	return nil, Param{}, fmt.Errorf("the kernel's BTF has no function %s", name)
}

// param describes a type as a parameter.
func (t *btf) param(id uint32) Param {
	const signed, char = 1, 2 // of a number's encoding
	encoding := func(y typ) uint32 { return binary.LittleEndian.Uint32(y.rest) >> 24 & 15 }
	_, y := t.plain(id)
	p := Param{Size: t.size(id)}
	switch y.kind {
	case kindInt:
		p.Signed = encoding(y)&signed != 0
	case kindEnum, kindEnum64:
		p.Signed = y.flag
	case kindPtr:
		if _, to := t.plain(y.size); to.kind == kindInt && to.size == 1 {
			p.Text = encoding(to)&(signed|char) != 0
		}
	default:
		p.Whole = p.Size != 0
	}
	return p
}
