package isagen

import (
	"fmt"
	"strconv"
	"strings"
)

// parseForm reads the mnemonic and the operands. An operand in angle brackets
// is implied: it is in Args but not written in assembler.
func (f *form) parseForm(s string) error {
	mnemonic, rest, _ := strings.Cut(s, " ")
	f.text = mnemonic
	if rest == "" {
		return nil
	}
	var shown []string
	for _, t := range strings.Split(rest, ",") {
		t = strings.TrimSpace(t)
		if bare := strings.Trim(t, "<>"); bare != t {
			t = bare
		} else {
			shown = append(shown, t)
		}
		o, err := f.parseOperand(t)
		if err != nil {
			return err
		}
		f.ops = append(f.ops, o)
	}
	if len(shown) > 0 {
		f.text += " " + strings.Join(shown, ", ")
	}
	return f.place()
}

// parseOperand gives what the token alone says; place decides between reg, rm
// and opcode for plain registers.
func (f *form) parseOperand(t string) (operand, error) {
	if o, ok := fixedOperand(t); ok {
		return o, nil
	}
	if o, ok := f.codeOperand(t); ok {
		return o, nil
	}
	reg, mem, both := strings.Cut(t, "/")
	if strings.HasPrefix(t, "m14/") || strings.HasPrefix(t, "m94/") {
		reg, mem, both = t, "", false
	}
	if !both && reg[0] == 'm' && !strings.HasPrefix(reg, "mm") {
		w, err := memWidth(reg[1:])
		return operand{loc: "Mem", class: "Reg", reg: "0", mem: w}, err
	}
	if t == "r/m"+strings.TrimPrefix(mem, "m") {
		reg = "r" + mem[1:]
	}
	class, w, err := regWidth(reg)
	o := operand{loc: "Bare", class: class, reg: w, mem: "0"}
	if err != nil || !both {
		return o, err
	}
	o.loc = "LocRM"
	o.mem, err = memWidth(mem[1:])
	return o, err
}

func fixedOperand(t string) (operand, bool) {
	gpr := map[string]operand{
		"AL": {reg: "1"}, "CL": {reg: "1", fixed: 1}, "DX": {reg: "2", fixed: 2}, "AX": {reg: "2"},
		"eAX": {reg: "WidthZ"}, "rAX": {reg: "WidthV"},
	}
	if o, ok := gpr[t]; ok {
		o.loc, o.class, o.mem = "LocFixed", "Reg", "0"
		return o, true
	}
	for i, s := range []string{"ES", "CS", "SS", "DS", "FS", "GS"} {
		if t == s {
			return operand{loc: "LocFixed", class: "SegReg", reg: "2", mem: "0", fixed: i}, true
		}
	}
	switch t {
	case "XMM0":
		return operand{loc: "LocFixed", class: "XMM", reg: "16", mem: "0"}, true
	case "ST(0)", "ST(1)":
		return operand{loc: "LocFixed", class: "ST", reg: "10", mem: "0", fixed: int(t[3] - '0')}, true
	case "ST(i)":
		return operand{loc: "LocRM", class: "ST", reg: "10", mem: "0"}, true
	}
	if n, err := strconv.Atoi(t); err == nil {
		return operand{loc: "LocConst", class: "Imm", reg: "1", mem: "0", fixed: n}, true
	}
	return operand{}, false
}

// codeOperand takes operands that are bytes of the instruction. Signed
// immediates are as wide as the operation.
func (f *form) codeOperand(t string) (operand, bool) {
	switch {
	case strings.HasPrefix(t, "imm"):
		n := 0 // of immediates before it
		for _, o := range f.ops {
			if o.loc == "LocImm" {
				n++
			}
		}
		if n >= len(f.imms) {
			return operand{loc: "None"}, true
		}
		o := operand{loc: []string{"LocImm", "LocImm2"}[n], class: "Imm", mem: "0"}
		o.reg = map[string]string{"ImmUB": "1", "ImmUW": "2"}[f.imms[n]]
		if o.reg == "" {
			o.reg = "WidthOp"
		}
		return o, true
	case strings.HasPrefix(t, "rel"):
		return operand{loc: "LocRel", class: "Rel", reg: "WidthV", mem: "0"}, true
	case t == "ptr16:z":
		return operand{loc: "LocFar", class: "Imm", reg: "WidthV", mem: "0"}, true
	case t == "moffs8":
		return operand{loc: "LocMoffs", class: "Mem", reg: "0", mem: "1"}, true
	case t == "moffsv":
		return operand{loc: "LocMoffs", class: "Mem", reg: "0", mem: "WidthV"}, true
	}
	return operand{}, false
}

