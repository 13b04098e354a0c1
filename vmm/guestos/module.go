package guestos

// A Module is code that was loaded into the kernel.
type Module struct {
	Name       string
	Base, Size uint64    // of its code; up to Linux 6.3, of its data too
	BuildID    string    // of its file, in hex; "" if it has none
	Sections   []Section // of its file; nil from Linux 6.14 on
	ORC        ORC
}

// A Section is where a part of a module's file is; where it was, if it was for the
// module's beginning alone (.init.text and the like).
type Section struct {
	Name string
	Addr uint64
}

// An ORC is where the tables are by which a module's functions are unwound
// (Documentation/arch/x86/orc-unwinder.rst).
type ORC struct {
	IP, Rows uint64
	Count    uint64 // rows of each
}

// loaded are the modules of an instant.
type loaded struct {
	list []Module
	syms *symbols
}

const (
	maxModules       = 1024
	maxModuleSymbols = 1 << 16
	maxSections      = 1024
)

// Modules lists what is loaded, the newest first. The error says what could not
// be read; what could is listed.
func (l *Linux) Modules() ([]Module, error) {
	m, err := l.modules()
	return m.list, err
}

// ModuleSymbols are those of all modules, by address. They are not to be changed.
func (l *Linux) ModuleSymbols() []Symbol {
	m, _ := l.modules()
	return m.syms.all
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
			l.details(at-link, &mod)
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
		all = append(all, Symbol{Name: nameOf([]byte(v.text(names+name, maxName))), Module: m.Name, Type: types[i], Addr: addr, Size: le64(e[16:])})
	}
	return all
}

// details reads what a kernel may keep otherwise than is known here, or not at
// all: without it a module is still listed.
func (l *Linux) details(at uint64, m *Module) {
	v := l.view()
	orc := ORC{v.get(at, "module", "arch.orc_unwind_ip"), v.get(at, "module", "arch.orc_unwind"), v.get(at, "module", "arch.num_orcs")}
	if v.err == nil {
		m.ORC = orc
	}
	v = l.view()
	all := v.sections(at)
	if v.err != nil {
		return
	}
	m.Sections = all
	for _, s := range all {
		if s.Name == ".note.gnu.build-id" {
			b := make([]byte, pageBytes)
			m.BuildID = NoteBuildID(b[:l.Read(s.Addr, b)])
		}
	}
}

// sections reads what /sys/module/NAME/sections shows.
func (v *view) sections(at uint64) (all []Section) {
	const attr = "module_sect_attr"
	sect := v.get(at, "module", "sect_attrs")
	count := v.get(sect, "module_sect_attrs", "nsections")
	first, size := sect+v.offset("module_sect_attrs", "attrs"), v.size(attr)
	if count > maxSections {
		v.fail("a module has %d sections", count)
	}
	for i := uint64(0); i < count && v.err == nil; i++ {
		a := first + i*size
		all = append(all, Section{v.text(v.get(a, attr, "battr.attr.name"), maxName), v.get(a, attr, "address")})
	}
	return all
}
