package interp

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"vmrecord/vmm"
	"vmrecord/vmm/cpu"
	"vmrecord/vmm/x86"
)

// An events case runs code in 64-bit ring 0 until it halts and lists what was
// delivered, in order: vector@RIP, then what holds of ":rf" in the pushed flags,
// ":e" and the error code, and, for #DB, the bits of DR6. HLT stands behind the
// code. Setup words:
//
//	rbx=… [20000]=… dr0=… dr7=…  as in an op; cr4=… adds bits
//	tf rf ac                     flags
//	resume                       the handler of #DB sets RF in its frame
//	nmi=n                        the NMI pin is pulsed after n steps
//	first=n                      stop after n deliveries
//	badiret                      the handler of NMI returns to a bad selector
//
// Handlers return; those of faults with an error code halt.
type events struct{ name, code, before, want string }

const (
	rigGDT      = 0x7000
	rigIDT      = 0x8000
	rigTSS      = 0x9000
	rigHandlers = 0xa000
	handlerStep = 0x20
)

// A pin is a device that pulses NMI.
type pin struct{ s *vmm.Slot }

func (p *pin) Attach(s *vmm.Slot) { p.s = s }
func (p *pin) Reset()             {}
func (p *pin) State() any         { return new(struct{}) }

// A system is a rig with descriptor tables and handlers.
type system struct {
	*rig
	pin    pin
	pulses map[int]bool
	first  int
	steps  int
	log    []string
}

func (e events) system() (*system, error) {
	s := &system{rig: newRig(x86.Mode64, 0), pulses: map[int]bool{}, first: 1 << 30}
	c := s.c
	c.board.Plug(vmm.Place{Name: "pin"}, &s.pin)
	c.Bus = bus{c.board, c}
	put := func(at int, v uint64) { binary.LittleEndian.PutUint64(s.ram[at:], v) }
	put(rigGDT+8, 0x00af9b000000ffff)
	put(rigGDT+16, 0x00cf93000000ffff)
	c.GDTR = cpu.TableReg{Base: rigGDT, Limit: 0x1f}
	c.IDTR = cpu.TableReg{Base: rigIDT, Limit: 0xfff}
	c.TR = cpu.Segment{Sel: 0x18, Attr: 0x8b, Limit: 0x67, Base: rigTSS}
	put(rigTSS+4, rigStack)
	c.STAR = 0x0010_0008 << 32
	for v := range 256 {
		at := rigHandlers + v*handlerStep
		put(rigIDT+16*v, uint64(at)&0xffff|8<<16|0x8e00<<32|uint64(at)>>16<<48)
		copy(s.ram[at:], "\x48\xcf") // iretq
		if v >= 6 && v < 20 {
			s.ram[at] = 0xf4
		}
	}
	for i := 6; i < 16; i++ { // tables, handlers: no pages of the user's
		put(rigTables+3*4096+8*i, uint64(i)*4096|3)
	}
	put(rigTables+3*4096+8*(rigStack>>12), rigStack&^0xfff|3)
	code, err := hex.DecodeString(strings.ReplaceAll(e.code, " ", ""))
	if err != nil {
		return nil, err
	}
	copy(s.ram[rigCode:], code)
	s.ram[rigCode+len(code)], s.ram[rigCode+len(code)+1] = 0xf4, 0xf4
	for _, w := range strings.Fields(e.before) {
		if err := s.word(w); err != nil {
			return nil, err
		}
	}
	c.loadFlags()
	c.recode()
	return s, nil
}

// word carries out one word of the setup.
func (s *system) word(w string) error {
	name, value, _ := strings.Cut(w, "=")
	v, _ := strconv.ParseUint(value, 16, 64)
	switch flag := map[string]uint64{"tf": cpu.FlagTF, "rf": cpu.FlagRF, "ac": cpu.FlagAC}[name]; {
	case flag != 0:
		s.c.RFLAGS |= flag
	case name == "resume":
		copy(s.ram[rigHandlers+handlerStep:], "\x81\x4c\x24\x10\x00\x00\x01\x00\x48\xcf") // or dword [rsp+16], RF
	case name == "badiret":
		copy(s.ram[rigHandlers+2*handlerStep:], "\x66\xc7\x44\x24\x08\xf8\xff\x48\xcf") // mov word [rsp+8], fff8
	case name == "nmi":
		s.pulses[int(v)] = true
	case name == "first":
		s.first = int(v)
	case name == "cr4":
		s.c.CR4 |= v
	case name == "lstar":
		s.c.LSTAR = v
	case name == "sfmask":
		s.c.SFMASK = v
	case name == "ldt":
		s.c.LDTR = cpu.Segment{Sel: 0x18, Attr: 0x82, Limit: 0xfff, Base: v}
	case len(name) == 3 && name[:2] == "dr":
		s.c.DR[name[2]-'0'] = v
	default:
		return assign(s.c, s.ram, w)
	}
	return nil
}

