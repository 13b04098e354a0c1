package interp

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"vmrecord/vmm"
	"vmrecord/vmm/cpu"
	"vmrecord/vmm/mem"
	"vmrecord/vmm/x86"
)

// A rig is a processor with RAM and nothing else, for one instruction at a
// time. In 64-bit mode the low 2 MiB are mapped one to one, but for the pages
// at rigAbsent (not present) and rigReadOnly; other modes run without paging.
type rig struct {
	c   *CPU
	ram []byte
}

const (
	rigBytes    = 0x50000
	rigTables   = 0x1000 // four pages
	rigCode     = 0x10000
	rigData     = 0x20000
	rigStack    = 0x30800
	rigAbsent   = 0x40000
	rigReadOnly = 0x41000
)

// newRig is a processor about to run code at rigCode, or at 0x1000 in 16-bit mode.
func newRig(mode x86.Mode, cpl uint8) *rig {
	r := &rig{New(), make([]byte, rigBytes)}
	c := r.c
	c.board = vmm.NewBoard(mem.New(r.ram), vmm.Config{})
	c.Mem, c.Bus = c.board.Mem, bus{c.board, c}
	c.RIP, c.RFLAGS = rigCode, 2
	c.CR0, c.CR4 = cpu.CR0PE|cpu.CR0ET|cpu.CR0NE|cpu.CR0WP|cpu.CR0MP, cpu.CR4OSFXSR|cpu.CR4OSXMMEXCPT
	c.FCW, c.FTW, c.MXCSR, c.XCR0 = 0x37f, 0xffff, 0x1f80, 3
	c.Rand = [4]uint64{1, 2, 3, 4}
	data := cpu.Segment{Sel: 0x10, Attr: 0xc093 | uint16(cpl)<<5, Limit: 0xffffffff}
	code := cpu.Segment{Sel: 0x8, Attr: 0xc09b | uint16(cpl)<<5, Limit: 0xffffffff}
	switch mode {
	case x86.Mode64:
		code.Attr = 0xa09b | uint16(cpl)<<5
		c.EFER, c.CR3 = cpu.EFERLME|cpu.EFERLMA|cpu.EFERNXE|cpu.EFERSCE, rigTables
		c.CR0, c.CR4 = c.CR0|cpu.CR0PG, c.CR4|cpu.CR4PAE
		r.tables()
	case x86.Mode16:
		code.Attr, data.Attr = code.Attr&^0xc000, data.Attr&^0xc000
		code.Limit, data.Limit, code.Base = 0xffff, 0xffff, rigCode-0x1000
		c.RIP = 0x1000
	}
	for i := range c.Seg {
		c.Seg[i] = data
	}
	c.Seg[x86.CS] = code
	for i := range c.R {
		c.R[i] = 0xc0dedbad<<32 | uint64(i)*0x01010101
		if mode != x86.Mode64 {
			c.R[i] &= 0xffffffff
		}
	}
	c.R[x86.RSP] = rigStack
	if mode == x86.Mode16 {
		c.R[x86.RSP] = 0x7fff8800
	}
	c.loadFlags()
	c.recode()
	c.flush()
	return r
}

// tables maps the low 2 MiB.
func (r *rig) tables() {
	put := func(at int, v uint64) { binary.LittleEndian.PutUint64(r.ram[at:], v) }
	for i := range 3 {
		put(rigTables+i*4096, rigTables+uint64(i+1)*4096|7)
	}
	for i := range 512 {
		put(rigTables+3*4096+8*i, uint64(i)*4096|7)
	}
	put(rigTables+3*4096+8*(rigAbsent>>12), 0)
	put(rigTables+3*4096+8*(rigReadOnly>>12), rigReadOnly|5)
}

// steps runs up to n steps and tells how the stretch ended.
func (r *rig) steps(n int64) outcome {
	r.c.attend()
	r.c.board.Attention = false
	r.c.limit, r.c.left, r.c.i = 1<<40, n, 0
	for r.c.left > 0 {
		if out := r.c.stretch(); out != outLook {
			return out
		}
		r.c.attend()
	}
	return outLook
}

