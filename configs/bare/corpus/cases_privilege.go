package corpus

import "slices"

// privilege is what ring 3 may not do, and SYSCALL's and SYSRET's way.
var privilege = slices.Concat(refused(), []Case{
	{Name: "SYSCALL", Section: "APM 3 SYSCALL", Mode: User, Show: "fl", Code: "syscall\n@t:", Want: "end cs=8 ss=10 rax=+2 rbx=2 fl=[]"},
	{Name: "SYSCALL masks flags", Section: "APM 3 SYSCALL", Show: "fl", Code: "mov r11d, 0x40600\nmov ecx, 0xc0000084\nmov eax, 0x40200\nxor edx, edx\nwrmsr\ncall ring3\nsyscall\n@t:", Want: "end sp=sp rax=+1b rbx=40602 fl=[DF]",
		Differ: "qemu: clears DF, which the mask keeps"},
	{Name: "SYSCALL without SCE", Section: "APM 3 SYSCALL", Code: "mov ecx, 0xc0000080\nrdmsr\nbtc eax, 0\nwrmsr\nsyscall", Want: "#UD ip+d"},
	{Name: "SYSCALL in compatibility mode", Section: "APM 3 SYSCALL", Mode: User32, Show: "fl", Code: "syscall\n@t:", Want: "end cs=8 ss=10 rax=+2 rbx=2 fl=[]"},
	{Name: "SYSRET to 64-bit mode", Section: "APM 3 SYSRET", Show: "fl", Code: "mov ecx, @t+USER\nmov r11d, 0x43602\ndb 0x48\nsysret\n@t:", Want: "end cs=33 ss=2b fl=[IF DF AC IOPL3]"},
	{Name: "SYSRET to compatibility mode", Section: "APM 3 SYSRET", Show: "fl", Code: "mov rcx, @t+USER\nbts rcx, 40\nmov r11d, 2\nsysret\n@t:", Want: "end cs=23 ss=2b fl=[]"},
	{Name: "SYSRET, not canonical", Section: "APM 3 SYSRET", Code: "mov rcx, 0x800000000000\nmov r11d, 2\ndb 0x48\nsysret", Want: "#GP(0) ip=800000000000 cs=33 ss=2b",
		Differ: "bochs: #GP in ring 0 as Intel; AMD checks after, APM 3 SYSRET"},
	{Name: "SYSRET without SCE", Section: "APM 3 SYSRET", Code: "mov ecx, 0xc0000080\nrdmsr\nbtc eax, 0\nwrmsr\nsysret", Want: "#UD ip+d"},
	{Name: "SYSENTER in long mode", Section: "APM 3 SYSENTER", Code: "mov ecx, 0x174\nmov eax, 8\nxor edx, edx\nwrmsr\ndb 0x0f, 0x34", Want: "#UD ip+e",
		Differ: "bochs: takes it as Intel; #UD on AMD, APM 3 SYSENTER"},
	{Name: "SYSEXIT in long mode", Section: "APM 3 SYSEXIT", Code: "mov ecx, 0x174\nmov eax, 8\nxor edx, edx\nwrmsr\ndb 0x0f, 0x35", Want: "#UD ip+e",
		Differ: "bochs: takes it as Intel; #UD on AMD, APM 3 SYSENTER"},
	{Name: "OUT to an allowed port", Section: "SDM 1 19.5.2", Mode: User, Code: "out 0x80, al", Want: "end"},
	{Name: "OUT to a port beside it", Section: "SDM 1 19.5.2", Mode: User, Code: "out 0x81, al", Want: "#GP(0) ip+0"},
	{Name: "OUT of two bytes, one allowed", Section: "SDM 1 19.5.2", Mode: User, Code: "mov edx, 0x80\nout dx, ax", Want: "#GP(0) ip+5"},
	{Name: "OUT beyond the bitmap", Section: "SDM 1 19.5.2", Mode: User, Code: "mov edx, 0x4080\nout dx, al", Want: "#GP(0) ip+5"},
	{Name: "OUT without a bitmap", Section: "SDM 1 19.5.2", Code: "mov word [TSS+0x66], 0xe8\ncall ring3\nout 0x80, al", Want: "#GP(0) ip+e cs=33 ss=2b sp=sp"},
	{Name: "OUT with IOPL 3", Section: "SDM 1 19.5.1", Code: "mov r11d, 0x3000\ncall ring3\nout 0x81, al", Want: "end cs=33 ss=2b sp=sp"},
	{Name: "CLI with IOPL 3", Section: "SDM 2A CLI", Show: "fl", Code: "mov r11d, 0x3200\ncall ring3\ncli", Want: "end cs=33 ss=2b sp=sp fl=[IOPL3]"},
	{Name: "STI with IOPL 3", Section: "SDM 2B STI", Show: "fl", Code: "mov r11d, 0x3000\ncall ring3\nsti", Want: "end cs=33 ss=2b sp=sp fl=[IF IOPL3]"},
	{Name: "POPF in ring 3", Section: "SDM 2B POPF", Mode: User, Show: "fl", Code: "push 0x47602\npopfq", Want: "end fl=[DF NT AC]"},
	{Name: "POPF in ring 3, IOPL 3", Section: "SDM 2B POPF", Show: "fl", Code: "mov r11d, 0x3000\ncall ring3\npush 0x202\npopfq", Want: "end cs=33 ss=2b sp=sp fl=[IF IOPL3]"},
	{Name: "POPF in ring 0", Section: "SDM 2B POPF", Show: "fl", Code: "push 0x37402\npopfq", Want: "end fl=[DF NT IOPL3]"},
	{Name: "RDTSC with TSD", Section: "SDM 2B RDTSC", Code: "mov rax, cr4\nor eax, 4\nmov cr4, rax\nrdtsc\ncall ring3\nrdtsc", Want: "#GP(0) ip+10 cs=33 ss=2b sp=sp"},
	{Name: "RDTSC in ring 3", Section: "SDM 2B RDTSC", Mode: User, Code: "rdtsc\nxor eax, eax", Want: "end"},
	{Name: "SMSW in ring 3", Section: "SDM 2B SMSW", Mode: User, Code: "smsw ax", Want: "end rax=33"},
	{Name: "STR in ring 3", Section: "SDM 2B STR", Mode: User, Code: "str eax", Want: "end rax=38"},
	{Name: "UMIP: SGDT", Section: "SDM 3A 2.5", Code: umip + "sgdt [rsp-64]", Want: "#GP(0) ip+f cs=33 ss=2b sp=sp",
		Differ: "bochs: its Ryzen has no UMIP"},
	{Name: "UMIP: SIDT", Section: "SDM 3A 2.5", Code: umip + "sidt [rsp-64]", Want: "#GP(0) ip+f cs=33 ss=2b sp=sp",
		Differ: "bochs: its Ryzen has no UMIP"},
	{Name: "UMIP: SLDT", Section: "SDM 3A 2.5", Code: umip + "sldt eax", Want: "#GP(0) ip+f cs=33 ss=2b sp=sp",
		Differ: "bochs: its Ryzen has no UMIP"},
	{Name: "UMIP: SMSW", Section: "SDM 3A 2.5", Code: umip + "smsw eax", Want: "#GP(0) ip+f cs=33 ss=2b sp=sp",
		Differ: "bochs: its Ryzen has no UMIP"},
	{Name: "UMIP: STR", Section: "SDM 3A 2.5", Code: umip + "str eax", Want: "#GP(0) ip+f cs=33 ss=2b sp=sp",
		Differ: "bochs: its Ryzen has no UMIP"},
	{Name: "alignment check", Section: "SDM 3A 6.15 #AC", Code: check + "mov eax, [rsp-5]", Want: "#AC(0) ip+15 cs=33 ss=2b sp=sp",
		Differ: "qemu: has none"},
	{Name: "alignment check, aligned", Section: "SDM 3A 6.15 #AC", Code: check + "mov rax, [rsp-8]", Want: "end cs=33 ss=2b sp=sp rax=202"},
	{Name: "alignment check, one byte", Section: "SDM 3A 6.15 #AC", Code: check + "mov bl, [rsp-5]", Want: "end cs=33 ss=2b sp=sp"},
	{Name: "alignment check without AC", Section: "SDM 3A 6.15 #AC", Code: "mov rax, cr0\nbts eax, 18\nmov cr0, rax\ncall ring3\nmov ebx, [rsp-5]", Want: "end cs=33 ss=2b sp=sp"},
	{Name: "alignment check, not present", Section: "SDM 3A 6.9", Code: check + "mov eax, [0x1001]", Want: "#AC(0) ip+15 cs=33 ss=2b sp=sp",
		Differ: "qemu: has none"},
	{Name: "no alignment check in ring 0", Section: "SDM 3A 6.15 #AC", Code: "mov rax, cr0\nbts eax, 18\nmov cr0, rax\npushfq\nor dword [rsp], 0x40000\npopfq\nmov ebx, [rsp-5]", Want: "end rax=80050033"},
})

const (
	umip  = "mov rax, cr4\nbts eax, 11\nmov cr4, rax\ncall ring3\n"
	check = "mov rax, cr0\nbts eax, 18\nmov cr0, rax\nmov r11d, 0x40000\ncall ring3\n"
)

// refused is a case for each instruction that ring 3 may not use.
func refused() (cases []Case) {
	for _, code := range []string{"hlt", "cli", "sti", "clts", "invd", "wbinvd", "lgdt [rsp-16]", "lidt [rsp-16]", "lldt ax", "ltr ax",
		"lmsw ax", "mov rax, cr0", "mov cr0, rax", "mov cr3, rax", "mov rax, cr8", "fromdr7 rax", "todr7 rax", "rdmsr", "wrmsr",
		"invlpg [rsp]", "swapgs", "sysret", "in al, 0x81", "out 0x81, al", "rdpmc"} {
		cases = append(cases, Case{Name: "ring 3 " + code, Section: "SDM 3A 5.9", Mode: User, Code: code, Want: "#GP(0) ip+0"})
	}
	return cases
}
