package debug

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"vmrecord/bundle/debug/program"
	"vmrecord/vmm/guestos"
)

// modules finds the files of a kernel's modules in a folder of the engineer's, nil
// for none. script loads them, rest are the modules without one, and notes say to
// people what is loaded and what is not.
func modules(l *guestos.Linux, files *program.Folder) (script string, rest []guestos.Module, notes []string) {
	all, err := l.Modules()
	var found []string
	for _, m := range all {
		f := files.Choose(m.Name+".ko", m.BuildID)
		if f == nil {
			rest, found = append(rest, m), append(found, printable(m.Name))
			continue
		}
		line, e := addModule(f, m.Sections)
		if e != nil {
			rest, err = append(rest, m), errors.Join(err, e)
			continue
		}
		script, found = script+line, append(found, f.Name)
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
func addModule(f *program.File, in []guestos.Section) (string, error) {
	names, err := f.Sections()
	if err != nil {
		return "", fmt.Errorf("%s: %w", f.Name, err)
	}
	if len(in) == 0 {
		return "", fmt.Errorf("%s: the guest's kernel does not say where its sections are", f.Name)
	}
	line := "add-symbol-file " + quote(f.Name)
	for _, name := range names {
		const nowhere = 1 << 63
		at := uint64(nowhere)
		if i := slices.IndexFunc(in, func(g guestos.Section) bool { return g.Name == name }); i >= 0 {
			at = in[i].Addr
		}
		line += fmt.Sprintf(" -s %s %#x", quote(name), at)
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
