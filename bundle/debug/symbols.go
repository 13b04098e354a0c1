package debug

import (
	"bytes"
	"cmp"
	"context"
	"debug/elf"
	_ "embed"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"vmrecord/bundle/debug/program"
	"vmrecord/vmm/guestos"
)

// OwnFrame is a script for a gdb that has Python, to be run at a failure that the
// program told the recorder: it selects the frame that did, not those of the SDK,
// and shows ten.
//
//go:embed own.py
var OwnFrame string

// KernelFile is what Kernel writes: symbols at their addresses, for any debugger.
const KernelFile = "kernel.elf"

// Kernel are the symbols of the guest's kernel and of its modules for gdb: a script
// of gdb's that loads them, and lines for people that say what it loads. Where
// Debian's package with the kernel's debug information is installed, and is that of
// the guest's very kernel, that is the kernel's; else a file is written into dir. A
// module is looked for in the folder of Symbols: a file with its build id, or where
// either has none, NAME.ko. err says why there is none of all this. What is not there
// yet can be had later: monitor symbols.
func (s *Session) Kernel(dir string) (script string, notes []string, err error) {
	s.dir = dir
	l := s.here()
	if l.linux == nil {
		return "", nil, l.err
	}
	k := l.linux
	files, rest, notes := modules(k, s.programs.folder)
	name := filepath.Join(dir, KernelFile)
	const own, debugRoot = "the kernel's own list of symbols", "/usr/lib/debug/boot/vmlinux-"
	what := debugRoot + k.Release()
	if strings.ContainsAny(k.Release(), "/\n") || k.BuildID() == "" || !hasBuildID(what, k.BuildID()) {
		what, script = own, "symbol-file "+quote(name)+"\n"
	} else if script = fmt.Sprintf("symbol-file %s -o %#x\n", quote(what), k.KASLR()); len(rest) > 0 {
		script += "add-symbol-file " + quote(name) + " -o 0\n"
	}
	f, err := kernelFile(k, rest, what == own)
	if err == nil {
		err = os.WriteFile(name, f, 0o600)
	}
	if err != nil {
		return "", nil, fmt.Errorf("write the kernel's symbols: %w", err)
	}
	return script + files, append([]string{"kernel symbols: " + what}, notes...), nil
}

func hasBuildID(name, id string) bool {
	f, err := program.Open(name)
	return err == nil && f.BuildID == id
}

// KernelELF is an ELF file for gdb with the symbols of a guest's kernel and of its
// modules, as far as they can be read, and how to unwind its stacks.
func KernelELF(k *guestos.Linux) ([]byte, error) {
	all, _ := k.Modules()
	return kernelFile(k, all, true)
}

// kernelFile is an ELF file with the symbols of modules, and if asked for, those of
// the kernel itself.
func kernelFile(k *guestos.Linux, all []guestos.Module, own bool) ([]byte, error) {
	syms, rows := symbolsOf(k, all), orcOfModules(k, all)
	if own {
		syms, rows = append(syms, k.Symbols()...), append(rows, orcOf(k)...)
	}
	slices.SortStableFunc(syms, func(a, b guestos.Symbol) int { return cmp.Compare(a.Addr, b.Addr) })
	slices.SortStableFunc(rows, func(a, b orcRow) int { return cmp.Compare(a.addr, b.addr) })
	return symbolFile(syms, frames(rows))
}

// symbols is Kernel again, at another place.
func (s *Session) symbols(_ context.Context, _ []string, out io.Writer) error {
	if s.dir == "" {
		return errors.New("there is no folder for symbols here")
	}
	script, notes, err := s.Kernel(s.dir)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s; to load them\n", strings.Join(notes, "; "))
	for line := range strings.Lines(script) {
		fmt.Fprint(out, "  ", line)
	}
	return nil
}

// quote is a word of gdb's.
func quote(name string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(name) + `"`
}

const (
	kernelHalf  = 1 << 63
	maxSections = 1 << 12
	maxSymbols  = 1 << 21
)

