package debug

import (
	"debug/elf"
	"encoding/binary"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"vmrecord/vmm/guestos"
)

// Program is a script of gdb's that loads the symbols of the files that a
// process has mapped, from dir: the process that runs, or the one that
// breakpoints are restricted to. A file there is a mapped one if it has the same
// build id, or where either has none, the same name. found are those that it
// loads. Their source is looked for in the folders sources, wherever it was when
// they were built.
func (s *Session) Program(dir string, sources []string) (script string, found []string, err error) {
	t, err := s.subject()
	if err != nil {
		return "", nil, err
	}
	maps, err := t.Maps()
	if len(maps) == 0 && err != nil {
		return "", nil, fmt.Errorf("files of process %d (%s): %w", t.PID, printable(t.Comm), err)
	}
	files, err := candidates(dir)
	if err != nil {
		return "", nil, err
	}
	s.images = nil
	for _, m := range maps {
		if m.Offset != 0 || !strings.HasPrefix(m.Path, "/") {
			continue
		}
		head, ok := mapped(t, m)
		if !ok {
			continue
		}
		if name := choose(files, path.Base(m.Path), head.buildID); name != "" && !slices.Contains(found, name) {
			found = append(found, name)
			s.images = append(s.images, image{file: name, process: t.TGID, moved: head.moved})
			script += fmt.Sprintf("add-symbol-file %s -o %#x\n", quote(name), head.moved)
		}
	}
	if len(found) == 0 {
		return "", nil, fmt.Errorf("%s holds no file with the symbols of process %d (%s)", dir, t.PID, printable(t.Comm))
	}
	where, err := paths(found, sources)
	return script + where, found, err
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
		if t := l.tasks[id]; t.CR3 != 0 && named(t, s.only) {
			return t, nil
		}
	}
	return t, fmt.Errorf("no process %q is here; see: monitor ps", s.only)
}

// An elfFile may hold a program's symbols.
type elfFile struct{ name, buildID string }

// candidates are the ELF files under dir, by name.
func candidates(dir string) (all []elfFile, err error) {
	const most = 10_000
	seen := 0
	err = filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		if seen++; seen > most {
			return fmt.Errorf("%s holds more than %d files", dir, most)
		}
		if id, ok := buildIDOf(name); ok {
			all = append(all, elfFile{name, id})
		}
		return nil
	})
	return all, err
}

// choose is the file with the build id, or else with the name and not another id.
func choose(files []elfFile, base, id string) string {
	named := ""
	for _, f := range files {
		if id != "" && f.buildID == id {
			return f.name
		}
		if named == "" && (id == "" || f.buildID == "") && strings.TrimSuffix(filepath.Base(f.name), ".debug") == base {
			named = f.name
		}
	}
	return named
}

// buildIDOf is an ELF file's build id in hex, "" if it has none; false if there is
// no such file.
func buildIDOf(name string) (id string, ok bool) {
	f, err := elf.Open(name)
	if err != nil {
		return "", false
	}
	defer f.Close()
	for _, s := range f.Sections {
		if s.Type == elf.SHT_NOTE && s.Size <= maxNotes {
			if b, err := s.Data(); err == nil {
				if id := guestos.NoteBuildID(b); id != "" {
					return id, true
				}
			}
		}
	}
	return "", true
}

const maxNotes = 64 << 10

// A head is what a mapped ELF file tells of itself.
type head struct {
	buildID string
	moved   uint64 // how far it is from where it was linked to be
}

// mapped reads the file's first page, from the process's memory.
func mapped(t guestos.Task, m guestos.Mapping) (h head, ok bool) {
	b := make([]byte, min(m.End-m.Start, headBytes))
	return headOf(b[:t.Read(m.Start, b)], m.Start)
}

const headBytes = 4096

// headOf reads a file's first page, which is mapped at start: the guest's word.
func headOf(b []byte, start uint64) (h head, ok bool) {
	var e elf.Header64
	if _, err := binary.Decode(b, binary.LittleEndian, &e); err != nil || string(e.Ident[:4]) != elf.ELFMAG || e.Ident[elf.EI_CLASS] != byte(elf.ELFCLASS64) {
		return h, false
	}
	h.moved = start
	first := true
	for i := range min(uint64(e.Phnum), 64) {
		at := e.Phoff + i*56
		var p elf.Prog64
		if at >= uint64(len(b)) {
			break
		}
		if _, err := binary.Decode(b[at:], binary.LittleEndian, &p); err != nil {
			break
		}
		switch elf.ProgType(p.Type) {
		case elf.PT_LOAD:
			if first {
				first, h.moved = false, start-(p.Vaddr-p.Off)
			}
		case elf.PT_NOTE:
			if p.Filesz <= maxNotes && p.Off < uint64(len(b)) && h.buildID == "" {
				h.buildID = guestos.NoteBuildID(b[p.Off:min(p.Off+p.Filesz, uint64(len(b)))])
			}
		}
	}
	return h, true
}
