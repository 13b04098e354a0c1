package corpus

import (
	"fmt"
	"strconv"
	"strings"
)

// An event is what one interrupt or exception found, as runtime.asm prints it.
type event struct {
	vector, code, ip, cs, flags, sp, ss, ax, bx, cr2, frame, inside, dr6 uint64
}

// Decode reads what the program printed and returns the results of the cases
// that it finished, in their order, and whether it came to its end. What follows
// the last line end is not looked at.
func (p *Program) Decode(out string) (results []string, end bool, err error) {
	for l := range strings.Lines(out) {
		l, whole := strings.CutSuffix(l, "\n")
		l = strings.TrimRight(l, "\r")
		if l == "END" && whole {
			return results, true, nil
		}
		i := len(results)
		if i >= len(p.Cases) {
			return results, false, fmt.Errorf("a line after the last case: %q", l)
		}
		rest, ok := strings.CutPrefix(l, p.Cases[i].Name+":")
		if !ok || !whole {
			if !whole {
				return results, false, nil
			}
			continue // firmware said something first
		}
		r, err := p.result(i, rest)
		if err != nil {
			return results, false, fmt.Errorf("case %q: %w", p.Cases[i].Name, err)
		}
		results = append(results, r)
	}
	return results, false, nil
}

// result tells of one case's events.
func (p *Program) result(i int, line string) (string, error) {
	var told []string
	for s := range strings.SplitSeq(strings.TrimSuffix(strings.TrimSpace(line), ";"), ";") {
		var e event
		words := strings.Fields(s)
		to := []*uint64{&e.vector, &e.code, &e.ip, &e.cs, &e.flags, &e.sp, &e.ss, &e.ax, &e.bx, &e.cr2, &e.frame, &e.inside, &e.dr6}
		if len(words) != len(to) {
			return "", fmt.Errorf("%d words, not %d, in %q", len(words), len(to), s)
		}
		for j, w := range words {
			v, err := strconv.ParseUint(w, 16, 64)
			if err != nil {
				return "", err
			}
			*to[j] = v
		}
		told = append(told, p.tell(i, e))
	}
	return strings.Join(told, "; "), nil
}

var vectorNames = [...]string{"DE", "DB", "NMI", "BP", "OF", "BR", "UD", "NM", "DF", "", "TS", "NP", "SS", "GP", "PF", "", "MF", "AC", "MC", "XM"}

// tell is one event in words; what is as the case left it is not said.
func (p *Program) tell(i int, e event) string {
	c := &p.Cases[i]
	m := modes[c.Mode]
	var s strings.Builder
	switch {
	case e.vector == endVector:
		s.WriteString("end")
	case e.vector < uint64(len(vectorNames)) && vectorNames[e.vector] != "":
		s.WriteString("#" + vectorNames[e.vector])
	default:
		fmt.Fprintf(&s, "int %x", e.vector)
	}
	if pushesCode(e.vector) {
		fmt.Fprintf(&s, "(%x)", e.code)
	}
	if e.vector != endVector {
		s.WriteString(" ip" + strings.Replace("="+p.place(i, e.ip), "=+", "+", 1))
	}
	say := func(name string, v uint64, unless bool) {
		if !unless {
			s.WriteString(" " + name + "=" + p.place(i, v))
		}
	}
	shows := func(w string) bool { return strings.Contains(" "+c.Show+" ", " "+w+" ") }
	say("cs", e.cs, e.cs == m.cs)
	say("ss", e.ss, e.ss == m.ss)
	say("sp", e.sp, e.sp == m.sp)
	say("cr2", e.cr2, e.vector != 14)
	say("rax", e.ax, e.vector != endVector || e.ax == 0)
	say("rbx", e.bx, e.vector != endVector || e.bx == 0)
	say("dr6", e.dr6, e.vector != 1)
	if shows("fl") {
		s.WriteString(" fl=" + flags(e.flags))
	}
	if shows("handler") {
		fmt.Fprintf(&s, " frame=%s within=%s", p.place(i, e.frame), flags(e.inside))
	}
	return s.String()
}

// place is a number; an address in the case's code is an offset in it, one on
// its stack is relative to the stack's begin.
func (p *Program) place(i int, v uint64) string {
	from, to := uint64(p.names[fmt.Sprintf("case%d", i)]), uint64(p.names[fmt.Sprintf("casend%d", i)])
	for _, alias := range []uint64{0, user} {
		if a := v - alias; a >= from && a < to {
			return fmt.Sprintf("+%x", a-from)
		}
	}
	for _, t := range stacks {
		switch d := t.top - v; {
		case d == 0:
			return t.name
		case d <= 0x100:
			return fmt.Sprintf("%s-%x", t.name, d)
		}
	}
	return fmt.Sprintf("%x", v)
}

// flags names the flags that system code looks at.
func flags(v uint64) string {
	var on []string
	for _, f := range []struct {
		bit  int
		name string
	}{{8, "TF"}, {9, "IF"}, {10, "DF"}, {14, "NT"}, {16, "RF"}, {17, "VM"}, {18, "AC"}} {
		if v>>f.bit&1 != 0 {
			on = append(on, f.name)
		}
	}
	if l := v >> 12 & 3; l != 0 {
		on = append(on, fmt.Sprintf("IOPL%d", l))
	}
	return "[" + strings.Join(on, " ") + "]"
}

// Format is results as they are stored: two lines a case.
func Format(cases []Case, results []string) string {
	var s strings.Builder
	for i, c := range cases {
		fmt.Fprintf(&s, "%s\n\t%s\n", c.Name, results[i])
	}
	return s.String()
}

// Stored reads what Format wrote, by case.
func Stored(text string) map[string]string {
	by, name := map[string]string{}, ""
	for l := range strings.Lines(text) {
		l = strings.TrimSuffix(l, "\n")
		if r, ok := strings.CutPrefix(l, "\t"); ok {
			by[name] = r
		} else {
			name = l
		}
	}
	return by
}
