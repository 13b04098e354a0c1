package export

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"io"
	"math"

	"vmrecord/vmm/cpu"
	"vmrecord/vmm/guestos"
)

// A ram is a range of memory that a core holds, and where.
type ram struct{ pa, size, off uint64 }

// A core is an ELF core file about to be written.
type core struct {
	j     *job
	linux *guestos.Linux // nil if none is to be seen
	notes []byte
	loads []elf.Prog64
	rams  []ram
}

// maxLoads bounds the file's segments: e_phnum has 16 bits, and debuggers go
// through them one by one.
const maxLoads = 1 << 14

// vmcore writes memory and registers at an instant.
func vmcore(j *job) error {
	if err := j.play(j.To, ears{}); err != nil {
		return err
	}
	c := &core{j: j}
	var err error
	if c.linux, err = guestos.Find(j.m.Mem, guestos.Of(j.m.CPU)); err != nil {
		j.Note(fmt.Sprintf("%v; the core has no VMCOREINFO, which crash and drgn need", err))
	}
	c.note("CORE", elf.NT_PRSTATUS, c.status())
	c.note("CORE", elf.NT_FPREGSET, packed(fpregsOf(j.m.CPU)))
	if c.linux != nil {
		c.vmcoreinfo()
	}
	for _, r := range j.RAM {
		if end := min(r.Base+r.Size, j.m.Mem.Size()); r.Base < end {
			c.rams = append(c.rams, ram{pa: r.Base, size: end - r.Base})
		}
	}
	c.segments()
	return c.write()
}

// vmcoreinfo adds the note that tells tools how to read this kernel's memory.
func (c *core) vmcoreinfo() {
	text, err := c.linux.VmcoreinfoText()
	if err != nil {
		c.j.Note(fmt.Sprintf("%v; without it crash and drgn cannot read the core", err))
		return
	}
	c.note("VMCOREINFO", 0, []byte(text))
}

// note adds one (System V ABI, "Note Section"): both texts end on multiples of 4.
func (c *core) note(name string, typ elf.NType, desc []byte) {
	le := binary.LittleEndian
	c.notes = le.AppendUint32(c.notes, uint32(len(name)+1))
	c.notes = le.AppendUint32(c.notes, uint32(len(desc)))
	c.notes = le.AppendUint32(c.notes, uint32(typ))
	for _, p := range [][]byte{append([]byte(name), 0), desc} {
		c.notes = append(c.notes, p...)
		c.notes = append(c.notes, make([]byte, -len(c.notes)&3)...)
	}
}

// Where Linux has its image (Documentation/arch/x86/x86_64/mm.rst), and where the
// kernel's half of the address space begins, with five levels of paging too.
const (
	imageFirst  = 0xffffffff_80000000
	imageLast   = 0xffffffff_bfffffff
	kernelFirst = 0xff000000_00000000
)

// segments are the kernel's image first, where tools look for it; then all RAM,
// by the kernel's direct map; then what else the page tables in use map.
func (c *core) segments() {
	direct := c.direct()
	long := c.j.m.CPU.EFER&cpu.EFERLMA != 0
	if long {
		c.mapped(imageFirst, imageLast, direct)
	}
	for _, r := range c.rams {
		c.load(direct+r.pa, r.pa, r.size)
	}
	if long {
		c.mapped(kernelFirst, imageFirst-1, direct)
		c.mapped(imageLast+1, math.MaxUint64, direct)
		c.mapped(0, kernelFirst-1, direct)
	}
}

// direct is how far RAM is from its physical address in the kernel's direct map;
// without a Linux it is not moved.
func (c *core) direct() uint64 {
	const pageOffset = 0xffff8880_00000000 // where nothing moves it (mm.rst)
	if c.linux == nil {
		return 0
	}
	var b [8]byte
	if y, ok := c.linux.Symbol("page_offset_base"); ok && c.linux.Read(y.Addr, b[:]) == len(b) {
		return binary.LittleEndian.Uint64(b[:])
	}
	return pageOffset
}

// mapped adds what page tables map to RAM, but for the direct map.
func (c *core) mapped(first, last, direct uint64) {
	guestos.Tables(c.j.m.Mem, guestos.Of(c.j.m.CPU), first, last, func(m guestos.Mapped) bool {
		if m.LA-m.PA == direct {
			return true
		}
		for _, r := range c.rams {
			from, to := max(m.PA, r.pa), min(m.PA+m.Size, r.pa+r.size)
			if from < to {
				c.load(m.LA+from-m.PA, from, to-from)
			}
		}
		if len(c.loads) < maxLoads {
			return true
		}
		c.j.Note(fmt.Sprintf("only the first %d mappings are in the core; the next would be at %#x", maxLoads, m.LA))
		return false
	})
}

