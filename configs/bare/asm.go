package bare

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// An assembler turns text into bytes, in two passes of the same code. Each line
// is
//
//	label: mnemonic operand, operand ; comment
//	NAME = expression
//
// An operand is a register, an expression, or byte|word|dword|qword [base +
// index*scale + expression], the size where no register tells it. Memory without
// registers is relative to RIP; gs: before the bracket is the override. An
// expression adds and subtracts numbers, 'c', names, and products of numbers.
//
// Directives: db, dw, dd, dq (db takes "text" too), align n, page n (up to offset
// n in a page), space n, phase n (labels go on from n, while bytes do not), dephase,
// bits n (32: memory without registers is absolute; instructions are those that
// 32-bit code encodes alike).
type assembler struct {
	forms  map[string][]form
	names  map[string]int64
	label  map[string]bool // names that are labels: their use takes wide forms
	out    []byte
	origin int64 // address of out[0] as labels see it
	base   int64 // origin outside phases
	last   bool  // the second pass: every name must be known
	bits32 bool
	line   int
}

// A form is one line of forms.
type form struct {
	args []string
	enc  []string
}

func newAssembler(base int64) *assembler {
	a := &assembler{forms: map[string][]form{}, names: map[string]int64{}, label: map[string]bool{}, base: base}
	var all strings.Builder
	all.WriteString(forms)
	for i, n := range strings.Fields(aluForms) {
		fmt.Fprintf(&all, "%s rb, mb | %02x /r\n%[1]s rv, mv | %02[3]x /r\n", n, 8*i+2, 8*i+3)
		fmt.Fprintf(&all, "%s mb, rb | %02x /r\n%[1]s mv, rv | %02[3]x /r\n", n, 8*i, 8*i+1)
		fmt.Fprintf(&all, "%s mb, ub | 80 /%d ib\n%[1]s mv, ib | 83 /%[2]d ib\n%[1]s mv, iz | 81 /%[2]d iz\n", n, i)
	}
	for i, n := range strings.Fields(shiftForms) {
		fmt.Fprintf(&all, "%s mb, ub | c0 /%d ib\n%[1]s mv, 1 | d1 /%[2]d\n%[1]s mv, ub | c1 /%[2]d ib\n%[1]s mv, cl | d3 /%[2]d\n", n, i)
	}
	for i, n := range strings.Fields(conditions) {
		fmt.Fprintf(&all, "j%s rel | 0f %02x rel\nset%[1]s mb | 0f %02[3]x /0\ncmov%[1]s rv, mv | 0f %02[4]x /r\n", n, 0x80+i, 0x90+i, 0x40+i)
	}
	a.add(all.String())
	return a
}

// assemble returns the bytes of text.
func (a *assembler) assemble(text string) ([]byte, error) {
	for pass := range 2 {
		a.last = pass == 1
		a.out, a.origin, a.bits32 = nil, a.base, false
		for i, l := range strings.Split(text, "\n") {
			a.line = i + 1
			if err := a.statement(l); err != nil {
				return nil, fmt.Errorf("line %d: %s: %w", i+1, strings.TrimSpace(l), err)
			}
		}
	}
	return a.out, nil
}

// here is the address of the next byte.
func (a *assembler) here() int64 { return a.origin + int64(len(a.out)) }

