package corpus

// modeSwitches is switches of mode, SMAP, PCID and NMI. The local APIC stays enabled
// after these cases: they come last.
var modeSwitches = []Case{
	{Name: "paging off and on in compatibility mode", Section: "SDM 3A 9.8.5.4", Mode: Kernel32,
		Code: "mov rax, cr0\nbtc eax, 31\nmov cr0, rax\nmov ecx, 0xc0000080\nrdmsr\nmov ebx, eax\nmov rax, cr0\nbtc eax, 31\nmov cr0, rax\nrdmsr", Want: "end rax=d01 rbx=901"},
	{Name: "PAE paging and back", Section: "SDM 3A 9.8.5.4", Mode: Kernel32,
		Code: pae + "mov ebx, [rsi]\n" + long, Want: "end rax=801 rbx=182001",
		Differ: "qemu: sets A in the PDPTE, which has none, SDM 3A 4.4.1"},
	{Name: "PAE paging, A and D", Section: "SDM 3A 4.8", Mode: Kernel32,
		Code: pae + "mov edi, PAGES+0x2000\nmov [rdi], eax\nmov edi, PT0+16\nmov ebx, [rdi]\n" + long, Want: "end rax=801 rbx=202063"},
	{Name: "SMAP read", Section: "SDM 3A 4.6.1", Code: smap + "mov eax, [rdi]", Want: "#PF(1) ip+f cr2=40200000"},
	{Name: "SMAP read with AC", Section: "SDM 3A 4.6.1", Code: smap + "pushfq\nor dword [rsp], 0x40000\npopfq\nmov eax, [rdi]\nmov ebx, 1", Want: "end rbx=1"},
	{Name: "SMAP and STAC", Section: "SDM 2B STAC", Show: "fl", Code: smap + "stac\nmov eax, [rdi]\nmov ebx, 1", Want: "end rbx=1 fl=[AC]"},
	{Name: "SMAP and an implicit access", Section: "SDM 3A 4.6.1",
		Code: smap + "pushfq\nor dword [rsp], 0x40000\npopfq\nmov word [PAGES], 0x107\nmov qword [PAGES+2], UPAGES\nlgdt [PAGES]\nmov eax, 0x10\nmov ds, ax", Want: "shutdown"},
	{Name: "STAC in ring 3", Section: "SDM 2B STAC", Mode: User, Code: "stac", Want: "#UD ip+0"},
	{Name: "CR3 with a PCID, without PCIDE", Section: "SDM 3A 4.10.1", Code: "mov rax, cr3\nor eax, 0x18\nmov cr3, rax\nmov rax, cr3", Want: "end rax=180018"},
	{Name: "NMI", Section: "SDM 3A 6.7", Resume: []uint8{2}, Code: apic + "mov dword [rdi+0x300], 0x4400\nnop\nnop\nnop", Want: "#NMI ip+3b; end",
		Differ: "qemu: the interrupt command takes its time, which no section bounds"},
	{Name: "NMI waits for IRET", Section: "SDM 3A 6.7.1",
		Code: apic + "mov ecx, 2\nlea rax, [@h]\nmov edx, 0x8e00\ncall gate\nmov edi, 0x400000\nmov dword [rdi+0x300], 0x4400\nnop\nnop\nnop\nmov eax, r10d\njmp @e\n" +
			"@h:\ninc ebx\ncmp ebx, 1\njne @o\nmov dword [rdi+0x300], 0x4400\nnop\nnop\nnop\nmov r10d, ebx\n@o:\niretq\n@e:", Want: "end rax=1 rbx=2",
		Differ: "qemu: the interrupt command takes its time, which no section bounds"},
	{Name: "NMI does not care for IF", Section: "SDM 3A 6.7", Resume: []uint8{2}, Show: "fl", Code: apic + "sti\nmov dword [rdi+0x300], 0x4400\nnop\nnop\nnop\ncli", Want: "#NMI ip+3c fl=[IF]; end fl=[]"},
}

const (
	// leave goes from compatibility mode to 32-bit mode without paging.
	leave = "mov rax, cr0\nbtc eax, 31\nmov cr0, rax\nmov ecx, 0xc0000080\nrdmsr\nbtc eax, 8\nwrmsr\n"
	// pae turns on PAE paging with its first level at PAGES; EAX at the end is EFER.
	pae = "mov eax, 0x2b\nmov ds, ax\nmov esi, PAGES\nmov dword [rsi], PD0+1\n" + leave +
		"mov cr3, rsi\nmov rax, cr0\nbtc eax, 31\nmov cr0, rax\nrdmsr\nmov ebp, eax\n"
	// long goes back to compatibility mode.
	long = "mov rax, cr0\nand eax, 0x7fffffff\nmov cr0, rax\nmov ecx, 0xc0000080\nrdmsr\nbts eax, 8\nwrmsr\n" +
		"mov eax, PML4\nmov cr3, rax\nmov rax, cr0\nbts eax, 31\nmov cr0, rax\nmov eax, ebp"

	smap = "mov rax, cr4\nbts eax, 21\nmov cr4, rax\nmov edi, UPAGES\n"
	apic = "mov eax, 0xfee0009b\nmov [PD0+16], rax\nmov edi, 0x400000\nmov dword [rdi+0xf0], 0x1ff\nmov dword [rdi+0x350], 0x700\nmov dword [rdi+0x310], 0\nxor eax, eax\n"
)