// stretch runs up to n steps from one boundary, as run does.
func (s *system) stretch(n int64) error {
	c, b := s.c, s.c.board
	b.Attention = false
	c.attend()
	c.limit, c.left, c.i = b.Now()+vmm.Instant(n), n, 0
	if c.interrupt() {
		b.SetNow(c.limit - vmm.Instant(c.left))
		return nil
	}
	if !c.Halted {
		switch c.stretch() {
		case outFault:
			c.deliver()
		case outStop:
			return c.err
		}
	}
	b.SetNow(c.limit - vmm.Instant(c.left))
	return nil
}

// play runs step by step and notes what is delivered.
func (s *system) play() error {
	for ; s.steps < 300 && len(s.log) < s.first; s.steps++ {
		if s.pulses[s.steps] {
			s.pin.s.NMI()
		}
		from, over := s.c.RIP, s.c.Overhead
		if err := s.stretch(1); err != nil {
			return err
		}
		h := s.c.RIP - rigHandlers
		if h%handlerStep == 0 && h/handlerStep < 256 && from != s.c.RIP && (s.c.Overhead != over || s.ram[from] == 0xcd || s.ram[from] == 0xf1) {
			s.note(int(h / handlerStep))
		}
		if s.c.Halted && s.steps > 100 {
			break
		}
	}
	s.c.syncFlags()
	return nil
}

// note adds a delivery to the log and clears DR6.
func (s *system) note(vector int) {
	word := func(i uint64) uint64 { return binary.LittleEndian.Uint64(s.ram[s.c.R[x86.RSP]+8*i:]) }
	text, i := "", uint64(0)
	if vector == 8 || vector >= 10 && vector <= 14 || vector == 17 {
		text, i = fmt.Sprintf(":e%x", word(0)), 1
	}
	if word(i+2)&cpu.FlagRF != 0 {
		text = ":rf" + text
	}
	if vector == cpu.DB {
		text += fmt.Sprintf(":%x", s.c.DR[6]&0xe00f)
		s.c.DR[6] = 0xffff0ff0
	}
	s.log = append(s.log, fmt.Sprintf("%d@%x%s", vector, word(i), text))
}

// run plays a case; then again without a look at each boundary, which must
// come to the same.
func (e events) run(t *testing.T) {
	t.Helper()
	s, err := e.system()
	if err == nil {
		err = s.play()
	}
	if got := strings.Join(s.log, " "); err != nil || got != e.want {
		t.Errorf("%s: %s, want %s; %v", e.name, got, e.want, err)
		return
	}
	whole, _ := e.system()
	if len(whole.pulses) != 0 {
		return
	}
	for end := s.c.board.Now(); whole.c.board.Now() < end && err == nil && (!whole.c.Halted || whole.c.PendDB != 0); {
		err = whole.stretch(int64(end - whole.c.board.Now()))
	}
	whole.c.syncFlags()
	whole.c.DR[6], s.c.DR[6] = 0, 0
	if err != nil || !reflect.DeepEqual(whole.c.State, s.c.State) {
		t.Errorf("%s: uncut: %v\n%+v, want\n%+v", e.name, err, whole.c.State, s.c.State)
	}
}

