package asm

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Assemble translates a program that begins at address base; see the package
// comment for its language. more adds lines to the table of forms. It returns the
// bytes and the value of every name.
func Assemble(base int64, text, more string) (code []byte, names map[string]int64, err error) {
	a := newAssembler(base)
	a.add(more)
	code, err = a.assemble(text)
	return code, a.names, err
}

// An assembler turns text into bytes, in two passes of the same code.
type assembler struct {
	forms  map[string][]form
	names  map[string]int64
	label  map[string]bool // names that are labels: their use takes wide forms
	out    []byte
	origin int64 // address of out[0] as labels see it
	base   int64 // origin outside phases
	last   bool  // the second pass: every name must be known
	bits32 bool
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

// add takes lines of forms.
func (a *assembler) add(lines string) {
	for l := range strings.Lines(strings.TrimSpace(lines)) {
		left, enc, _ := strings.Cut(l, "|")
		name, args, _ := strings.Cut(strings.TrimSpace(left), " ")
		f := form{enc: strings.Fields(enc)}
		if args != "" {
			f.args = strings.Split(strings.ReplaceAll(args, " ", ""), ",")
		}
		a.forms[name] = append(a.forms[name], f)
	}
}

// assemble returns the bytes of text.
func (a *assembler) assemble(text string) ([]byte, error) {
	for pass := range 2 {
		a.last = pass == 1
		a.out, a.origin, a.bits32 = nil, a.base, false
		for i, l := range strings.Split(text, "\n") {
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

func must[T any](v T, err error) T {
	if err != nil {
		panic(fmt.Sprintf("asm: %v", err))
	}
	return v
}
