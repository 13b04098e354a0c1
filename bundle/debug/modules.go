package debug

import (
	"debug/elf"
	"errors"
	"fmt"
	"slices"
	"strings"

	"vmrecord/vmm/guestos"
)

// modules finds the files of a kernel's modules in a folder of the engineer's, ""
// for none. script loads them, rest are the modules without one, and notes say to
// people what is loaded and what is not.
func modules(l *guestos.Linux, dir string) (script string, rest []guestos.Module, notes []string) {
	all, err := l.Modules()
	var files []elfFile
	if dir != "" && len(all) > 0 {
		var e error
		files, e = candidates(dir)
		err = errors.Join(err, e)
	}
	var found []string
	for _, m := range all {
		name := choose(files, m.Name+".ko", m.BuildID)
		if name == "" {
			rest, found = append(rest, m), append(found, printable(m.Name))
			continue
		}
		line, e := addModule(name, m.Sections)
		if e != nil {
			rest, err = append(rest, m), errors.Join(err, e)
			continue
		}
		script, found = script+line, append(found, name)
	}
	if len(found) > 0 {
		notes = append(notes, "module symbols: "+strings.Join(found, ", "))
	}
	if err != nil {
		notes = append(notes, "not all module symbols: "+err.Error())
	}
	return script, rest, notes
}

// addModule is the line of gdb's that loads a module's file, of which each part is
// where the kernel put it; what it did not load is where no address is, for gdb
// would have it at 0.
func addModule(name string, in []guestos.Section) (string, error) {
	f, err := elf.Open(name)
	if err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	defer f.Close()
	if len(in) == 0 {
		return "", fmt.Errorf("%s: the guest's kernel does not say where its sections are", name)
	}
	line := "add-symbol-file " + quote(name)
	for _, s := range f.Sections {
		if s.Flags&elf.SHF_ALLOC == 0 {
			continue
		}
		const nowhere = 1 << 63
		at := uint64(nowhere)
		if i := slices.IndexFunc(in, func(g guestos.Section) bool { return g.Name == s.Name }); i >= 0 {
			at = in[i].Addr
		}
		line += fmt.Sprintf(" -s %s %#x", quote(s.Name), at)
	}
	return line + "\n", nil
}

// symbolsOf are what the kernel keeps of some modules.
func symbolsOf(l *guestos.Linux, some []guestos.Module) (all []guestos.Symbol) {
	for _, y := range l.ModuleSymbols() {
		if slices.ContainsFunc(some, func(m guestos.Module) bool { return m.Name == y.Module }) {
			all = append(all, y)
		}
	}
	return all
}