// symbolFile is an ELF file that holds nothing but symbols, at the addresses
// where they are, ordered. Its sections have no contents: gdb reads those from
// the guest.
func symbolFile(all []guestos.Symbol, frames []byte) ([]byte, error) {
	var names stringTable
	names.add("")
	secs := []elf.Section64{{}}
	syms := []elf.Sym64{{}}
	text := false
	for _, y := range all {
		code := strings.IndexByte("tTwW", y.Type) >= 0
		if y.Addr < kernelHalf || len(syms) > maxSymbols {
			continue
		}
		if len(secs) == 1 || code != text && len(secs) < maxSections {
			flags := elf.SHF_ALLOC | elf.SHF_WRITE
			name := ".data"
			if code {
				name, flags = ".text", elf.SHF_ALLOC|elf.SHF_EXECINSTR
			}
			if len(secs) > 2 {
				name += fmt.Sprint(".", len(secs))
			}
			text = code
			secs = append(secs, elf.Section64{Name: names.add(name), Type: uint32(elf.SHT_NOBITS), Flags: uint64(flags), Addr: y.Addr, Addralign: 1})
		}
		s := &secs[len(secs)-1]
		s.Size = max(s.Size, y.Addr+max(y.Size, 1)-s.Addr)
		typ, bind := elf.STT_OBJECT, elf.STB_LOCAL
		if code {
			typ = elf.STT_FUNC
		}
		if y.Type < 'a' {
			bind = elf.STB_GLOBAL
		}
		syms = append(syms, elf.Sym64{Name: names.add(y.Name), Info: elf.ST_INFO(bind, typ), Shndx: uint16(len(secs) - 1), Value: y.Addr, Size: y.Size})
	}
	for i := 1; i+1 < len(secs); i++ { // a symbol's size is a guess
		secs[i].Size = min(secs[i].Size, secs[i+1].Addr-secs[i].Addr)
	}
	return pack(secs, syms, &names, frames)
}

// A stringTable is names, each ended by a zero byte.
type stringTable struct{ b []byte }

func (t *stringTable) add(name string) (at uint32) {
	at = uint32(len(t.b))
	t.b = append(append(t.b, name...), 0)
	return at
}

// pack puts a file together: header, symbols, names, sections.
func pack(secs []elf.Section64, syms []elf.Sym64, names *stringTable, frames []byte) ([]byte, error) {
	const header, section, symbol = 64, 64, elf.Sym64Size
	text, table, frame := names.add(".strtab"), names.add(".symtab"), names.add(".debug_frame")
	at := uint64(header)
	secs = append(secs, elf.Section64{Name: table, Type: uint32(elf.SHT_SYMTAB), Off: at, Size: uint64(len(syms) * symbol),
		Link: uint32(len(secs) + 1), Info: 1, Addralign: 8, Entsize: symbol})
	at += uint64(len(syms) * symbol)
	secs = append(secs, elf.Section64{Name: text, Type: uint32(elf.SHT_STRTAB), Off: at, Size: uint64(len(names.b)), Addralign: 1})
	at += uint64(len(names.b))
	secs = append(secs, elf.Section64{Name: frame, Type: uint32(elf.SHT_PROGBITS), Off: at, Size: uint64(len(frames)), Addralign: 1})
	at += uint64(len(frames))
	pad := -at & 7
	h := elf.Header64{Type: uint16(elf.ET_EXEC), Machine: uint16(elf.EM_X86_64), Version: 1, Shoff: at + pad, Ehsize: header,
		Shentsize: section, Shnum: uint16(len(secs)), Shstrndx: uint16(len(secs) - 2)}
	copy(h.Ident[:], "\x7fELF\x02\x01\x01")
	var b bytes.Buffer
	for _, v := range []any{h, syms, names.b, frames, make([]byte, pad), secs} {
		if err := binary.Write(&b, binary.LittleEndian, v); err != nil {
			return nil, err
		}
	}
	return b.Bytes(), nil
}
