package bare

import (
	_ "embed"
	"encoding/binary"
	"fmt"
	"strings"

	"vmrecord/vmm/x86/asm"
)

//go:embed kernel.asm
var kernelText string

//go:embed user.asm
var userText string

// An End is how the guest's run ends.
type End uint8

// The ends.
const (
	PowerOff    End = iota // soft-off by ACPI's PM1 control register
	DebugExit              // Options.Code to port F4h
	TripleFault            // without an IDT
	Reset                  // port CF9h
)

// Options are what may differ between two guests.
type Options struct {
	Work  uint64 // about how many instructions to retire; 0: one round. At most 1e13
	APIC  bool   // the local APIC's timer ticks too
	Float bool   // MMX, SSE and x87 work too
	Keys  bool   // after the rounds, obey keys from COM1
	End   End
	Code  uint32 // for DebugExit
}

// Physical addresses of what tests look at; see the package comment.
const (
	PageTable = 0x185800
	Results   = 0x1ed000
)

const (
	loadAt     = 0x100000
	initBytes  = 0x100000
	setupBytes = 1024

	roundCost = 103_000 // instructions of one round, roughly
)

// Rounds is how many rounds the guest works before it ends or obeys keys.
func (o Options) Rounds() uint64 {
	return max(1, min(o.Work, 1e13)/roundCost)
}

// Image returns the guest as a bzImage.
func Image(o Options) []byte {
	kernel, _, err := asm.Assemble(loadAt, o.source(), "")
	if err != nil {
		panic("bare: " + err.Error())
	}
	return append(setup(len(kernel)), kernel...)
}

// source is the whole program with the options as names.
func (o Options) source() string {
	var s strings.Builder
	flag := map[bool]int{true: 1}
	fmt.Fprintf(&s, "ROUNDS = %d\nAPIC = %d\nFLOAT = %d\nKEYLOOP = %d\nENDING = %d\nCODE = %d\n",
		o.Rounds(), flag[o.APIC], flag[o.Float], flag[o.Keys], o.End, o.Code)
	s.WriteString(kernelText)
	s.WriteString("align 8\nstubs:\n")
	for v := range 32 {
		fmt.Fprintf(&s, "align 8\npush %d\njmp panic\n", v)
	}
	s.WriteString("space PROG-$\nphase UCODE\n")
	s.WriteString(userText)
	return s.String()
}

// setup is the setup header (boot.rst, "The Real-Mode Kernel Header") in two
// sectors; there is no real-mode code in it.
func setup(kernel int) []byte {
	b, le := make([]byte, setupBytes), binary.LittleEndian
	b[0x1f1] = setupBytes/512 - 1              // setup_sects
	le.PutUint32(b[0x1f4:], uint32(kernel/16)) // syssize
	le.PutUint16(b[0x1fe:], 0xaa55)            // boot_flag
	b[0x200], b[0x201] = 0xeb, 0x6a            // jump: the header's end
	copy(b[0x202:], "HdrS")
	le.PutUint16(b[0x206:], 0x020f)     // protocol 2.15
	b[0x211] = 1                        // LOADED_HIGH
	le.PutUint32(b[0x214:], loadAt)     // code32_start
	le.PutUint32(b[0x22c:], 0x7fffffff) // initrd_addr_max
	le.PutUint32(b[0x230:], loadAt)     // kernel_alignment; not relocatable
	le.PutUint16(b[0x236:], 1)          // XLF_KERNEL_64
	le.PutUint32(b[0x238:], 255)        // cmdline_size
	le.PutUint64(b[0x258:], loadAt)     // pref_address
	le.PutUint32(b[0x260:], initBytes)
	return b
}
