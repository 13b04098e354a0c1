package corpus

import (
	"slices"
	"strings"
)

// A Case is some instructions and what the manuals say becomes of them.
type Case struct {
	Name    string // unique
	Section string // what it tests: SDM volume and section, or APM
	Mode    Mode
	Code    string  // "@" begins a name of the case's own; INT F0h follows
	Show    string  // more about each event: "fl", the pushed flags; "handler", its stack and flags
	Resume  []uint8 // vectors below 32 from which the case goes on
	Bochs   string  // the model of Bochs's processor where its Ryzen has not what is tested
	Want    string  // the result by the manuals, as Decode tells it
	Differ  string  // "qemu, bochs: what they do, the section if it is another; ..."; empty: nobody
}

// Differs tells whether the case says of a machine that it differs.
func (c *Case) Differs(machine string) bool {
	for s := range strings.SplitSeq(c.Differ, "; ") {
		names, _, _ := strings.Cut(s, ":")
		if slices.Contains(strings.Split(names, ", "), machine) {
			return true
		}
	}
	return false
}

// A Mode is where a case begins.
type Mode uint8

// The modes.
const (
	Kernel   Mode = iota // ring 0, 64-bit
	User                 // ring 3, 64-bit
	Kernel32             // ring 0, compatibility mode
	User32               // ring 3, compatibility mode
	Legacy               // ring 0, 32-bit mode with 2-level paging
	Legacy3              // ring 3, the same
)

// modes are the registers that runtime.asm begins with.
var modes = [...]struct{ cs, ss, sp uint64 }{
	{8, 0x10, 0x1a4000}, {0x33, 0x2b, user + 0x1a8000}, {0x18, 0x10, 0x1a4000}, {0x23, 0x2b, user + 0x1a8000},
	{0x18, 0x10, 0x1a4000}, {0x23, 0x2b, 0x1a8000},
}

const (
	user      = 0x40000000 // ring 3's addresses begin here
	endVector = 0xf0
)

// stacks by name: a case's, and those that gates switch to.
var stacks = [...]struct {
	name string
	top  uint64
}{{"sp", 0x1a4000}, {"sp", user + 0x1a8000}, {"sp", 0x1a8000}, {"rsp0", 0x194000}, {"rsp1", 0x1cc000}, {"ist1", 0x198000}, {"ist2", 0x19c000}, {"ist4", 0x1a0005}}

// forms are instructions that only these cases use.
const forms = `
lar rv, mv     | 0f 02 /r
lsl rv, mv     | 0f 03 /r
sldt mv        | 0f 00 /0
str mv         | 0f 00 /1
lldt mw        | 0f 00 /2
verr mw        | 0f 00 /4
verw mw        | 0f 00 /5
sgdt m         | 0f 01 /0
sidt m         | 0f 01 /1
smsw mv        | 0f 01 /4
lmsw mw        | 0f 01 /6
clts           | 0f 06
invd           | 0f 08
wbinvd         | 0f 09
rdpmc          | 0f 33
rdtscp         | 0f 01 f9
retf           | cb
retfq          | w cb
iretd          | cf
icebp          | f1
pushf          | 9c
popf           | 9d
jmpf m         | ff /5
callf m        | ff /3
lss r4, m      | 0f b2 /r
todr0 mq       | 0f 23 /0
todr4 mq       | 0f 23 /4
todr6 mq       | 0f 23 /6
todr7 mq       | 0f 23 /7
fromdr4 mq     | 0f 21 /4
fromdr6 mq     | 0f 21 /6
fromdr7 mq     | 0f 21 /7
fxsave m       | 0f ae /0
ldmxcsr m      | 0f ae /2
fwait          | 9b
stac           | 0f 01 cb
fldcw m        | d9 /5
fldz           | d9 ee
jmp r8         | d64 ff /4
sysret         | 0f 07
monitor        | 0f 01 c8
movups x, xm   | 0f 10 /r
movaps x, xm   | 0f 28 /r
wrfsbase mq    | f3 w 0f ae /2
invpcid r8, m  | 66 0f 38 82 /r
lds r4, m      | c5 /r
les r4, m      | c4 /r
lfs r4, m      | 0f b4 /r
bound r4, m    | 62 /r
arpl mw, rv    | 63 /r
into           | ce
todr1 mq       | 0f 23 /1
rdpkru         | 0f 01 ee
rdpid mq       | f3 0f c7 /7
xgetbv         | 0f 01 d0
xsetbv         | 0f 01 d1
sysenter       | 0f 34
sysexit        | 0f 35
`