func (a *assembler) statement(l string) error {
	if i := strings.IndexByte(l, ';'); i >= 0 {
		l = l[:i]
	}
	l = strings.TrimSpace(l)
	if name, rest, ok := strings.Cut(l, ":"); ok && !strings.ContainsAny(name, " [\"") {
		if at, known := a.names[name]; known && at != a.here() || known && !a.last {
			return fmt.Errorf("label %s stands at %#x and at %#x", name, at, a.here())
		}
		a.names[name], a.label[name] = a.here(), true
		l = strings.TrimSpace(rest)
	}
	word, rest, _ := strings.Cut(l, " ")
	rest = strings.TrimSpace(rest)
	if value, ok := strings.CutPrefix(rest, "= "); ok {
		v, err := a.expr(value)
		a.names[word] = v.n
		return err
	}
	switch word {
	case "":
		return nil
	case "db", "dw", "dd", "dq":
		return a.data(map[string]int{"db": 1, "dw": 2, "dd": 4, "dq": 8}[word], rest)
	case "bits":
		a.bits32 = rest == "32"
		return nil
	case "align", "page", "space", "phase", "dephase":
		return a.place(word, rest)
	case "rep", "repe", "repne", "lock":
		a.out = append(a.out, map[string]byte{"rep": 0xf3, "repe": 0xf3, "repne": 0xf2, "lock": 0xf0}[word])
		return a.statement(rest)
	}
	return a.instruction(word, rest)
}

// data emits constants of n bytes.
func (a *assembler) data(n int, list string) error {
	for _, p := range split(list) {
		if p[0] == '"' {
			s, err := strconv.Unquote(p)
			if err != nil {
				return err
			}
			a.out = append(a.out, s...)
			continue
		}
		v, err := a.expr(p)
		if err != nil {
			return err
		}
		a.number(v.n, n)
	}
	return nil
}

// place moves on without instructions.
func (a *assembler) place(word, rest string) error {
	if word == "dephase" {
		a.origin = a.base
		return nil
	}
	v, err := a.expr(rest)
	if err != nil {
		return err
	}
	n := int64(0)
	switch word {
	case "phase":
		a.origin = v.n - int64(len(a.out))
	case "align":
		n = -a.here() & (v.n - 1)
	case "page":
		n = (v.n - a.here()) & 4095
	default:
		n = v.n
	}
	if n < 0 || n > 1<<20 {
		if !a.last {
			return nil // names are not known yet
		}
		return fmt.Errorf("%d bytes: it does not go back, nor that far", n)
	}
	a.out = append(a.out, make([]byte, n)...)
	return nil
}

// number emits n bytes, low first.
func (a *assembler) number(v int64, n int) {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], uint64(v))
	a.out = append(a.out, b[:n]...)
}

// instruction emits the first form that fits.
func (a *assembler) instruction(name, rest string) error {
	var ops []operand
	for _, p := range split(rest) {
		o, err := a.operand(p)
		if err != nil {
			return err
		}
		ops = append(ops, o)
	}
next:
	for _, f := range a.forms[name] {
		if len(f.args) != len(ops) {
			continue
		}
		size := 0
		for i, p := range f.args {
			if !ops[i].fits(p, &size) {
				continue next
			}
		}
		if f.told(ops, size) {
			a.encode(f, ops, size)
			return nil
		}
	}
	return errors.New("no form fits")
}

// encode emits one instruction whose v is size bytes.
func (a *assembler) encode(f form, ops []operand, size int) {
	var reg, rm *operand
	for i := range ops {
		o := &ops[i]
		switch p := f.args[i]; {
		case p == "al" || p == "av" || p == "cl" || p == "dx" || o.kind == constant:
		case o.kind == memory, p[0] == 'm', p == "xm", p == "pm":
			rm = o
		case reg == nil:
			reg = o
		default:
			rm = o
		}
	}
	e := encoder{reg: reg, rm: rm, size: size, digit: -1}
	for _, w := range f.enc {
		e.word(w)
	}
	if e.plus || e.digit >= 0 && rm == nil {
		e.rm, e.reg = reg, nil
		if rm != nil {
			e.rm = rm
		}
	}
	a.out = append(a.out, e.head()...)
	bytes := e.tailBytes()
	if e.modrm {
		a.modrm(&e, bytes)
	}
	if bytes == 0 {
		return
	}
	v := ops[len(ops)-1].value.n
	if f.args[0] == "ub" { // OUT imm8, AL
		v = ops[0].value.n
	}
	if e.tail == "rel" {
		v -= a.here() + 4
	}
	a.number(v, bytes)
}

