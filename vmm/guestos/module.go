package guestos

// A Module is code that was loaded into the kernel.
type Module struct {
	Name       string
	Base, Size uint64 // of its code
}

// loaded are the modules of an instant.
type loaded struct {
	list []Module
	syms *symbols
}

const (
	maxModules       = 1024
	maxModuleSymbols = 1 << 16
)

// Modules lists what is loaded, the newest first. The error says what could not
// be read; what could is listed.
func (l *Linux) Modules() ([]Module, error) {
	m, err := l.modules()
	return m.list, err
}

func (l *Linux) readModules() (m loaded, err error) {
	v := l.view()
	head := v.symbol("modules")
	link := v.offset("module", "list")
	var all []Symbol
	at := v.u64(head)
	for ; v.err == nil && at != head; at = v.u64(at) {
		if len(m.list) == maxModules {
			v.fail("the list of modules does not end")
			break
		}
		mod := v.module(at - link)
		if v.err == nil {
			m.list = append(m.list, mod)
			all = append(all, v.moduleSymbols(at-link, mod)...)
		}
	}
	end := uint64(0)
	for _, y := range all {
		end = max(end, y.Addr+max(y.Size, 1))
	}
	m.syms = newSymbols(all, end)
	return m, v.err
}

// module reads a struct module. Its places have been an array since Linux 6.4,
// with the code first.
func (v *view) module(at uint64) (m Module) {
	name := v.field("module", "name")
	m.Name = cstring(v.bytes(at+name.Offset, int(min(name.Size, 256))))
	layout, typ := "core_layout", "module_layout"
	if v.has("module", "mem") {
		layout, typ = "mem", "module_memory"
	}
	l := at + v.offset("module", layout)
	m.Base, m.Size = v.get(l, typ, "base"), v.get(l, typ, "size")
	return m
}

// moduleSymbols reads what a module keeps for kallsyms: the symbols and strings
// of its ELF file (System V ABI, "Symbol Table").
func (v *view) moduleSymbols(at uint64, m Module) []Symbol {
	const symBytes, undefined = 24, 0
	k := v.get(at, "module", "kallsyms")
	count := v.get(k, "mod_kallsyms", "num_symtab")
	table, names := v.get(k, "mod_kallsyms", "symtab"), v.get(k, "mod_kallsyms", "strtab")
	if v.err != nil || k == 0 || count > maxModuleSymbols {
		v.fail("module %s has %d symbols", m.Name, count)
		return nil
	}
	b, types := v.bytes(table, int(count)*symBytes), v.bytes(v.get(k, "mod_kallsyms", "typetab"), int(count))
	var all []Symbol
	for i := range types {
		e := b[i*symBytes:]
		name, section, addr := le64(e)&0xffffffff, uint16(le64(e)>>48), le64(e[8:])
		if section == undefined || name == 0 || !plausible(addr) {
			continue
		}
		all = append(all, Symbol{Name: v.text(names+name, maxName), Module: m.Name, Type: types[i], Addr: addr, Size: le64(e[16:])})
	}
	return all
}
