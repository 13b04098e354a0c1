// Package isagen turns the instruction table isa.txt into the Go source of
// package x86's table.go. The notation is specified in package x86's doc.go.
package isagen

import (
	"fmt"
	"strconv"
	"strings"
)

// A form is one row of isa.txt. The masks say which values a field of the
// encoding may take: bit n set, value n allowed.
type form struct {
	line          int
	text          string
	sem           string
	attrs         []string
	feature       string
	cond          int
	read, written uint32
	undefined     uint32
	ops           []operand
	size          string // width expression of OpSize

	prefix, w, b, mod, reg, rm uint // prefix: none, 66, F3, F2; mod: memory, register
	opMap, opcode              int
	span                       int    // opcodes that this row stands for
	low                        string // "", "LowReg", "LowCond"
	modRM                      bool
	imms                       []string
}

// An operand's fields are Go expressions of package x86.
type operand struct {
	loc, class string
	reg, mem   string // widths as a register and as memory
	fixed      int
}

const (
	any2 = 1<<2 - 1
	any4 = 1<<4 - 1
	any8 = 1<<8 - 1
)

func parse(isa string) ([]*form, error) {
	var forms []*form
	for i, line := range strings.Split(isa, "\n") {
		if strings.TrimSpace(line) == "" || line[0] == '#' {
			continue
		}
		f, err := parseLine(line)
		if err != nil {
			return nil, fmt.Errorf("isa.txt:%d: %w: %s", i+1, err, line)
		}
		f.line = i + 1
		forms = append(forms, f)
	}
	return forms, nil
}

func parseLine(line string) (*form, error) {
	col := strings.Split(line, "|")
	if len(col) != 4 {
		return nil, fmt.Errorf("%d columns, want 4", len(col))
	}
	f := &form{prefix: any4, w: any2, b: any2, mod: any2, reg: any8, rm: any8}
	steps := []func(string) error{f.parseEncoding, f.parseFlags, f.parseSem}
	for i, step := range steps {
		if err := step(strings.TrimSpace(col[i+1])); err != nil {
			return nil, err
		}
	}
	if err := f.parseForm(strings.TrimSpace(col[0])); err != nil {
		return nil, err
	}
	f.derive()
	return f, nil
}

// parseEncoding reads conditions, then opcode bytes, then operand bytes.
func (f *form) parseEncoding(s string) error {
	f.opcode = -1
	for _, t := range strings.Fields(s) {
		if f.opcode < 0 && f.condition(t) {
			continue
		}
		if f.operandBytes(t) {
			continue
		}
		if err := f.opcodeByte(t); err != nil {
			return err
		}
	}
	if f.opcode < 0 {
		return fmt.Errorf("no opcode")
	}
	return nil
}

// condition takes a token that restricts prefixes. 66, F2 and F3 are never
// opcodes of their own.
func (f *form) condition(t string) bool {
	switch t {
	case "NP":
		f.prefix = 1
	case "66":
		f.prefix = 2
	case "F3":
		f.prefix = 4
	case "F2":
		f.prefix = 8
	case "NFx":
		f.prefix = 3
	case "W0":
		f.w = 1
	case "W1":
		f.w = 2
	case "B0":
		f.b = 1
	default:
		return false
	}
	return true
}

func (f *form) operandBytes(t string) bool {
	switch t {
	case "/r":
		f.modRM = true
	case "rm":
		f.mod = 2
	case "ib", "iz", "iv", "ub", "uw", "cb", "cz", "cp", "mo":
		f.imms = append(f.imms, "Imm"+strings.ToUpper(t))
	default:
		if len(t) != 2 || t[0] != '/' {
			return false
		}
		f.modRM = true
		f.reg = 1 << (t[1] - '0')
	}
	return true
}

func (f *form) opcodeByte(t string) error {
	hex, suffix, _ := strings.Cut(t, "+")
	hex, last, ranged := strings.Cut(hex, "-")
	n, err := strconv.ParseUint(hex, 16, 8)
	if err != nil {
		return fmt.Errorf("bad encoding token %q", t)
	}
	v := int(n)
	switch {
	case f.opcode < 0 || f.opcode == 0x0f && f.opMap == 0:
		if f.opcode == 0x0f {
			f.opMap = 1
		}
		f.opcode = v
		f.low = map[string]string{"r": "LowReg", "cc": "LowCond"}[suffix]
		f.span = map[string]int{"": 1, "r": 8, "cc": 16}[suffix]
	case f.opMap == 1 && (f.opcode == 0x38 || f.opcode == 0x3a) && !f.modRM:
		f.opMap = 2 + (f.opcode-0x38)/2
		f.opcode = v
	case f.modRM || ranged:
		return fmt.Errorf("misplaced byte %q", t)
	default: // a literal ModRM byte
		f.modRM = true
		f.mod = 2
		f.reg = 1 << (v >> 3 & 7)
		if suffix != "i" {
			f.rm = 1 << (v & 7)
		}
	}
	if !ranged {
		return nil
	}
	n, err = strconv.ParseUint(last, 16, 8)
	f.span = int(n) - v + 1
	return err
}

func (f *form) parseFlags(s string) error {
	for _, t := range strings.Fields(s) {
		key, letters, ok := strings.Cut(t, "=")
		m, err := flagMask(letters)
		if !ok || err != nil {
			return fmt.Errorf("bad flags %q", t)
		}
		switch key {
		case "r":
			f.read = m
		case "w":
			f.written = m
		case "u":
			f.undefined = m
		default:
			return fmt.Errorf("bad flags %q", t)
		}
	}
	return nil
}

func flagMask(letters string) (uint32, error) {
	if letters == "all" {
		return 0x3f7fd5, nil // every defined bit of RFLAGS (SDM vol. 1, 3.4.3)
	}
	bit := map[rune]int{'C': 0, 'P': 2, 'A': 4, 'Z': 6, 'S': 7, 'T': 8, 'I': 9, 'D': 10, 'O': 11, 'K': 18}
	var m uint32
	for _, l := range letters {
		b, ok := bit[l]
		if !ok {
			return 0, fmt.Errorf("no flag %q", l)
		}
		m |= 1 << b
	}
	return m, nil
}

func (f *form) parseSem(s string) error {
	words := strings.Fields(s)
	if len(words) == 0 {
		return fmt.Errorf("no semantic routine")
	}
	f.sem = words[0]
	for _, w := range words[1:] {
		key, val, ok := strings.Cut(w, "=")
		switch {
		case !ok:
			f.attrs = append(f.attrs, w)
		case key == "cpuid":
			f.feature = val
		case key == "cc":
			f.cond, _ = strconv.Atoi(val)
		default:
			return fmt.Errorf("bad attribute %q", w)
		}
	}
	return nil
}

func (f *form) has(attr string) bool {
	for _, a := range f.attrs {
		if a == attr {
			return true
		}
	}
	return false
}
