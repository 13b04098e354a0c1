package program

import (
	"debug/dwarf"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
)

// A Place is a place in a program's source.
type Place struct {
	Function string `json:"function,omitempty"`
	File     string `json:"file,omitempty"` // as the compiler was told
	Line     int    `json:"line,omitempty"`
}

// String is FUNCTION FILE:LINE, as far as it is known.
func (p Place) String() string {
	if p.File == "" {
		return p.Function
	}
	return p.Function + " " + p.LineText()
}

// LineText is FILE:LINE, without the file's folders; "" if it is not known.
func (p Place) LineText() string {
	if p.File == "" {
		return ""
	}
	return fmt.Sprintf("%s:%d", path.Base(p.File), p.Line)
}

// maxPlaces are remembered: a unit's table is long, and in no order.
const maxPlaces = 1 << 16

// Place is where in the source an instruction comes from. Functions that were
// compiled into others nest there; told is the innermost that is in the package of
// the outermost: not Go's atomic load that post calls, but post.
func (f *File) Place(addr uint64) Place {
	p, ok := f.places[addr]
	if !ok {
		p = f.place(addr)
		if len(f.places) == maxPlaces {
			clear(f.places)
		}
		f.places[addr] = p
	}
	return p
}

func (f *File) place(addr uint64) (p Place) {
	p.Function, _, _ = f.SymbolAt(addr)
	d, err := f.debug()
	if err != nil {
		return p
	}
	r := d.Reader()
	unit, err := r.SeekPC(addr)
	if err != nil {
		return p
	}
	lines, err := d.LineReader(unit)
	if lines == nil || err != nil {
		return p
	}
	line, ok := lineAt(lines, addr)
	if !ok {
		return p
	}
	told := Place{p.Function, line.File.Name, line.Line}
	nest, files := nestAt(d, r, addr), lines.Files()
	for i := len(nest) - 1; i > 0; i-- {
		name := nameOf(d, nest[i])
		if packageOf(name) == packageOf(nameOf(d, nest[0])) {
			told.Function = name
			return told
		}
		file, _ := nest[i].Val(dwarf.AttrCallFile).(int64)
		if file < 0 || file >= int64(len(files)) || files[file] == nil {
			return p
		}
		line, _ := nest[i].Val(dwarf.AttrCallLine).(int64)
		told.File, told.Line = files[file].Name, int(line)
	}
	if told.Function == "" && len(nest) > 0 {
		told.Function = nameOf(d, nest[0])
	}
	return told
}

// lineAt finds the line of an address in a unit's table, whose sequences are in any
// order.
func lineAt(lines *dwarf.LineReader, addr uint64) (last dwarf.LineEntry, ok bool) {
	var e dwarf.LineEntry
	for last.EndSequence = true; lines.Next(&e) == nil; last = e {
		if !last.EndSequence && last.Address <= addr && addr < e.Address && last.File != nil {
			return last, true
		}
	}
	return last, false
}

// nestAt are the function that an instruction is in, and what was compiled into it
// there, the outermost first. r is at a unit's children.
func nestAt(d *dwarf.Data, r *dwarf.Reader, pc uint64) (nest []*dwarf.Entry) {
	for spaces := 0; ; {
		e, err := r.Next()
		if e == nil || err != nil {
			return nest
		}
		switch e.Tag {
		case 0:
			if spaces == 0 {
				return nest
			}
			spaces--
		case dwarf.TagNamespace:
			if e.Children {
				spaces++
			}
		case dwarf.TagSubprogram, dwarf.TagInlinedSubroutine, dwarf.TagLexDwarfBlock:
			if !covers(d, e, pc) {
				r.SkipChildren()
				continue
			}
			if e.Tag != dwarf.TagLexDwarfBlock {
				nest = append(nest, e)
			}
			if spaces = 0; !e.Children {
				return nest
			}
		default:
			r.SkipChildren()
		}
	}
}

func covers(d *dwarf.Data, e *dwarf.Entry, pc uint64) bool {
	all, err := d.Ranges(e)
	for _, r := range all {
		if err == nil && r[0] <= pc && pc < r[1] {
			return true
		}
	}
	return false
}

// nameOf is a function's name, which stands where it was declared.
func nameOf(d *dwarf.Data, e *dwarf.Entry) string {
	for range 4 {
		if name, ok := e.Val(dwarf.AttrName).(string); ok {
			return name
		}
		at, ok := e.Val(dwarf.AttrAbstractOrigin).(dwarf.Offset)
		if !ok {
			if at, ok = e.Val(dwarf.AttrSpecification).(dwarf.Offset); !ok {
				break
			}
		}
		r := d.Reader()
		r.Seek(at)
		var err error
		if e, err = r.Next(); e == nil || err != nil {
			break
		}
	}
	return ""
}

// packageOf is the package of a function of Go's; "" of another language's.
func packageOf(function string) string {
	slash := strings.LastIndexByte(function, '/') + 1
	name, _, dotted := strings.Cut(function[slash:], ".")
	if !dotted {
		return ""
	}
	return function[:slash] + name
}

// Line finds where the code of a line of a source file begins: in each function
// that has some, the lowest address, where the compiler recommends a breakpoint if
// it does anywhere. file is a name, or the end of a path.
func (f *File) Line(file string, line int) (addrs []uint64, err error) {
	in, rest := map[string]uint64{}, map[string]uint64{} // by function
	err = f.units(func(lr *dwarf.LineReader) {
		if !slices.ContainsFunc(lr.Files(), func(l *dwarf.LineFile) bool { return l != nil && endsIn(l.Name, file) }) {
			return
		}
		for e := (dwarf.LineEntry{}); lr.Next(&e) == nil; {
			if e.Line != line || e.EndSequence || e.File == nil || !endsIn(e.File.Name, file) {
				continue
			}
			to := rest
			if e.IsStmt {
				to = in
			}
			name, _, _ := f.SymbolAt(e.Address)
			if a, ok := to[name]; !ok || e.Address < a {
				to[name] = e.Address
			}
		}
	})
	if len(in) == 0 {
		in = rest
	}
	for _, a := range in {
		addrs = append(addrs, a)
	}
	slices.Sort(addrs)
	return addrs, err
}

func endsIn(name, file string) bool {
	return name == file || strings.HasSuffix(name, "/"+file)
}

// Sources are the files that the program was made of, by folder, as its compiler
// knew them.
func (f *File) Sources() (map[string][]string, error) {
	all := map[string][]string{}
	err := f.units(func(lr *dwarf.LineReader) {
		for _, l := range lr.Files() {
			if l == nil || !strings.Contains(l.Name, "/") {
				continue // not a file: <autogenerated>
			}
			dir, name := path.Split(path.Clean(l.Name))
			dir = strings.TrimSuffix(dir, "/")
			if !slices.Contains(all[dir], name) {
				all[dir] = append(all[dir], name)
			}
		}
	})
	return all, err
}

// units calls do with the lines of each unit.
func (f *File) units(do func(*dwarf.LineReader)) error {
	d, err := f.debug()
	if err != nil {
		return err
	}
	r := d.Reader()
	for {
		e, err := r.Next()
		if err != nil || e == nil {
			return err
		}
		r.SkipChildren()
		if e.Tag != dwarf.TagCompileUnit {
			continue
		}
		lr, err := d.LineReader(e)
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if lr != nil {
			do(lr)
		}
	}
}
