package debug

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"vmrecord/bundle/debug/program"
	"vmrecord/vmm"
	"vmrecord/vmm/cpu"
	"vmrecord/vmm/guestos"
	"vmrecord/vmm/x86"
)

// An eye looks at one place for what is to be printed.
type eye struct {
	w    *prober
	site *site
	m    *vmm.Machine
}

// bounds of what is to be printed
const (
	maxPrints = 64
	maxBytes  = 4096 // of one expression
)

// parsePrint reads what is to be printed.
func parsePrint(list []string) (all []func(*eye, *Shot), err error) {
	if list == nil {
		return []func(*eye, *Shot){(*eye).args}, nil
	}
	if len(list) > maxPrints {
		return nil, &ProbeError{fmt.Sprintf("%d things to print; %d at most", len(list), maxPrints), true}
	}
	for _, what := range list {
		switch what {
		case "args":
			all = append(all, (*eye).args)
		case "stack":
			all = append(all, func(e *eye, s *Shot) { s.Stack = e.w.stack(e.m.CPU, e.site.begin || e.site.back) })
		case "regs":
			all = append(all, (*eye).regs)
		default:
			x, err := parseExpr(what)
			if err != nil {
				return nil, err
			}
			all = append(all, func(e *eye, s *Shot) { s.Values = append(s.Values, Value{x.text, e.expr(x)}) })
		}
	}
	return all, nil
}

// An expr is TERM[+N][:SIZE] or, for what memory holds there, *TERM[+N][:SIZE].
type expr struct {
	text   string
	memory bool
	term   string
	add    uint64
	size   int // bytes; 0: a text that a zero byte ends
}

var exprForm = regexp.MustCompile(`^(\*?)([A-Za-z0-9_.~]+)(?:([+-])([0-9a-fA-Fx]+))?(?::([0-9]+|s))?$`)

func parseExpr(text string) (x expr, err error) {
	f := exprForm.FindStringSubmatch(text)
	bad := func(why string) (expr, error) {
		return x, &ProbeError{fmt.Sprintf("cannot print %.80q: %s; print args, stack, regs, a register, an argument, or memory like *rsp+8:4 and *rdi:s", text, why), true}
	}
	if f == nil {
		return bad("that is no name or expression")
	}
	x = expr{text: text, memory: f[1] != "", term: f[2], size: 8}
	if f[4] != "" {
		if x.add, err = strconv.ParseUint(f[4], 0, 64); err != nil {
			return bad("no number follows the sign")
		}
		if f[3] == "-" {
			x.add = -x.add
		}
	}
	switch f[5] {
	case "":
	case "s":
		x.size = 0
	default:
		if x.size, err = strconv.Atoi(f[5]); err != nil || x.size == 0 || x.size > maxBytes {
			return bad(fmt.Sprintf("a size is from 1 to %d bytes, or s", maxBytes))
		}
	}
	if !x.memory && f[5] != "" {
		return bad("a size goes with memory, *TERM")
	}
	return x, nil
}

// expr is an expression's value, or in brackets why it has none.
func (e *eye) expr(x expr) string {
	if _, isRegister := register(e.m.CPU, x.term); !x.memory && x.add == 0 && !isRegister {
		if text, ok := e.arg(x.term); ok {
			return text
		}
	}
	v, err := e.term(x.term)
	if err != nil {
		return "<" + err.Error() + ">"
	}
	v += x.add
	switch {
	case !x.memory:
		return Hex(v).String()
	case x.size == 0:
		if text, ok := program.Text(v, e.w.s.peek); ok {
			return text
		}
		return "<" + none(e.m, v) + ">"
	}
	b := make([]byte, x.size)
	if n := e.w.s.peek(v, b); n < len(b) {
		return "<" + none(e.m, v+uint64(n)) + ">"
	}
	if x.size <= 8 && x.size&(x.size-1) == 0 {
		return Hex(le64(append(b, make([]byte, 8)...))).String()
	}
	return fmt.Sprintf("% x", b)
}

// term is a register, a number, an argument that is one, or a symbol's address.
func (e *eye) term(name string) (uint64, error) {
	if v, ok := register(e.m.CPU, name); ok {
		return v, nil
	}
	if v, err := strconv.ParseUint(name, 0, 64); err == nil {
		return v, nil
	}
	if _, v, ok := e.ofKernel(name); ok {
		return v, nil
	}
	if p, b, err := e.member(name); err == nil && len(b) >= 8 && p.Type.Size() == 8 {
		return le64(b), nil
	}
	if e.w.linux != nil {
		if y, ok := e.w.linux.Symbol(name); ok {
			return y.Addr, nil
		}
	}
	return 0, fmt.Errorf("%s: no register, argument or symbol", name)
}