// An op is one line of a test: bytes of code, the state before, the state
// after. States are lists of words:
//
//	rax=… eax=… ax=… al=… ah=…  a register in hexadecimal
//	[1000]=1122                 memory: as many bytes as there are digits for, low byte last
//	CF PF AF ZF SF OF DF        a flag that is set; others are clear
//	m32 m16 cpl3                (before) mode, ring; 64-bit and ring 0 if not given
//	steps=n                     (before) steps to run; 1 if not given
//	ip=…                        (after) RIP; the next instruction if not given
//	over=n                      (after) steps that retired nothing
//	#GP(0)                      (after) a fault; nothing else changes
//
// What is not named after is as it was before.
type op struct{ code, before, after string }

func runOps(t *testing.T, ops []op) {
	t.Helper()
	for _, o := range ops {
		if diff := o.run(); diff != "" {
			t.Errorf("{%q, %q, %q}: %s", o.code, o.before, o.after, diff)
		}
	}
}

// run returns what differs from the line's last part.
func (o op) run() string {
	r, n, err := o.prepare()
	if err != nil {
		return err.Error()
	}
	start := r.c.RIP
	want := *r.c
	want.syncFlags()
	wantRAM := bytes.Clone(r.ram)
	code, _ := hex.DecodeString(strings.ReplaceAll(o.code, " ", ""))
	want.RIP += uint64(len(code))
	want.RFLAGS &^= cpu.FlagsArith | cpu.FlagDF
	fault, flags := "", false
	for _, w := range strings.Fields(o.after) {
		if strings.HasPrefix(w, "#") {
			fault = w
			continue
		}
		flags = flags || flagBit[w] != 0
		if err := assign(&want, wantRAM, w); err != nil {
			return err.Error()
		}
	}
	if fault != "" {
		want.RIP = start
		if !flags {
			want.RFLAGS = r.c.flags()
		}
	}
	out := r.steps(n)
	if r.c.err != nil {
		return r.c.err.Error()
	}
	return compare(r, &want, wantRAM, out, fault)
}

// prepare makes a rig in the state before, and the number of steps.
func (o op) prepare() (*rig, int64, error) {
	mode, cpl, n := x86.Mode64, uint8(0), int64(1)
	for _, w := range strings.Fields(o.before) {
		switch {
		case w == "m32":
			mode = x86.Mode32
		case w == "m16":
			mode = x86.Mode16
		case w == "cpl3":
			cpl = 3
		case strings.HasPrefix(w, "steps="):
			n, _ = strconv.ParseInt(w[6:], 10, 64)
		}
	}
	r := newRig(mode, cpl)
	code, err := hex.DecodeString(strings.ReplaceAll(o.code, " ", ""))
	if err != nil {
		return nil, 0, err
	}
	copy(r.ram[rigCode:], code)
	for i := range 32 {
		r.ram[rigCode+len(code)+i] = 0x90
	}
	for _, w := range strings.Fields(o.before) {
		if err := assign(r.c, r.ram, w); err != nil {
			return nil, 0, err
		}
	}
	r.c.loadFlags()
	return r, n, nil
}

var flagBit = map[string]uint64{"CF": cpu.FlagCF, "PF": cpu.FlagPF, "AF": cpu.FlagAF, "ZF": cpu.FlagZF,
	"SF": cpu.FlagSF, "OF": cpu.FlagOF, "DF": cpu.FlagDF, "RF": cpu.FlagRF}

// assign carries out one word of a state.
func assign(c *CPU, ram []byte, w string) error {
	if done, err := assignVector(c, ram, w); done {
		return err
	}
	name, value, ok := strings.Cut(w, "=")
	if !ok {
		if b := flagBit[w]; b != 0 {
			c.RFLAGS |= b
			return nil
		}
		if w == "m32" || w == "m16" || w == "cpl3" {
			return nil
		}
		return fmt.Errorf("what is %q?", w)
	}
	v, err := strconv.ParseUint(value[:min(len(value), 16)], 16, 64)
	switch {
	case name == "steps" || err != nil:
	case name == "over":
		c.Overhead = v
	case name == "ip":
		c.RIP = v
	case name == "fsbase":
		c.Seg[x86.FS].Base = v
	case name[0] == '[':
		var at uint64
		if at, err = strconv.ParseUint(strings.Trim(name, "[]"), 16, 64); err != nil {
			break
		}
		if len(value)%2 != 0 {
			return fmt.Errorf("odd digits in %q", w)
		}
		b, _ := hex.DecodeString(value)
		for i := range b {
			ram[at+uint64(i)] = b[len(b)-1-i]
		}
	case !setNamed(c, name, v):
		return fmt.Errorf("no register %q", name)
	}
	return err
}

