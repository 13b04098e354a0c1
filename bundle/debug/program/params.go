package program

import (
	"debug/dwarf"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"

	"vmrecord/vmm/cpu"
)

// A Function is what DWARF knows of one.
type Function struct {
	Go              bool // it follows Go's calling convention; else C's
	Params, Results []Param
}

// A Param is a parameter or a result, and where it is.
type Param struct {
	Name string
	Type dwarf.Type

	known bool // where it is
	parts []part
}

// A part is what of a value lies in one place.
type part struct {
	off, size uint64 // in the value
	reg       int    // general register; XMM: + xmm; stack: else
	stack     uint64 // offset above the return address
}

const (
	xmm     = 16
	onStack = 32
)

// Function describes the function that begins at an address.
func (f *File) Function(addr uint64) (*Function, error) {
	d, err := f.debug()
	if err != nil {
		return nil, err
	}
	r := d.Reader()
	unit, err := r.SeekPC(addr)
	if err != nil {
		return nil, fmt.Errorf("%s: nothing is known of %#x: %w", f.Name, addr, err)
	}
	const langGo = 0x16 // DW_LANG_Go
	lang, _ := unit.Val(dwarf.AttrLanguage).(int64)
	for {
		e, err := r.Next()
		if err != nil || e == nil || e.Tag == dwarf.TagCompileUnit {
			return nil, errors.Join(err, fmt.Errorf("%s: no function is known to begin at %#x", f.Name, addr))
		}
		if low, ok := e.Val(dwarf.AttrLowpc).(uint64); e.Tag == dwarf.TagSubprogram && ok && low == addr {
			fn := &Function{Go: lang == langGo}
			if err := f.fill(fn, e); err != nil {
				return nil, err
			}
			return fn, nil
		}
		if e.Tag != dwarf.TagNamespace {
			r.SkipChildren()
		}
	}
}

// fill lists the function's parameters, in order; of an instance of what was also
// compiled into callers, those of the original.
func (f *File) fill(fn *Function, e *dwarf.Entry) error {
	e, err := f.origin(e)
	if err != nil {
		return err
	}
	r := f.dwarf.Reader()
	r.Seek(e.Offset)
	if _, err := r.Next(); err != nil {
		return err
	}
	for e.Children {
		c, err := r.Next()
		if err != nil || c == nil || c.Tag == 0 {
			break
		}
		r.SkipChildren()
		if c.Tag != dwarf.TagFormalParameter {
			continue
		}
		if c, err = f.origin(c); err != nil {
			return err
		}
		p := Param{}
		p.Name, _ = c.Val(dwarf.AttrName).(string)
		if p.Type, err = f.typeOf(c); err != nil {
			return err
		}
		if p.Type == nil {
			return fmt.Errorf("%s: parameter %s has no type", f.Name, p.Name)
		}
		if result, _ := c.Val(dwarf.AttrVarParam).(bool); fn.Go && result {
			fn.Results = append(fn.Results, p)
		} else {
			fn.Params = append(fn.Params, p)
		}
	}
	if fn.Go {
		above := place(goConvention(), fn.Params, 0)
		place(goConvention(), fn.Results, (above+7)&^7)
		return nil
	}
	place(cConvention(), fn.Params, 0)
	if t, err := f.typeOf(e); err == nil && t != nil {
		fn.Results = []Param{{Type: t}}
		cResult(&fn.Results[0])
	}
	return nil
}

// origin is the entry that another is an instance of, or itself.
func (f *File) origin(e *dwarf.Entry) (*dwarf.Entry, error) {
	at, ok := e.Val(dwarf.AttrAbstractOrigin).(dwarf.Offset)
	if !ok {
		return e, nil
	}
	r := f.dwarf.Reader()
	r.Seek(at)
	o, err := r.Next()
	if err == nil && o == nil {
		err = fmt.Errorf("%s: nothing at %#x of its debug information", f.Name, at)
	}
	return o, err
}

// typeOf is an entry's type, nil if it has none.
func (f *File) typeOf(e *dwarf.Entry) (dwarf.Type, error) {
	at, ok := e.Val(dwarf.AttrType).(dwarf.Offset)
	if !ok {
		return nil, nil
	}
	return f.dwarf.Type(at)
}

// A convention gives out registers.
type convention struct {
	isGo   bool
	ints   []int
	floats int // XMM registers
}

// Arguments are the general registers that words of arguments go to, in Go or in
// C, by number: RAX RCX RDX RBX RSP RBP RSI RDI R8 ...
func Arguments(isGo bool) []int {
	if isGo {
		return []int{0, 3, 1, 7, 6, 8, 9, 10, 11}
	}
	return []int{7, 6, 2, 1, 8, 9}
}

func goConvention() convention { return convention{true, Arguments(true), 15} }
func cConvention() convention  { return convention{false, Arguments(false), 8} }

// place says where each parameter is, and how many bytes of the stack they take.
// The first on the stack is at an offset.
func place(c convention, params []Param, at uint64) uint64 {
	next, float := 0, 0
	for i := range params {
		p := &params[i]
		words, how := c.words(p.Type)
		if how == unknown {
			return at // where the rest is, depends on it
		}
		p.known = true
		n, x := next, float
		for j := range words {
			switch w := &words[j]; {
			case w.reg == xmm && x < c.floats:
				w.reg = xmm + x
				x++
			case w.reg != xmm && n < len(c.ints):
				w.reg = c.ints[n]
				n++
			default:
				how = memory
			}
		}
		if how == registers {
			p.parts, next, float = words, n, x
			continue
		}
		size, align := uint64(max(p.Type.Size(), 0)), uint64(8)
		if c.isGo {
			align = alignOf(p.Type, 0)
		}
		at = (at + align - 1) &^ (align - 1)
		p.parts = []part{{0, size, onStack, at}}
		at += size
	}
	return at
}