// TestDebug: SDM vol. 3B, 18.2 and 18.3; RF as in 18.3.1.1.
func TestDebug(t *testing.T) {
	for _, e := range []events{
		{"code", "90 90", "dr0=10001 dr7=1 resume", "1@10001:1"},
		{"code, global, fourth", "90 90", "dr3=10001 dr7=80 resume", "1@10001:8"},
		{"code, disabled", "90 90", "dr0=10001 dr7=700", ""},
		{"code, RF set", "90 90", "dr0=10000 dr7=1 rf", ""},
		{"RF lasts for one instruction", "90 90", "dr0=10001 dr7=1 rf resume", "1@10001:1"},
		{"code, second byte", "6a 01 58", "dr0=10001 dr7=1", ""},
		{"code, without resume", "90", "dr0=10000 dr7=1 first=2", "1@10000:1 1@10000:1"},
		{"code before page fault", "e9 fb ff 02 00", "dr0=40000 dr7=1 resume", "1@40000:1 14@40000:rf:e10"},
		{"code before #UD", "0f 0b", "dr1=10000 dr7=4 resume", "1@10000:2 6@10000:rf"},
		{"REP stops once", "f3 aa", "dr0=10000 dr7=1 resume rcx=3 rdi=20000", "1@10000:1"},
		{"loop stops each time", "ff c9 75 fc", "dr0=10002 dr7=1 resume rcx=2", "1@10002:1 1@10002:1"},

		{"write", "89 03", "rbx=20003 dr0=20000 dr7=d0001", "1@10002:1"},
		{"write, read only", "8b 03", "rbx=20000 dr0=20000 dr7=d0001", ""},
		{"read or write, read", "8b 03", "rbx=20000 dr0=20000 dr7=f0001", "1@10002:1"},
		{"read or write, fetch", "90", "dr0=10000 dr7=f0001", ""},
		{"page 0", "8b 03", "rbx=0 dr0=0 dr7=f0001", "1@10002:1"},
		{"just below", "8b 03", "rbx=1fffc dr0=20000 dr7=f0001", ""},
		{"just above", "8b 03", "rbx=20004 dr0=20000 dr7=f0001", ""},
		{"low bits are not compared", "8a 03", "rbx=20000 dr0=20003 dr7=f0001", "1@10002:1"},
		{"eight bytes", "8a 03", "rbx=20007 dr0=20000 dr7=b0001", "1@10002:1"},
		{"two at once", "89 03", "rbx=20000 dr0=20000 dr1=20001 dr7=110005", "1@10002:3"},
		{"read-modify-write", "ff 03", "rbx=20000 dr0=20000 dr7=10001", "1@10002:1"},
		{"push", "50", "dr0=307f8 dr7=10001", "1@10001:1"},
		{"call", "e8 00 00 00 00", "dr0=307f8 dr7=10001", "1@10005:1"},
		{"16 bytes", "0f 11 03", "rbx=20000 dr0=2000f dr7=10001", "1@10003:1"},
		{"not if it faults", "a4", "rsi=20000 rdi=40000 dr0=20000 dr7=30001", "14@10000:rf:e2"},
		{"REP, second of three", "f3 a4", "rcx=3 rsi=20000 rdi=20010 dr0=20011 dr7=10001", "1@10000:rf:1"},
		{"REP, last", "f3 a4", "rcx=2 rsi=20000 rdi=20010 dr0=20011 dr7=10001", "1@10002:1"},
		{"with a step", "89 03", "tf rbx=20000 dr0=20000 dr7=10001 first=1", "1@10002:4001"},

		{"port", "e6 80", "cr4=8 dr0=80 dr7=20001", "1@10002:1"},
		{"port without DE", "e6 80", "dr0=80 dr7=20001", ""},
		{"port, four bytes", "ed", "cr4=8 rdx=80 dr0=83 dr7=20001", "1@10001:1"},
		{"port, REP INS", "f3 6c", "cr4=8 rdx=80 rcx=2 rdi=20000 dr0=80 dr7=20001", "1@10000:rf:1 1@10002:1"},

		{"general detect", "0f 21 c0 0f 21 c0", "dr7=2000", "1@10000:rf:2000"},
		{"DR4 is DR6", "0f 21 e0", "", ""},
		{"DR4 with DE", "0f 21 e0", "cr4=8", "6@10000:rf"},
		{"DR8", "44 0f 21 c0", "", "6@10000:rf"},
		{"DR7, upper half", "0f 23 f8", "rax=100000000", "13@10000:rf:e0"},
		{"DR6, upper half", "0f 23 f0", "rax=100000000", "13@10000:rf:e0"},
		{"set by MOV", "0f 23 f8 90", "rax=1 dr0=10003 resume", "1@10003:1"},

		{"step", "90 90", "tf first=2", "1@10001:4000 1@10002:4000"},
		{"step, a fault", "0f 0b", "tf", "6@10000:rf"},
		{"step, set by POPF", "68 02 01 00 00 9d 90 90", "first=2", "1@10007:4000 1@10008:4000"},
		{"step, cleared by POPF", "6a 02 9d 90", "tf", "1@10002:4000 1@10003:4000"},
		{"step, cleared by IRET", "6a 10 54 6a 02 6a 08 68 0e 00 01 00 48 cf 90 90", "tf",
			"1@10002:4000 1@10003:4000 1@10005:4000 1@10007:4000 1@1000c:4000 1@1000e:4000"},
		{"step over INT", "cd 20 90", "tf first=2", "32@10002 1@10003:4000"},
		{"step, REP", "f3 aa", "tf rcx=3 rdi=20000 first=3", "1@10000:4000 1@10000:4000 1@10002:4000"},
		{"step, SYSCALL masks it", "0f 05 f4 90", "tf lstar=10002 sfmask=100", ""},
		{"step, SYSCALL", "0f 05 f4 90 90", "tf lstar=10003 first=1", "1@10003:4000"},
		{"step, set by SYSRET", "48 0f 07 90", "rcx=10003 r11=102 first=1", "1@10003:4000"},
		{"code, SYSRET clears RF", "48 0f 07 90", "rf rcx=10003 r11=10002 dr0=10003 dr7=1 first=1", "1@10003:1"},
		{"step, HLT", "f4", "tf first=1", "1@10001:4000"},
		{"INT1", "f1 90", "", "1@10001:0"},
		{"step before code", "90 90", "tf dr0=10001 dr7=1 first=1", "1@10001:4000"},
	} {
		e.run(t)
	}
}