// setNamed writes a general register by any of its names.
func setNamed(c *CPU, name string, v uint64) bool {
	const low = "ax cx dx bx sp bp si di"
	for i, n := range strings.Fields(low) {
		switch name {
		case "r" + n:
			c.R[i] = v
		case "e" + n:
			c.R[i] = v & 0xffffffff
		case n:
			c.R[i] = c.R[i]&^0xffff | v&0xffff
		case n[:1] + "l":
			if i >= 4 {
				continue
			}
			c.R[i] = c.R[i]&^0xff | v&0xff
		case n[:1] + "h":
			if i >= 4 {
				continue
			}
			c.R[i] = c.R[i]&^0xff00 | v&0xff<<8
		default:
			continue
		}
		return true
	}
	i, err := strconv.Atoi(strings.TrimRight(strings.TrimPrefix(name, "r"), "dwb"))
	if err != nil || i < 8 || i > 15 {
		return false
	}
	switch name[len(name)-1] {
	case 'd':
		c.R[i] = v & 0xffffffff
	case 'w':
		c.R[i] = c.R[i]&^0xffff | v&0xffff
	case 'b':
		c.R[i] = c.R[i]&^0xff | v&0xff
	default:
		c.R[i] = v
	}
	return true
}

// compare lists what differs between a rig and what was wanted.
func compare(r *rig, want *CPU, wantRAM []byte, out outcome, fault string) string {
	var d []string
	differ := func(name string, got, want uint64) {
		if got != want {
			d = append(d, fmt.Sprintf("%s=%x, want %x", name, got, want))
		}
	}
	got := ""
	if out == outFault {
		f := &r.c.Fault
		got = fmt.Sprintf("#%s(%x)", vectorNames[f.Vector], f.Code)
	}
	if got != fault && strings.TrimSuffix(got, "(0)") != fault {
		d = append(d, fmt.Sprintf("fault %q, want %q", got, fault))
	}
	for i := range r.c.R {
		differ(strings.Fields("rax rcx rdx rbx rsp rbp rsi rdi r8 r9 r10 r11 r12 r13 r14 r15")[i], r.c.R[i], want.R[i])
	}
	differ("ip", r.c.RIP, want.RIP)
	differ("over", r.c.Overhead, want.Overhead)
	if f := r.c.flags(); f != want.RFLAGS {
		d = append(d, fmt.Sprintf("flags %s, want %s", flagText(f), flagText(want.RFLAGS)))
	}
	const from = rigTables + 4*4096 // accessed and dirty bits change below
	same := bytes.Equal(r.ram[from:], wantRAM[from:])
	for i := from; !same && i < rigBytes; i++ {
		if r.ram[i] != wantRAM[i] {
			differ(fmt.Sprintf("[%x]", i), uint64(r.ram[i]), uint64(wantRAM[i]))
		}
	}
	d = append(d, compareVector(r.c, want)...)
	return strings.Join(d, "; ")
}

var vectorNames = map[uint8]string{cpu.DE: "DE", cpu.DB: "DB", cpu.BP: "BP", cpu.OF: "OF", cpu.BR: "BR", cpu.UD: "UD",
	cpu.NM: "NM", cpu.DF: "DF", cpu.TS: "TS", cpu.NP: "NP", cpu.SS: "SS", cpu.GP: "GP", cpu.PF: "PF", cpu.MF: "MF", cpu.AC: "AC", cpu.XM: "XM"}

func flagText(f uint64) string {
	s := ""
	for _, n := range strings.Fields("CF PF AF ZF SF DF OF") {
		if f&flagBit[n] != 0 {
			s += n + " "
		}
	}
	return fmt.Sprintf("%s(%x)", s, f)
}
