package debug

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"vmrecord/bundle/debug/program"
	"vmrecord/vmm/cpu"
	"vmrecord/vmm/guestos"
)

// programs are the engineer's files, and where processes were seen to have them.
type programs struct {
	folder *program.Folder // nil: there is none
	images []program.Image
}

const maxImages = 1024

// look looks what a task has mapped, and tells whether a file that may be anywhere
// is at a new place.
func (p *programs) look(t guestos.Task) (found bool) {
	all, _ := p.folder.Mapped(t) // as far as it can be read
	return p.add(all)
}

func (p *programs) add(all []program.Image) (found bool) {
	for _, i := range all {
		if len(p.images) < maxImages && !slices.Contains(p.images, i) {
			p.images, found = append(p.images, i), found || i.Moves
		}
	}
	return found
}

// all are the files to look for names in. Those that do not move are where they are.
func (p *programs) all() ([]*program.File, error) {
	all, err := p.folder.All()
	for _, f := range all {
		if !f.Moves && !f.Object {
			p.add([]program.Image{{File: f}})
		}
	}
	return all, err
}

// codeBytes of a file and of memory are compared to tell which program it is.
const codeBytes = 16

// imageAt is the file that has what is at an address, in the address space in use.
// Another program may have been seen there too.
func (s *Session) imageAt(p *programs, la uint64) (i program.Image, ok bool) {
	if la >= kernelHalf || len(p.images) == 0 {
		return i, false
	}
	var code [codeBytes]byte
	n := s.peek(la, code[:])
	at := slices.IndexFunc(p.images, func(i program.Image) bool { return i.Is(la-i.Moved, code[:n]) })
	if at < 0 {
		return i, false
	}
	return p.images[at], true
}

// peek copies memory as what runs sees it.
func (s *Session) peek(la uint64, p []byte) int {
	m := s.line.Machine()
	return cpu.Peek(m.CPU, m.Mem, la, p)
}

// place is where in its source a program is; nothing is known in the kernel, and
// where no symbols tell.
func (s *Session) place(rip uint64) (p program.Place) {
	if i, ok := s.imageAt(&s.programs, rip); ok {
		p = i.Place(rip - i.Moved)
	}
	return p
}

// Symbols has names of programs known from here on: of the ELF files in a folder,
// which for gdb may be those of the kernel's modules too.
func (s *Session) Symbols(dir string) error {
	f, err := program.OpenFolder(dir)
	if err != nil {
		return fmt.Errorf("--symbols: %w", err)
	}
	s.programs.folder.Close()
	s.programs, s.mapped = programs{folder: f}, nil
	return nil
}

// Program is a script of gdb's that loads the symbols of the files that a process
// has mapped, from the folder of Symbols: the process that runs, or the one that
// breakpoints are restricted to. found are those that it loads. Their source is
// looked for in the folders sources, wherever it was when they were built.
func (s *Session) Program(sources []string) (script string, found []string, err error) {
	t, err := s.subject()
	if err != nil {
		return "", nil, err
	}
	if err := s.maps(t); err != nil && len(s.mapped) == 0 {
		return "", nil, fmt.Errorf("files of process %d (%s): %w", t.PID, printable(t.Comm), err)
	}
	if len(s.mapped) == 0 {
		return "", nil, fmt.Errorf("--symbols: there is no file with the symbols of process %d (%s)", t.PID, printable(t.Comm))
	}
	for _, i := range s.mapped {
		found = append(found, i.Name)
		script += fmt.Sprintf("add-symbol-file %s -o %#x\n", quote(i.Name), i.Moved)
	}
	where, err := paths(s.mapped, sources)
	return script + where, found, err
}

// maps looks what the process that counts has mapped. If it has nothing that is
// known, what was seen last remains.
func (s *Session) maps(t guestos.Task) error {
	all, err := s.programs.folder.Mapped(t)
	if len(all) > 0 {
		s.mapped = all
		s.programs.add(all)
	}
	return err
}

// subject is the process whose symbols count.
func (s *Session) subject() (t guestos.Task, err error) {
	l := s.here()
	if l.linux == nil {
		return t, l.err
	}
	if s.only == "" {
		if t, ok := l.current(); ok && !t.Kernel {
			return t, nil
		}
		return t, fmt.Errorf("no program runs here; name one: --process NAME")
	}
	for _, id := range l.order {
		if t := l.tasks[id]; t.CR3 != 0 && t.Is(s.only) {
			return t, nil
		}
	}
	return t, fmt.Errorf("no process %q is here; see: monitor ps", s.only)
}

// address is where something is that a user names, and how large: a number, a
// variable or function of the program's, or one of the kernel's symbols.
func (s *Session) address(text string) (la, size uint64, err error) {
	if la, err := strconv.ParseUint(text, 0, 64); err == nil {
		return la, 8, nil
	}
	if t, err := s.subject(); err == nil {
		_ = s.maps(t) // what cannot be read has no variables
	}
	var why error
	for _, i := range s.mapped {
		la, size, err := i.Variable(text, s.pointer)
		if err == nil {
			return la, size, nil
		}
		if la, size, ok := i.Symbol(text); ok {
			return la + i.Moved, cmp.Or(size, 8), nil
		}
		why = errors.Join(why, err)
	}
	l := s.here()
	if l.linux == nil {
		return 0, 0, errors.Join(why, fmt.Errorf("%q is no number, and symbols there are none: %w", text, l.err))
	}
	y, ok := l.linux.Symbol(text)
	if !ok {
		return 0, 0, errors.Join(why, fmt.Errorf("the guest's kernel has no symbol %q", text))
	}
	return y.Addr, 8, nil
}

// pointer reads one of the program's.
func (s *Session) pointer(la uint64) (uint64, bool) {
	b := make([]byte, 8)
	n := s.read(la, b)
	return le64(b), n == len(b)
}
