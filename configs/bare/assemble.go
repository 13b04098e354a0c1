package bare

import "strings"

// Assemble translates a program that begins at address base; see the assembler's
// comment for its language. forms adds lines in the manner of the table of forms.
// It returns the bytes and the value of every name.
func Assemble(base int64, text, forms string) (code []byte, names map[string]int64, err error) {
	a := newAssembler(base)
	a.add(forms)
	code, err = a.assemble(text)
	return code, a.names, err
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