func (c *core) load(la, pa, size uint64) {
	c.loads = append(c.loads, elf.Prog64{Type: uint32(elf.PT_LOAD), Flags: uint32(elf.PF_R | elf.PF_W | elf.PF_X), Vaddr: la, Paddr: pa, Filesz: size, Memsz: size})
}

// write puts the file together.
func (c *core) write() error {
	head := uint64(binary.Size(elf.Header64{}))
	entry := uint64(binary.Size(elf.Prog64{}))
	notesAt := head + entry*uint64(1+len(c.loads))
	at := notesAt + uint64(len(c.notes))
	for i := range c.rams {
		r := &c.rams[i]
		at += -at & (pageBytes - 1)
		r.off = at
		at += r.size
	}
	for i := range c.loads {
		l := &c.loads[i]
		for _, r := range c.rams {
			if l.Paddr >= r.pa && l.Paddr < r.pa+r.size {
				l.Off = r.off + l.Paddr - r.pa
			}
		}
	}
	h := elf.Header64{Type: uint16(elf.ET_CORE), Machine: uint16(elf.EM_X86_64), Version: uint32(elf.EV_CURRENT), Phoff: head,
		Ehsize: uint16(head), Phentsize: uint16(entry), Phnum: uint16(1 + len(c.loads))}
	copy(h.Ident[:], elf.ELFMAG+"\x02\x01\x01")
	note := elf.Prog64{Type: uint32(elf.PT_NOTE), Off: notesAt, Filesz: uint64(len(c.notes)), Memsz: uint64(len(c.notes))}
	out := newSparse(c.j.w)
	for _, p := range [][]byte{packed(h), packed(note), packed(c.loads), c.notes} {
		out.write(p)
	}
	for _, r := range c.rams {
		out.skip(r.off - out.at)
		for from := uint64(0); from < r.size; from += chunkBytes {
			out.write(c.j.m.Mem.B[r.pa+from : r.pa+min(r.size, from+chunkBytes)])
			c.j.Progress("writing", out.at, at)
		}
	}
	return out.end()
}

// packed is a structure's bytes.
func packed(v any) []byte {
	var b bytes.Buffer
	if err := binary.Write(&b, binary.LittleEndian, v); err != nil {
		panic(fmt.Sprintf("export: %T: %v", v, err)) // all are of fixed size
	}
	return b.Bytes()
}

const (
	pageBytes  = 4096
	chunkBytes = 1 << 20
)

// A sparse writes a file with holes where there are zeros, if it can be cut and
// sought in; else zeros.
type sparse struct {
	w    io.Writer
	file interface {
		io.Seeker
		Truncate(int64) error
	}
	at   uint64
	hole uint64 // bytes before at that were not written
	err  error
}

func newSparse(w io.Writer) *sparse {
	s := &sparse{w: w}
	s.file, _ = w.(interface {
		io.Seeker
		Truncate(int64) error
	})
	return s
}

// write writes p, of which pages of zeros become holes.
func (s *sparse) write(p []byte) {
	for len(p) > 0 && s.err == nil {
		n := zeros(p)
		s.skip(uint64(n))
		if p = p[n:]; len(p) == 0 {
			break
		}
		for n = 0; n < len(p) && zeros(p[n:]) == 0; n = min(n+pageBytes, len(p)) {
		}
		if s.fill(); s.err == nil {
			_, s.err = s.w.Write(p[:n])
		}
		s.at += uint64(n)
		p = p[n:]
	}
}

// zeros counts the bytes of whole pages of zeros that p begins with.
func zeros(p []byte) (n int) {
	var zero [pageBytes]byte
	for len(p) >= n+pageBytes && bytes.Equal(p[n:n+pageBytes], zero[:]) {
		n += pageBytes
	}
	return n
}

func (s *sparse) skip(n uint64) { s.at, s.hole = s.at+n, s.hole+n }

// fill goes to where the next bytes are to be written.
func (s *sparse) fill() {
	if s.file != nil && s.hole > 0 {
		_, s.err = s.file.Seek(int64(s.at), io.SeekStart)
		s.hole = 0
	}
	for zero := make([]byte, pageBytes); s.hole > 0 && s.err == nil; {
		n := min(s.hole, pageBytes)
		_, s.err = s.w.Write(zero[:n])
		s.hole -= n
	}
}

// end gives the file its size.
func (s *sparse) end() error {
	if s.file != nil && s.err == nil {
		return s.file.Truncate(int64(s.at))
	}
	if s.err == nil {
		s.fill()
	}
	return s.err
}