func regWidth(t string) (class, width string, err error) {
	switch {
	case t == "Sreg":
		return "SegReg", "2", nil
	case t == "CRn":
		return "CR", "WidthN", nil
	case t == "DRn":
		return "DR", "WidthN", nil
	case strings.HasPrefix(t, "xmm"):
		return "XMM", "16", nil
	case strings.HasPrefix(t, "mm"):
		return "MM", "8", nil
	case t[0] == 'r':
		width, err = memWidth(t[1:])
		return "Reg", width, err
	}
	return "", "", fmt.Errorf("bad operand %q", t)
}

// memWidth reads what follows the m of a memory operand.
func memWidth(t string) (string, error) {
	switch t {
	case "v", "z", "y", "N":
		return "Width" + strings.ToUpper(t), nil
	case "", "em", "512byte", "14/28byte", "94/108byte":
		return "0", nil
	case "16:z":
		return "WidthFar", nil
	case "v&v":
		return "WidthPair", nil
	case "16&N":
		return "WidthTable", nil
	}
	for _, suffix := range []string{"fp", "int", "bcd"} {
		t = strings.TrimSuffix(t, suffix)
	}
	bits, err := strconv.Atoi(t)
	if err != nil || bits%8 != 0 || bits > 128 {
		return "", fmt.Errorf("bad operand size %q", t)
	}
	return strconv.Itoa(bits / 8), nil
}

// place settles where plain registers and memory are encoded. With a digit in
// ModRM.reg a plain register is in rm; control, debug and segment registers are
// always in reg; otherwise reg comes first unless another operand needs rm.
func (f *form) place() error {
	rmTaken := false
	for _, o := range f.ops {
		rmTaken = rmTaken || o.loc == "LocRM" || o.loc == "Mem" && f.modRM || o.class == "CR" || o.class == "DR"
	}
	regFree := f.modRM && f.reg == any8
	opcodeFree := f.low == "LowReg"
	for i := range f.ops {
		o := &f.ops[i]
		special := o.class == "CR" || o.class == "DR"
		switch {
		case o.loc == "None":
			return fmt.Errorf("operand without bytes")
		case o.loc == "Mem" && !f.modRM:
			o.loc = "LocNone"
		case o.loc == "Mem":
			o.loc, f.mod = "LocRM", 1
		case o.loc != "Bare":
		case opcodeFree:
			o.loc, opcodeFree = "LocOpcode", false
		case f.has("modx") && !special:
			o.loc = "LocRM"
		case regFree && (o.class == "SegReg" || special || rmTaken || i == 0):
			o.loc, regFree = "LocReg", false
		case f.modRM:
			o.loc, f.mod = "LocRM", 2
		default:
			return fmt.Errorf("no place for operand %d", i+1)
		}
	}
	return nil
}

// derive finds the rule for OpSize and the unit that must be switched on.
func (f *form) derive() {
	f.size = f.sizeRule()
	for _, o := range f.ops {
		switch {
		case o.class == "MM" && !f.has("mmx"):
			f.attrs = append(f.attrs, "mmx")
		case o.class == "XMM" && !f.has("sse"):
			f.attrs = append(f.attrs, "sse")
		}
	}
	if f.feature == "fpu" {
		f.attrs = append(f.attrs, "x87")
	}
	for _, o := range f.ops {
		if o.loc == "LocNone" { // strings: the operands only name the size
			f.ops = nil
		}
	}
}

// sizeRule: what the attributes say; else the first of v, z, y, N that an operand names; else the fixed width
// of the memory operand or, without one, of the first register.
func (f *form) sizeRule() string {
	switch {
	case f.has("y"):
		return "WidthY"
	case f.has("v"), f.has("d64"):
		return "WidthV"
	}
	for _, rule := range []string{"WidthV", "WidthFar", "WidthPair", "WidthZ", "WidthY", "WidthN", "WidthTable"} {
		for _, o := range f.ops {
			if o.reg != rule && o.mem != rule {
				continue
			}
			switch rule {
			case "WidthFar":
				return "WidthZ"
			case "WidthPair", "WidthTable":
				return "WidthV"
			}
			return rule
		}
	}
	for _, o := range f.ops {
		if o.mem != "0" {
			return o.mem
		}
	}
	for i, o := range f.ops {
		port := o.fixed == 2 && i == 0 && len(f.ops) > 1 // OUT DX, AL
		if o.class != "Imm" && o.class != "SegReg" && !port {
			return o.reg
		}
	}
	return "0"
}
