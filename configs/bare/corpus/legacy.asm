; Outside long mode: what a case finds there, and the 32-bit half of the runtime.

; legacy makes a case's surroundings outside long mode, and goes there. The
; runtime of that mode is in 32-bit code.
legacy:
    sub ebx, 4
    shl ebx, 4
    lea rcx, [lmodes]
    add rbx, rcx
    mov rax, [rbp]
    mov [entry], rax
    mov edi, LPD
    mov ecx, 512
    xor eax, eax
    rep stosq
    mov dword [LPD], LPT+7
    mov dword [LPD+4], 0x400087
    mov edi, LPT
    mov eax, 7
    mov ecx, 1024
lpte:
    mov [rdi], eax
    add edi, 4
    add eax, 4096
    dec ecx
    jne lpte
    mov qword [LPDPT], PD0+1
    mov qword [LPDPT+8], PD1+1
    mov qword [LPDPT+16], 0
    mov qword [LPDPT+24], 0
    mov edi, LGDT
    lea rsi, [lgdt]
    mov ecx, 48
    rep movsq
    mov edi, LTSS
    xor eax, eax
    mov ecx, 13
    rep stosq
    mov rax, -1
    mov ecx, 17
    rep stosq
    mov dword [LTSS+4], RSP0
    mov dword [LTSS+8], 0x10
    mov dword [LTSS+12], RSP1
    mov dword [LTSS+16], 0x81
    mov dword [LTSS+100], 0x680000
    mov word [LTSS+0x78], 0xfffe ; port 80h
    xor ecx, ecx
    lea rax, [lstubs]
lgates:
    mov edx, 0x8e00
    call lgate
    add eax, 16
    inc ecx
    cmp ecx, 256
    jb lgates
    lea rsi, [lodd]
loddgate:
    movzx ecx, byte [rsi]
    mov eax, ecx
    shl eax, 4
    add eax, lstubs
    mov edx, [rsi+4]
    call lgate
    mov ax, [rsi+2]
    mov [rcx*8+LIDT+2], ax
    add rsi, 8
    cmp dword [rsi+4], 0
    jne loddgate
    push 0x18
    lea rax, [enter32]
    push rax
    retfq

; lgate: entry ecx of the IDT outside long mode, handler eax, type edx.
lgate:
    mov [rcx*8+LIDT], ax
    mov word [rcx*8+LIDT+2], 0x18
    mov [rcx*8+LIDT+4], dx
    push rax
    shr eax, 16
    mov [rcx*8+LIDT+6], ax
    pop rax
    ret

    bits 32
enter32:
    mov eax, 0x2b
    mov ds, ax
    mov es, ax
    mov eax, 0x10
    mov ss, ax
    mov rax, cr0
    and eax, 0x7fffffff
    mov cr0, rax
    mov ecx, 0xc0000080
    mov eax, 0x801            ; NXE SCE
    xor edx, edx
    wrmsr
    mov eax, 0x610            ; PSE OSFXSR OSXMMEXCPT
    mov cr4, rax
    mov eax, LPD
    mov cr3, rax
    mov eax, 0x80010033
    mov cr0, rax
    lgdt [lgdtr]
    lidt [lidtr]
    mov eax, 0x48
    lldt ax
    mov eax, 0x38
    ltr ax
    xor eax, eax
    mov fs, ax
    mov gs, ax
    mov edi, [rbx+8]
    mov esi, [rbx+4]
    mov ecx, [rbx]
    mov esp, edi
    test ecx, 3
    je ring0
    mov esp, KSTACK
    push rsi
    push rdi
ring0:
    push 2
    push rcx
    push qword [entry]
    xor eax, eax
    xor ebx, ebx
    xor ecx, ecx
    xor edx, edx
    xor esi, esi
    xor edi, edi
    xor ebp, ebp
    iretd

; lring3 goes on behind the call in ring 3; flags are ebp.
lring3:
    pop rax
    push 0x2b
    push USTACK
    or ebp, 2
    push rbp
    push 0x23
    push rax
    xor eax, eax
    iretd

; lpae goes over to PAE paging: what long mode maps in its first GiB, and USER.
lpae:
    mov rax, cr0
    and eax, 0x7fffffff
    mov cr0, rax
    mov rax, cr4
    or eax, 0x20
    mov cr4, rax
    mov eax, LPDPT
    mov cr3, rax
    mov rax, cr0
    or eax, 0x80000000
    mov cr0, rax
    xor eax, eax
    ret

