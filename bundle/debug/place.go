package debug

import (
	"debug/dwarf"
	"fmt"
	"path"
	"strings"
)

// An image is a file with symbols that a process has mapped.
type image struct {
	file    string
	process int         // its number
	moved   uint64      // how far it is from where it was linked to be
	source  *dwarf.Data // nil: not read yet
	bad     error       // why it cannot be read
}

// dwarf reads the file when it is first needed.
func (f *image) dwarf() (*dwarf.Data, error) {
	if f.source == nil && f.bad == nil {
		f.source, f.bad = dwarfOf(f.file)
	}
	return f.source, f.bad
}

// A Place is a place in a program's source.
type Place struct {
	Function string `json:"function,omitempty"`
	File     string `json:"file,omitempty"` // as the compiler was told
	Line     int    `json:"line,omitempty"`
}

// String is FUNCTION FILE:LINE, without the file's folders.
func (p Place) String() string {
	if p.File == "" {
		return p.Function
	}
	return fmt.Sprintf("%s %s:%d", p.Function, path.Base(p.File), p.Line)
}

// place is where in its source a process is; false in the kernel, and where no
// symbols tell.
func (s *Session) place(process int, rip uint64) (Place, bool) {
	if rip >= kernelHalf {
		return Place{}, false
	}
	for i := range s.images {
		f := &s.images[i]
		if d, err := f.dwarf(); err == nil && f.process == process {
			if p, ok := placeOf(d, rip-f.moved); ok {
				return p, true
			}
		}
	}
	return Place{}, false
}

// placeOf is where in the source an instruction comes from. Functions that were
// compiled into others nest there; told is the innermost that is in the package of
// the outermost: not Go's atomic load that post calls, but post.
func placeOf(d *dwarf.Data, pc uint64) (p Place, ok bool) {
	r := d.Reader()
	unit, err := r.SeekPC(pc)
	if err != nil {
		return p, false
	}
	lines, err := d.LineReader(unit)
	var line dwarf.LineEntry
	if lines == nil || err != nil || lines.SeekPC(pc, &line) != nil || line.File == nil {
		return p, false
	}
	p.File, p.Line = line.File.Name, line.Line
	nest, files := nestAt(d, r, pc), lines.Files()
	for i := len(nest) - 1; i >= 0; i-- {
		p.Function = nameOf(d, nest[i])
		if i == 0 || packageOf(p.Function) == packageOf(nameOf(d, nest[0])) {
			break
		}
		file, _ := nest[i].Val(dwarf.AttrCallFile).(int64)
		if file < 0 || file >= int64(len(files)) || files[file] == nil {
			return p, false
		}
		line, _ := nest[i].Val(dwarf.AttrCallLine).(int64)
		p.File, p.Line = files[file].Name, int(line)
	}
	return p, p.Function != ""
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
