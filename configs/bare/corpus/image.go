package corpus

import (
	_ "embed"
	"encoding/binary"
	"fmt"
	"strings"

	"vmrecord/vmm/x86/asm"
)

//go:embed runtime.asm
var runtimeText string

//go:embed legacy.asm
var legacyText string

// loadAt is where every vehicle puts the program.
const loadAt = 0x100000

// A Program is cases put together with the runtime.
type Program struct {
	Cases []Case
	code  []byte
	names map[string]int64
}

// Build assembles cases into one program.
func Build(cases []Case) (*Program, error) {
	code, names, err := asm.Assemble(loadAt, source(cases), forms)
	if err != nil {
		return nil, fmt.Errorf("assemble the corpus: %w", err)
	}
	return &Program{cases, code, names}, nil
}

// source is the program's text: runtime, stubs, the list of cases, their code.
func source(cases []Case) string {
	var s strings.Builder
	s.WriteString(runtimeText)
	s.WriteString(legacyText)
	for _, common := range []string{"common", "lcommon"} {
		fmt.Fprintf(&s, "align 16\n%s:\n", strings.Replace(common, "common", "stubs", 1))
		for v := range 256 {
			s.WriteString("align 16\n")
			if !pushesCode(uint64(v)) {
				s.WriteString("push 0\n")
			}
			fmt.Fprintf(&s, "push %d\njmp %s\n", v, common)
		}
	}
	s.WriteString("align 8\ncases:\n")
	for i, c := range cases {
		mask := uint32(0)
		for _, v := range c.Resume {
			mask |= 1 << v
		}
		fmt.Fprintf(&s, "align 8\nitem%d:\ndq case%d\ndd %d, %d, 0, item%d-item%d\ndb %q, 0\n", i, i, c.Mode, mask, i+1, i, c.Name)
	}
	fmt.Fprintf(&s, "align 8\nitem%d:\ndq 0\n", len(cases))
	for i, c := range cases {
		code := strings.ReplaceAll(c.Code, "@", fmt.Sprintf("l%d", i))
		if c.Mode >= Kernel32 {
			code = "bits 32\n" + code
		}
		fmt.Fprintf(&s, "align 64\ncase%d:\n%s\nint 0xf0\ncasend%d:\nbits 64\n", i, code, i)
	}
	return s.String()
}

// pushesCode tells whether an exception pushes an error code (SDM vol. 3A, 6.13).
func pushesCode(v uint64) bool { return v == 8 || v >= 10 && v <= 14 || v == 17 }

// Multiboot is the program as a 32-bit ELF file with a header of the Multiboot
// Specification 0.6.96, section 3.1: one segment, entered at its begin.
func (p *Program) Multiboot() []byte {
	const head = 52 + 32 + 12
	b, le := make([]byte, head), binary.LittleEndian
	copy(b, "\x7fELF\x01\x01\x01")
	le.PutUint16(b[16:], 2)      // executable
	le.PutUint16(b[18:], 3)      // 386
	le.PutUint32(b[20:], 1)      // version
	le.PutUint32(b[24:], loadAt) // entry
	le.PutUint32(b[28:], 52)     // program headers
	le.PutUint16(b[40:], 52)     // size of this one
	le.PutUint16(b[42:], 32)     // of a program header
	le.PutUint16(b[44:], 1)      // and their number
	h := b[52:]
	for i, v := range []uint32{1, head, loadAt, loadAt, uint32(len(p.code)), uint32(len(p.code)), 7, 4} {
		le.PutUint32(h[4*i:], v)
	}
	magic := uint32(0x1badb002)
	le.PutUint32(b[84:], magic)
	le.PutUint32(b[92:], -magic)
	return append(b, p.code...)
}

// ROM is the program as a PC's boot ROM of 128 KiB, for machines that load
// nothing by themselves: the reset vector switches to 32-bit mode (SDM vol. 3A,
// 9.9.1), copies the program to its place and enters it there.
func (p *Program) ROM() ([]byte, error) {
	const size, base, at = 128 << 10, 0xfffe0000, 0x1ff00
	if len(p.code) > at {
		return nil, fmt.Errorf("the corpus has %d bytes; a ROM holds %d", len(p.code), at)
	}
	b := make([]byte, size)
	copy(b, p.code)
	le := binary.LittleEndian
	start := []byte{
		0xfa,                                     // CLI
		0x66, 0x2e, 0x0f, 0x01, 0x16, 0x40, 0xff, // LGDT cs:[ff40]
		0x0f, 0x20, 0xc0, // MOV EAX, CR0
		0x0c, 0x01, // OR AL, 1
		0x0f, 0x22, 0xc0, // MOV CR0, EAX
		0x66, 0xea, 0x80, 0xff, 0xff, 0xff, 8, 0, // JMP 8:ffffff80
	}
	copy(b[at:], start)
	le.PutUint16(b[at+0x40:], 23)
	le.PutUint32(b[at+0x42:], base+at+0x60)
	le.PutUint64(b[at+0x68:], 0x00cf9b000000ffff)
	le.PutUint64(b[at+0x70:], 0x00cf93000000ffff)
	flat := []byte{
		0xb8, 0x10, 0, 0, 0, // MOV EAX, 10h
		0x8e, 0xd8, 0x8e, 0xc0, 0x8e, 0xd0, // MOV DS, ES, SS
		0xbe, 0, 0, 0xfe, 0xff, // MOV ESI, base
		0xbf, 0, 0, 0x10, 0, // MOV EDI, loadAt
		0xb9, 0, 0xff, 1, 0, // MOV ECX, at
		0xf3, 0xa4, // REP MOVSB
		0xea, 0, 0, 0x10, 0, 8, 0, // JMP 8:loadAt
	}
	copy(b[at+0x80:], flat)
	copy(b[size-16:], []byte{0xe9, 0x0d, 0xff}) // JMP ff00
	return b, nil
}