// An encoder collects the parts of one instruction.
type encoder struct {
	prefix, opcode []byte
	tail           string // ib, iz, iq, rel, or none
	reg, rm        *operand
	digit          int
	size           int
	w, d64         bool
	plus, modrm    bool
}

// word takes one word of an encoding.
func (e *encoder) word(w string) {
	switch {
	case w == "w":
		e.w = true
	case w == "d64":
		e.d64 = true
	case w == "+":
		e.plus = true
	case w == "/r":
		e.modrm = true
	case w[0] == '/':
		e.modrm, e.digit = true, int(w[1]-'0')
	case len(e.opcode) == 0 && len(e.prefix) == 0 && (w == "66" || w == "f2" || w == "f3"):
		e.prefix = append(e.prefix, must(hex.DecodeString(w))...)
	case len(w) == 2 && w != "ib" && w != "iz" && w != "iq":
		e.opcode = append(e.opcode, must(hex.DecodeString(w))...)
	default:
		e.tail = w
	}
}

// tailBytes is the size of the constant at the end.
func (e *encoder) tailBytes() int {
	switch e.tail {
	case "ib":
		return 1
	case "iq":
		return 8
	case "iz":
		if e.size == 2 {
			return 2
		}
		return 4
	case "rel":
		return 4
	}
	return 0
}

// head is prefixes, REX and opcode (SDM vol. 2A, 2.2.1).
func (e *encoder) head() []byte {
	var out []byte
	if e.rm != nil && e.rm.gs {
		out = append(out, 0x65)
	}
	if e.size == 2 {
		out = append(out, 0x66)
	}
	out = append(out, e.prefix...)
	rex, need := 0, false
	if e.w || e.size == 8 && !e.d64 {
		rex |= 8
	}
	if e.reg != nil {
		rex |= e.reg.reg >> 3 << 2
		need = need || e.reg.byteREX()
	}
	if r := e.rm; r != nil {
		need = need || r.byteREX()
		if r.kind != memory {
			rex |= r.reg >> 3
		} else {
			rex |= max(r.base, 0)>>3 | max(r.index, 0)>>3<<1
		}
	}
	if rex != 0 || need {
		out = append(out, byte(0x40|rex))
	}
	op := append([]byte(nil), e.opcode...)
	if e.plus {
		op[len(op)-1] += byte(e.rm.reg & 7)
	}
	return append(out, op...)
}

// modrm emits ModRM, SIB and displacement (SDM vol. 2A, 2.1.5); tail bytes of
// constants follow them.
func (a *assembler) modrm(e *encoder, tail int) {
	reg := max(e.digit, 0)
	if e.digit < 0 && e.reg != nil {
		reg = e.reg.reg & 7
	}
	r, v := e.rm, e.rm.value
	put := func(mod, rm int) { a.out = append(a.out, byte(mod<<6|reg<<3|rm)) }
	if r.kind != memory {
		put(3, r.reg&7)
		return
	}
	if r.base < 0 && r.index < 0 {
		put(0, 5)
		if !a.bits32 {
			v.n -= a.here() + 4 + int64(tail)
		}
		a.number(v.n, 4)
		return
	}
	mod, bytes := 2, 4
	switch {
	case r.base < 0: // index alone: always 4 bytes
		mod = 0
	case v.n == 0 && !v.label && r.base&7 != 5:
		mod, bytes = 0, 0
	case v.fits(-128, 127):
		mod, bytes = 1, 1
	}
	if r.index >= 0 || r.base&7 == 4 {
		put(mod, 4)
		base, index := 5, 4
		if r.base >= 0 {
			base = r.base & 7
		}
		if r.index >= 0 {
			index = r.index & 7
		}
		a.out = append(a.out, byte(r.scale<<6|index<<3|base))
	} else {
		put(mod, r.base&7)
	}
	a.number(v.n, bytes)
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(fmt.Sprintf("bare: %v", err))
	}
	return v
}
