package asm

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A kind is what an operand is.
type kind uint8

const (
	constant kind = iota
	memory
	general
	xmm
	mmx
	segment
	control
)

// An operand is one operand as written.
type operand struct {
	kind        kind
	reg         int // number
	size        int // bytes; 0: not told
	base, index int // of memory; -1: none
	scale       int // log2
	gs          bool
	value       value
}

// A value is a constant or displacement; one with a label takes the wide form.
type value struct {
	n     int64
	label bool
}

func (v value) fits(lo, hi int64) bool { return !v.label && lo <= v.n && v.n <= hi }

// registers by size: 1, 2, 4 and 8 bytes.
const registers = `al cl dl bl spl bpl sil dil
ax cx dx bx sp bp si di
eax ecx edx ebx esp ebp esi edi
rax rcx rdx rbx rsp rbp rsi rdi`

// register finds a register by name.
func register(s string) (o operand, ok bool) {
	for i, l := range strings.Split(registers, "\n") {
		for n, r := range strings.Fields(l) {
			if r == s {
				return operand{kind: general, reg: n, size: 1 << i}, true
			}
		}
	}
	for n, r := range strings.Fields("es cs ss ds fs gs") {
		if r == s {
			return operand{kind: segment, reg: n}, true
		}
	}
	for _, c := range []struct {
		prefix string
		kind   kind
	}{{"xmm", xmm}, {"mm", mmx}, {"cr", control}, {"r", general}} {
		num, ok := strings.CutPrefix(s, c.prefix)
		if !ok {
			continue
		}
		size := 8
		if i := strings.IndexAny(num, "bwd"); i > 0 && c.kind == general {
			size = map[string]int{"b": 1, "w": 2, "d": 4}[num[i:]]
			num = num[:i]
		}
		if n, err := strconv.Atoi(num); err == nil && size > 0 && n < 16 {
			return operand{kind: c.kind, reg: n, size: size}, true
		}
	}
	return o, false
}

// byteREX tells whether a REX prefix must select SPL, BPL, SIL or DIL.
func (o *operand) byteREX() bool { return o.kind == general && o.size == 1 && o.reg >= 4 }

// fits tells whether the operand fits a pattern of the table; size is that of
// the v operands seen so far.
func (o *operand) fits(p string, size *int) bool {
	switch p {
	case "1":
		return o.kind == constant && o.value.fits(1, 1)
	case "ib":
		return o.kind == constant && o.value.fits(-128, 127)
	case "ub":
		return o.kind == constant && o.value.fits(-128, 255)
	case "iz":
		return o.kind == constant && (o.value.label || o.value.fits(-1<<31, 1<<31-1) || *size == 4 && o.value.fits(0, 1<<32-1))
	case "iq", "rel":
		return o.kind == constant
	case "cl":
		return o.kind == general && o.reg == 1 && o.size == 1
	case "dx":
		return o.kind == general && o.reg == 2 && o.size == 2
	case "al":
		return o.kind == general && o.reg == 0 && o.size == 1
	case "x":
		return o.kind == xmm
	case "xm":
		return o.kind == xmm || o.kind == memory
	case "p":
		return o.kind == mmx
	case "pm":
		return o.kind == mmx || o.kind == memory
	case "s":
		return o.kind == segment
	case "c":
		return o.kind == control
	case "m":
		return o.kind == memory
	}
	return o.fitsGeneral(p, size)
}

// fitsGeneral is fits for general registers, and memory in their place.
func (o *operand) fitsGeneral(p string, size *int) bool {
	if o.kind != general && (o.kind != memory || p[0] != 'm') || p == "av" && o.reg != 0 {
		return false
	}
	open := o.kind == memory && o.size == 0
	switch p[1] {
	case 'b':
		return o.size == 1 || open
	case 'w':
		return o.size == 2 || open
	case 'd':
		return o.size == 4 || open
	case 'q', '8':
		return o.size == 8 || open
	}
	if o.size == 1 || p[1] == '4' && o.size != 4 || o.size != 0 && *size != 0 && o.size != *size {
		return false
	}
	*size = max(*size, o.size)
	return true
}

// told tells whether the sizes of all operands are known: memory without a size
// needs a register of the same size beside it.
func (f *form) told(ops []operand, size int) bool {
	for i, p := range f.args {
		if ops[i].kind != memory || ops[i].size != 0 {
			continue
		}
		if p == "mb" && !slices.Contains(f.args, "rb") || p == "mw" && slices.Contains(f.args, "rv") || p == "mv" && size == 0 {
			return false
		}
	}
	return true
}

// operand reads one operand.
func (a *assembler) operand(s string) (operand, error) {
	if o, ok := register(s); ok {
		return o, nil
	}
	o := operand{base: -1, index: -1}
	for i, w := range []string{"byte ", "word ", "dword ", "qword "} {
		if rest, ok := strings.CutPrefix(s, w); ok {
			s, o.size = strings.TrimSpace(rest), 1<<i
		}
	}
	s, o.gs = strings.CutPrefix(s, "gs:")
	if !strings.HasPrefix(s, "[") {
		v, err := a.expr(s)
		o.value = v
		return o, err
	}
	o.kind = memory
	s = strings.TrimSuffix(s[1:], "]")
	rest := ""
	for _, t := range terms(s) {
		name, scale, _ := strings.Cut(t[1:], "*")
		switch r, ok := register(name); {
		case !ok:
			rest += t
		case scale != "":
			o.index, o.scale = r.reg, strings.Index("1248", scale)
		case o.base < 0:
			o.base = r.reg
		default:
			o.index = r.reg
		}
	}
	v, err := a.expr(rest)
	o.value = v
	return o, err
}

// terms cuts an expression into terms, each with its sign.
func terms(s string) (out []string) {
	t := "+"
	for _, c := range []byte(s) {
		switch {
		case c == ' ':
		case c == '+' || c == '-':
			if t != "+" {
				out = append(out, t)
			}
			t = string(c)
		default:
			t += string(c)
		}
	}
	if t != "+" {
		out = append(out, t)
	}
	return out
}

// expr evaluates an expression; an empty one is 0.
func (a *assembler) expr(s string) (v value, err error) {
	if s == "' '" {
		return value{n: ' '}, nil
	}
	for _, t := range terms(s) {
		n := int64(1)
		for _, f := range strings.Split(t[1:], "*") {
			m, label, err := a.atom(f)
			if err != nil {
				return v, err
			}
			n *= m
			v.label = v.label || label
		}
		if t[0] == '-' {
			n = -n
		}
		v.n += n
	}
	return v, nil
}

// atom is a number, a character or a name.
func (a *assembler) atom(s string) (n int64, label bool, err error) {
	if len(s) == 3 && s[0] == '\'' && s[2] == '\'' {
		return int64(s[1]), false, nil
	}
	if s == "$" {
		return a.here(), true, nil
	}
	if u, err := strconv.ParseUint(s, 0, 64); err == nil {
		return int64(u), false, nil
	}
	n, known := a.names[s]
	if !known && a.last {
		return 0, false, fmt.Errorf("unknown name %q", s)
	}
	return n, !known || a.label[s], nil
}

// split cuts a list at commas outside quotes.
func split(s string) (out []string) {
	from, quote := 0, byte(0)
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case quote == '"' && c == '\\':
			i++
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == ',':
			out = append(out, strings.TrimSpace(s[from:i]))
			from = i + 1
		}
	}
	if t := strings.TrimSpace(s[from:]); t != "" {
		out = append(out, t)
	}
	return out
}