// generalNames are those of the general registers, by number.
func generalNames() []string {
	return []string{"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15"}
}

// register finds a register by its name.
func register(c *cpu.State, name string) (uint64, bool) {
	if i := slices.Index(generalNames(), name); i >= 0 {
		return c.R[i], true
	}
	v, ok := map[string]uint64{"rip": c.RIP, "rflags": c.RFLAGS, "cr0": c.CR0, "cr2": c.CR2, "cr3": c.CR3, "cr4": c.CR4,
		"fs_base": c.Seg[x86.FS].Base, "gs_base": c.Seg[x86.GS].Base}[name]
	return v, ok
}

func (e *eye) regs(s *Shot) {
	for _, name := range append(generalNames(), "rip", "rflags", "fs_base", "gs_base", "cr2", "cr3") {
		v, _ := register(e.m.CPU, name)
		s.Regs = append(s.Regs, Value{name, Hex(v).String()})
	}
}

// args are a function's arguments, or what it returns; where they have no names,
// the registers that they are in. Elsewhere in a function nobody knows them.
func (e *eye) args(s *Shot) {
	switch t := e.site; {
	case !t.begin && !t.back:
	case t.fn != nil:
		for _, p := range e.params() {
			b, err := p.Bytes(e.m.CPU, e.w.s.peek)
			v := Value{resultName(p.Name), ""}
			if v.Text = program.Format(p.Type, b, e.w.s.peek); err != nil {
				v.Text = "<" + err.Error() + ">"
			}
			s.Values = append(s.Values, v)
		}
	case t.typed && t.back:
		if t.result.Size != 0 {
			s.Values = append(s.Values, Value{"", e.kernel(t.result, e.m.CPU.R[0])})
		}
	case t.typed:
		for _, p := range t.kernel {
			if p, v, ok := e.ofKernel(p.Name); ok {
				s.Values = append(s.Values, Value{p.Name, e.kernel(p, v)})
			}
		}
	default:
		e.untyped(s)
	}
}

// resultName drops the names that Go gives to results without one.
func resultName(name string) string {
	if strings.HasPrefix(name, "~") {
		return ""
	}
	return name
}

// untyped are the registers in which arguments of an unknown type are.
func (e *eye) untyped(s *Shot) {
	in := program.Arguments(e.site.isGo)
	if e.site.back && !e.site.isGo {
		in = []int{0}
	}
	for _, n := range in {
		s.Values = append(s.Values, Value{generalNames()[n], Hex(e.m.CPU.R[n]).String()})
	}
}

// kernel is one of the kernel's arguments, in a register.
func (e *eye) kernel(p guestos.Param, v uint64) string {
	if p.Text {
		if text, ok := program.Text(v, e.w.s.peek); ok {
			return text
		}
	}
	bits := 64 - 8*min(p.Size, 8)
	switch {
	case p.Signed:
		return strconv.FormatInt(int64(v<<bits)>>bits, 10)
	case p.Size == 8:
		return Hex(v).String()
	}
	return strconv.FormatUint(v<<bits>>bits, 10)
}

// ofKernel finds an argument of a kernel's function, and its register. What
// follows a structure is elsewhere.
func (e *eye) ofKernel(name string) (p guestos.Param, v uint64, ok bool) {
	for i, n := range program.Arguments(false) {
		if !e.site.begin || i == len(e.site.kernel) || e.site.kernel[i].Whole {
			break
		}
		if p = e.site.kernel[i]; p.Name == name {
			return p, e.m.CPU.R[n], true
		}
	}
	return p, 0, false
}

// arg is an argument, or a member of one, as its type has it.
func (e *eye) arg(name string) (string, bool) {
	if p, v, ok := e.ofKernel(name); ok {
		return e.kernel(p, v), true
	}
	p, b, err := e.member(name)
	if err != nil {
		return "", false
	}
	return program.Format(p.Type, b, e.w.s.peek), true
}

// params are what a program's function takes or, behind it, returns.
func (e *eye) params() []program.Param {
	switch {
	case e.site.fn == nil:
		return nil
	case e.site.back:
		return e.site.fn.Results
	}
	return e.site.fn.Params
}

// member finds an argument, or a member of one by its path.
func (e *eye) member(name string) (program.Param, []byte, error) {
	first, path, deep := strings.Cut(name, ".")
	for _, p := range e.params() {
		if p.Name != first {
			continue
		}
		b, err := p.Bytes(e.m.CPU, e.w.s.peek)
		if err == nil && deep {
			p.Type, b, err = program.Member(p.Type, b, path, e.w.s.peek)
		}
		return p, b, err
	}
	return program.Param{}, nil, fmt.Errorf("there is no argument %s", first)
}