// TestShadow: MOV SS and STI (SDM vol. 3A, 6.8.3; vol. 2B, STI), NMI (vol. 3A,
// 6.7.1), the order of table 6-2.
func TestShadow(t *testing.T) {
	for _, e := range []events{
		{"MOV SS, step", "8e d0 90 90", "rax=10 tf first=2", "1@10003:4000 1@10004:4000"},
		{"MOV SS twice, step", "8e d0 8e d0 90", "rax=10 tf first=1", "1@10005:4000"},
		{"MOV SS, data", "8e 13 90", "rbx=20000 [20000]=0010 dr0=20000 dr7=30001", "1@10003:1"},
		{"MOV SS, data, and a step", "8e 13 90", "tf rbx=20000 [20000]=0010 dr0=20000 dr7=30001 first=1", "1@10003:4001"},
		{"MOV SS, data, INT", "8e 13 cd 20 90", "rbx=20000 [20000]=0010 dr0=20000 dr7=30001", "32@10004 1@a400:1"},
		{"MOV SS, data, #UD", "8e 13 0f 0b", "rbx=20000 [20000]=0010 dr0=20000 dr7=30001", "6@10002:rf 1@a0c0:1"},
		{"MOV SS, code", "8e d0 90 90", "rax=10 dr0=10002 dr7=1", ""},
		{"MOV SS, code behind", "8e d0 90 90", "rax=10 dr0=10003 dr7=1 resume", "1@10003:1"},
		{"STI, step", "fb 90", "tf first=1", "1@10001:4000"},
		{"NMI", "90 90", "nmi=1", "2@10001"},
		{"NMI after MOV SS", "8e d0 90 90", "rax=10 nmi=1", "2@10003"},
		{"NMI after STI", "fb 90 90", "nmi=1", "2@10002"},
		{"NMI wakes HLT", "f4 90", "nmi=9", "2@10001"},
		{"NMI, blocked until IRET", "90 90", "nmi=1 nmi=2", "2@10001 2@10001"},
		{"NMI, IRET that faults", "90", "nmi=1 nmi=2 badiret first=3", "2@10001 13@a047:rf:efff8 2@a1a0"},
		{"NMI in REP", "f3 aa", "rcx=3 rdi=20000 nmi=1", "2@10000:rf"},
		{"NMI after a trap", "90 90", "tf nmi=1 first=2", "1@10001:4000 2@a020"},
		{"NMI before a code breakpoint", "90 90", "dr0=10001 dr7=1 nmi=1 resume", "2@10001 1@10001:1"},
	} {
		e.run(t)
	}
}

// TestSMAP: SDM vol. 3A, 4.6.1. The data page is the user's, the stack is not.
func TestSMAP(t *testing.T) {
	const on = "cr4=200000 rbx=20000 rcx=c "
	for _, e := range []events{
		{"read", "8b 03", on, "14@10000:rf:e1"},
		{"write", "89 03", on, "14@10000:rf:e3"},
		{"off", "8b 03", "rbx=20000", ""},
		{"AC", "8b 03 89 03", on + "ac", ""},
		{"supervisor's page", "50 58", on, ""},
		{"STAC, CLAC", "0f 01 cb 8b 03 0f 01 ca 8b 03", on, "14@10008:rf:e1"},
		{"POPF", "68 02 00 04 00 9d 8b 03 6a 02 9d 8b 03", on, "14@1000b:rf:e1"},
		{"descriptor, whatever AC", "0f 02 c1", on + "ac ldt=20000", "14@10000:rf:e1"},
		{"turned off", "0f 22 e0 8b 03", on + "rax=620", ""},
	} {
		e.run(t)
	}
}