// A fate is where a value goes, if there is room.
type fate uint8

const (
	registers fate = iota
	memory
	unknown
)

// words takes a value apart; floating point has register xmm.
func (c convention) words(t dwarf.Type) ([]part, fate) {
	w, ok := wordsOf(t, 0, 0)
	_, whole := plain(t).(*dwarf.StructType)
	switch size := t.Size(); {
	case c.isGo && ok, !c.isGo && !whole && ok && len(w) == 1:
		return w, registers
	case c.isGo, whole && size > 16:
		return nil, memory
	case !whole || !ok || size < 0 || slices.ContainsFunc(w, func(p part) bool { return p.reg == xmm }):
		return nil, unknown
	default:
		w = nil
		for off := uint64(0); off < uint64(size); off += 8 {
			w = append(w, part{off: off, size: min(8, uint64(size)-off)})
		}
		return w, registers
	}
}

// wordsOf takes a value apart as Go does. False: it has what cannot be.
func wordsOf(t dwarf.Type, off uint64, depth int) (w []part, ok bool) {
	const deepest, most = 16, 32
	if depth > deepest || t == nil {
		return nil, false
	}
	size := uint64(max(t.Size(), 0))
	switch t := t.(type) {
	case *dwarf.TypedefType:
		return wordsOf(t.Type, off, depth+1)
	case *dwarf.QualType:
		return wordsOf(t.Type, off, depth+1)
	case *dwarf.FloatType:
		return []part{{off: off, size: size, reg: xmm}}, size <= 8
	case *dwarf.ComplexType:
		return []part{{off: off, size: size / 2, reg: xmm}, {off: off + size/2, size: size / 2, reg: xmm}}, size <= 16
	case *dwarf.ArrayType:
		if t.Count == 1 {
			return wordsOf(t.Type, off, depth+1)
		}
		return nil, t.Count == 0
	case *dwarf.StructType:
		if t.Kind == "union" {
			return nil, false
		}
		for _, f := range t.Field {
			in, ok := wordsOf(f.Type, off+uint64(f.ByteOffset), depth+1)
			if w = append(w, in...); !ok || len(w) > most {
				return nil, false
			}
		}
		return w, true
	}
	return []part{{off: off, size: size}}, size <= 8
}

// cResult says where C's result is.
func cResult(p *Param) {
	words, how := cConvention().words(p.Type)
	if p.known = how == registers; !p.known {
		return
	}
	for i := range words {
		if words[i].reg != xmm {
			words[i].reg = []int{0, 2}[i]
		}
	}
	p.parts = words
}

// plain is a type without names and qualifiers.
func plain(t dwarf.Type) dwarf.Type {
	for range 32 {
		switch u := t.(type) {
		case *dwarf.TypedefType:
			t = u.Type
		case *dwarf.QualType:
			t = u.Type
		default:
			return t
		}
	}
	return nil
}

// alignOf is Go's alignment of a type in bytes.
func alignOf(t dwarf.Type, depth int) uint64 {
	if depth > 16 {
		return 1
	}
	switch t := plain(t).(type) {
	case *dwarf.StructType:
		a := uint64(1)
		for _, f := range t.Field {
			a = max(a, alignOf(f.Type, depth+1))
		}
		return a
	case *dwarf.ArrayType:
		return alignOf(t.Type, depth+1)
	case *dwarf.ComplexType:
		return uint64(t.Size() / 2)
	case nil:
		return 1
	default:
		return min(8, uint64(max(t.Size(), 1)))
	}
}

// maxValue bounds the bytes of one argument that are read.
const maxValue = 4096

// Bytes collects a value, at the function's first instruction or, for a result,
// at its return, from registers and memory.
func (p *Param) Bytes(s *cpu.State, read func(la uint64, b []byte) int) ([]byte, error) {
	if !p.known {
		return nil, fmt.Errorf("where %s is passed is not known", strings.TrimSpace(p.Name+" "+p.Type.String()))
	}
	size := p.Type.Size()
	if size < 0 || size > maxValue {
		return nil, fmt.Errorf("%s has %d bytes", p.Name, size)
	}
	b := make([]byte, size)
	for _, x := range p.parts {
		if x.off > uint64(size) || x.size > uint64(size)-x.off {
			return nil, fmt.Errorf("a part of %s lies outside of it", p.Name)
		}
		switch {
		case x.reg == onStack:
			if la := s.R[4] + 8 + x.stack; read(la, b[x.off:x.off+x.size]) < int(x.size) {
				return nil, fmt.Errorf("no memory at %#x", la)
			}
		case x.reg >= xmm:
			copy(b[x.off:x.off+x.size], binary.LittleEndian.AppendUint64(nil, s.XMM[x.reg-xmm][0]))
		default:
			copy(b[x.off:x.off+x.size], binary.LittleEndian.AppendUint64(nil, s.R[x.reg]))
		}
	}
	return b, nil
}