; outer lets exceptions with error codes be handled in ring 3.
outer:
    mov eax, 0x20
    mov [LIDT+10*8+2], ax
    mov [LIDT+11*8+2], ax
    mov [LIDT+12*8+2], ax
    mov [LIDT+13*8+2], ax
    mov [LIDT+17*8+2], ax
    xor eax, eax
    ret

; to: EAX is where the gate of selector ECX leads.
to:
    mov [rcx+LGDT], ax
    push rax
    shr eax, 16
    mov [rcx+LGDT+6], ax
    pop rax
    ret

; lcommon is common outside long mode.
lcommon:
    push rax
    push rbx
    push rcx
    push rdx
    push rdi
    db 0x1e, 0x06             ; PUSH DS, ES
    pushf
    cld
    mov eax, 0x2b
    mov ds, ax
    mov es, ax
    xor eax, eax
    xor ebx, ebx
    mov cx, cs
    test cl, 3                ; ring 0's alone to see
    jne lnoregs
    mov rbx, cr2
    cmp byte [rsp+32], 1
    jne lnoregs
    fromdr6 rax
lnoregs:
    mov edx, esp
    push rax
    push qword [rdx]          ; flags in the handler
    lea eax, [rdx+40]
    push rax
    push rbx
    mov ebx, [rdx+24]
    push rbx
    push qword [rdx+28]
    lea ebx, [rdx+52]
    mov ax, ss
    mov cx, cs
    xor ecx, [rdx+44]
    test ecx, 3
    je lsame
    mov ebx, [rdx+52]
    movzx eax, word [rdx+56]
lsame:
    push rax
    push rbx
    push qword [rdx+48]       ; EFLAGS
    push qword [rdx+44]
    push qword [rdx+40]
    push qword [rdx+36]
    push qword [rdx+32]
    mov edi, [logp]
    mov ecx, 13
lword:
    pop rax
    stosd
    xor eax, eax
    stosd
    dec ecx
    jne lword
    add edi, 24
    mov [logp], edi
    cmp edi, LOGEND
    jae ldone
    mov eax, [current]
    mov eax, [rax+12]
    mov ecx, [rsp+32]
    cmp ecx, 32
    jae ldone
    bt eax, ecx
    jae ldone
    add esp, 4
    db 0x07, 0x1f             ; POP ES, DS
    pop rdi
    pop rdx
    pop rcx
    pop rbx
    pop rax
    add esp, 8
    iretd
ldone:
    mov ax, cs
    test al, 3
    je lring0
    mov dword [LTSS+4], RSP0  ; a handler of ring 1 or 3: one of ring 0 ends the case
    mov dword [LTSS+8], 0x10
    int 0xf0
lring0:
    cli
    mov dword [LGDT+0x38], 0x900000e8 ; long mode wants no 16-bit TSS
    mov dword [LGDT+0x3c], 0x891c
    mov eax, 0x38
    ltr ax
    mov rax, cr0
    and eax, 0x7fffffff
    mov cr0, rax
    mov eax, 0x620
    mov cr4, rax
    mov eax, PML4
    mov cr3, rax
    mov ecx, 0xc0000080
    mov eax, 0x901
    xor edx, edx
    wrmsr
    mov eax, 0x80010033
    mov cr0, rax
    lgdt [gdtr]
    db 0xea
    dd done
    dw 8
    bits 64

    align 16
lmodes:                       ; CS, SS, ESP
    dd 0x18, 0x10, STACK, 0
    dd 0x23, 0x2b, USTACK, 0
lgdtr:
    dw 0x17f
    dd LGDT
lidtr:
    dw 2047
    dd LIDT
    align 8
lgdt:
    dq 0
    dq 0x00af9b000000ffff     ; 08 code, L: 16-bit here
    dq 0x00cf93000000ffff     ; 10 data
    dq 0x00cf9b000000ffff     ; 18 code
    dq 0x00cffb000000ffff     ; 20 code, DPL 3
    dq 0x00cff3000000ffff     ; 28 data, DPL 3
    dq 0x00affb000000ffff     ; 30 code, L, DPL 3
    dq 0x0000891c900000e8, 0  ; 38 TSS
    dq 0x0000821888000027, 0  ; 48 LDT
    dq 0x00cf13000000ffff     ; 58 data, not present
    dq 0x00cf1b000000ffff     ; 60 code, not present
    dq 0x00cf91000000ffff     ; 68 data, read-only
    dq 0x00cf99000000ffff     ; 70 code, not readable
    dq 0x00cf9f000000ffff     ; 78 code, conforming
    dq 0x00cfb3000000ffff     ; 80 data, DPL 1
    dq 0x0000ec0000180000     ; 88 call gate, DPL 3
    dq 0x0000ec0200180000     ; 90 call gate, DPL 3, two parameters
    dq 0x0040f32000000fff     ; 98 data, DPL 3, base PAGES, limit fff
    dq 0x0040f72000000fff     ; a0 data, DPL 3, base PAGES, expand-down from 1000
    dq 0x0040fb2000000fff     ; a8 code, DPL 3, base PAGES, limit fff
    dq 0x0000f72000000fff     ; b0 data, DPL 3, base PAGES, expand-down, 1000 to ffff
    dq 0x00cf92000000ffff     ; b8 data, not accessed
    dq 0x0000091c900000e8     ; c0 TSS, not present
    dq 0x00008c0000180000     ; c8 call gate, DPL 0
    dq 0x00008b1c900000e8     ; d0 TSS, busy
    dq 0x00006c0000180000     ; d8 call gate, not present
    dq 0x0000021888000027     ; e0 LDT, not present
    dq 0x0000ec0000100000     ; e8 call gate to data
    dq 0x0000801880000fff     ; f0 system, type 0
    dq 0x00cf9a000000ffff     ; f8 code, not accessed
    dq 0x00cfff000000ffff     ; 100 code, conforming, DPL 3
    dq 0x0000ec0001180000     ; 108 call gate to DPL 1
    dq 0x0000ec0000000000     ; 110 call gate to null
    dq 0x00cfbb000000ffff     ; 118 code, DPL 1
    dq 0x000093200000ffff     ; 120 data, 16-bit, base PAGES
    dq 0x004093200000001f     ; 128 data, base PAGES, limit 1f
    dq 0x0000811c900000e8     ; 130 16-bit TSS
    dq 0x00409b20000000ff     ; 138 code, base PAGES, limit ff
    dq 0x0000ec0000780000     ; 140 call gate to conforming code
    dq 0x0000e40000180000     ; 148 16-bit call gate, DPL 3
    dq 0x0000ec0000600000     ; 150 call gate to code not present
    dq 0x0000ec0007f80000     ; 158 call gate beyond the GDT
    dq 0xffcff3fff000ffff     ; 160 data, DPL 3, base fffff000
    dq 0x0000f3200000ffff     ; 168 data, 16-bit, DPL 3, base PAGES
    dq 0x0040f1200000000f     ; 170 data, read-only, DPL 3, base PAGES, limit f
    dq 0x0040f9200000ffff     ; 178 code, not readable, DPL 3, base PAGES
lodd:                         ; vector, 0, selector, type
    dd 0x00180003, 0xee00
    dd 0x00180004, 0xee00
    dd 0x001800f0, 0xee00     ; the end of a case
    dd 0x001800e0, 0x6e00     ; not present
    dd 0x001800e2, 0x8e00     ; DPL 0
    dd 0x000000e3, 0xee00     ; null selector
    dd 0x006000e4, 0xee00     ; segment not present
    dd 0x013800e5, 0xee00     ; offset beyond the limit
    dd 0x001000e6, 0xee00     ; data
    dd 0x011800e7, 0xee00     ; DPL 1
    dd 0x001800e8, 0xef00     ; a trap gate
    dd 0x001800e9, 0xec00     ; a call gate
    dd 0x001800ea, 0xe200     ; an LDT
    dd 0x001800eb, 0xe600     ; a 16-bit gate
    dd 0x07f800ec, 0xee00     ; beyond the GDT
    dd 0x002000ed, 0xee00     ; DPL 3
    dd 0x007800ee, 0xee00     ; conforming
    dd 0x000400ef, 0xee00     ; data in the LDT
    dd 0, 0
