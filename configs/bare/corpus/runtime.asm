; The runtime: mode switch, descriptors, page tables, handlers, the printing of
; what they saw. Capitals without a value here come from Go.

PML4   = 0x180000
PDPT   = 0x181000
PD0    = 0x182000             ; 0..2 MiB large, then PT0
PT0    = 0x183000             ; 2..4 MiB by pages: supervisor
PD1    = 0x184000             ; the same memory at USER, for ring 3
PT1    = 0x185000
GDT    = 0x186000
IDT    = 0x187000
TSS    = 0x188000
LDT    = 0x188800
KSTACK = 0x190000             ; the runtime's
RSP0   = 0x194000
IST1   = 0x198000             ; double faults
IST2   = 0x19c000             ; the end of a case
IST4   = 0x1a0005             ; not aligned
STACK  = 0x1a4000             ; a case's
USTACK = 0x1a8000             ; a case's in ring 3, physical
LOG    = 0x1b0000
FIRST  = 0x1c0000             ; page tables of the mode switch
LOGEND = 0x1b0800             ; 16 records
LPD    = 0x1c4000             ; outside long mode: 0..4 MiB by pages, then large
LPT    = 0x1c5000             ; all for ring 3
LPDPT  = 0x1c6000             ; PAE paging by PD0 and PD1
LGDT   = 0x1c7000
LIDT   = 0x1c8000
LTSS   = 0x1c9000
RSP1   = 0x1cc000             ; ring 1's stack
PAGES  = 0x200000             ; 16 pages for cases
USER   = 0x40000000           ; + a physical address
UPAGES = 0x40200000
COM    = 0x3f8

; Multiboot, and the read-only memory's code, enter here in 32-bit mode; what
; follows means the same there as it looks here.
entry32:
    cli
    cld
    mov edi, FIRST
    mov ecx, 0xc00
    xor eax, eax
    rep stosd
    mov edi, FIRST
    mov dword [rdi], FIRST+0x1003
    mov dword [rdi+0x1000], FIRST+0x2003
    mov dword [rdi+0x2000], 0x83
    mov rax, cr4
    or eax, 0x20              ; PAE
    mov cr4, rax
    mov cr3, rdi
    mov ecx, 0xc0000080
    rdmsr
    or eax, 0x901             ; NXE, LME, SCE
    wrmsr
    mov rax, cr0
    and eax, 0x9fffffff
    or eax, 0x80000001        ; PG, PE
    mov cr0, rax
    mov edi, gdtfirst
    lgdt [rdi]
    db 0xea                   ; JMP ptr16:32
    dd entry64
    dw 8
gdtfirst:
    dw 0x107
    dq gdt

    page 0x200
entry64:
    cli
    cld
    mov rsp, KSTACK
    mov dx, COM+3
    mov al, 0x83
    out dx, al
    mov dx, COM
    mov al, 1                 ; 115 200 bits a second
    out dx, al
    mov dx, COM+1
    mov al, 0
    out dx, al
    mov dx, COM+3
    mov al, 3
    out dx, al
    mov dx, COM+2
    mov al, 7
    out dx, al
    mov edi, PML4
    mov ecx, 6*512
    xor eax, eax
    rep stosq
    lea rax, [cases]
    mov [current], rax
next:
    mov rbp, [current]
    cmp qword [rbp], 0
    je finished
    lea rsi, [rbp+24]
    call print
    mov al, 0x3a              ; a colon
    call putc
    call reset
    movzx ebx, byte [rbp+8]   ; mode
    cmp ebx, 4
    jae legacy
    shl ebx, 5
    lea rcx, [modes]
    add rbx, rcx
    push qword [rbx+8]
    push qword [rbx+16]
    push 2
    push qword [rbx]
    mov rax, [rbp]
    add rax, [rbx+24]
    push rax
    xor eax, eax
    xor ebx, ebx
    xor ecx, ecx
    xor edx, edx
    xor esi, esi
    xor edi, edi
    xor ebp, ebp
    xor r8d, r8d
    xor r9d, r9d
    xor r10d, r10d
    xor r11d, r11d
    xor r12d, r12d
    xor r13d, r13d
    xor r14d, r14d
    xor r15d, r15d
    iretq
done:
    cli
    mov eax, 0x400
    todr7 rax
    mov rsp, KSTACK
    mov r13, LOG
record:
    cmp r13, [logp]
    jae recorded
    mov r12d, 13
word:
    mov al, 32
    call putc
    mov rax, [r13]
    call hex
    add r13, 8
    dec r12d
    jne word
    add r13, 24
    mov al, 0x3b              ; a semicolon
    call putc
    jmp record
recorded:
    mov al, 10
    call putc
    mov rbp, [current]
    mov eax, [rbp+20]
    add rbp, rax
    mov [current], rbp
    jmp next
finished:
    lea rsi, [theend]
    call print
    mov dx, COM+5
drain:
    in al, dx
    test al, 0x40
    je drain
    mov dx, 0xf4              ; a debug exit
    mov eax, 0
    out dx, eax
    mov dx, 0x8900            ; Bochs
    lea rsi, [shutdown]
bochs:
    lodsb
    out dx, al
    test al, al
    jne bochs
    cli
    hlt

; modes: CS, SS, RSP, what is added to RIP.
modes:
    dq 8, 0x10, STACK, 0
    dq 0x33, 0x2b, USTACK+USER, USER
    dq 0x18, 0x10, STACK, 0
    dq 0x23, 0x2b, USTACK+USER, USER

; reset makes the same surroundings for every case.
reset:
    mov eax, 0x400
    todr7 rax
    mov eax, 0xffff0ff0
    todr6 rax
    mov eax, 0x80010033       ; PG WP NE ET MP PE
    mov cr0, rax
    mov eax, 0x620            ; PAE OSFXSR OSXMMEXCPT
    mov cr4, rax
    fninit
    ; page tables, which are in use, then the pages
    mov qword [PML4], PDPT+7
    mov qword [PML4+8], 0
    mov qword [PD0+16], 0
    mov qword [PD0+0xff8], 0
    mov qword [PDPT+24], 0
    mov qword [PDPT], PD0+7
    mov qword [PDPT+8], PD1+7
    mov qword [PD0], 0x83
    mov qword [PD0+8], PT0+7
    mov qword [PD1], 0x87
    mov qword [PD1+8], PT1+7
    mov edi, PT0
    mov eax, PAGES+3
    call ptes
    mov edi, PT1
    mov eax, PAGES+7
    call ptes
    mov eax, PML4
    mov cr3, rax
    mov edi, PAGES
    mov ecx, 16*512
    xor eax, eax
    rep stosq
    ; descriptors
    mov edi, GDT
    lea rsi, [gdt]
    mov ecx, 33
    rep movsq
    mov edi, LDT
    lea rsi, [ldt]
    mov ecx, 5
    rep movsq
    lgdt [gdtr]
    xor eax, eax
    lldt ax
    mov ds, ax
    mov es, ax
    mov fs, ax
    mov gs, ax
    mov eax, 0x10
    mov ss, ax
    mov edi, TSS
    xor eax, eax
    mov ecx, 13
    rep stosq
    mov rax, -1               ; I/O permissions
    mov ecx, 17
    rep stosq
    mov edi, TSS
    mov qword [rdi+4], RSP0
    mov qword [rdi+0x24], IST1
    mov qword [rdi+0x2c], IST2
    mov rax, 0x1234567812345678
    mov [rdi+0x34], rax
    mov qword [rdi+0x3c], IST4
    mov word [rdi+0x66], 0x68
    mov word [rdi+0x78], 0xfffe ; port 80h
    mov eax, 0x38
    ltr ax
    ; gates
    xor ecx, ecx
    lea rax, [stubs]
gates:
    mov edx, 0x8e00
    call gate
    add eax, 16
    inc ecx
    cmp ecx, 256
    jb gates
    lea rsi, [odd]
oddgate:
    movzx ecx, byte [rsi]
    mov eax, ecx
    shl eax, 4
    add eax, stubs
    mov edx, [rsi+4]
    call gate
    mov ax, [rsi+2]
    mov [r8+2], ax
    add rsi, 8
    cmp dword [rsi+4], 0
    jne oddgate
    mov dword [IDT+0xe5*16+8], 0x8000 ; its offset is not canonical
    lidt [idtr]
    ; model-specific registers
    mov ecx, 0xc0000080
    mov eax, 0xd01            ; NXE LMA LME SCE
    xor edx, edx
    wrmsr
    mov ecx, 0xc0000081
    xor eax, eax
    mov edx, 0x200008
    wrmsr
    inc ecx
    lea rax, [sysentry]
    xor edx, edx
    wrmsr
    inc ecx
    wrmsr
    inc ecx
    mov eax, 0x200
    wrmsr
    mov ecx, 0xc0000102
    xor eax, eax
    wrmsr
    mov ecx, 0x174
    wrmsr
    ; interrupt controllers at 20h and 28h, all masked; counter 0 silent
    lea rsi, [pics]
pic:
    movzx edx, word [rsi]
    mov al, [rsi+2]
    out dx, al
    add rsi, 3
    cmp word [rsi], 0
    jne pic
    mov rax, LOG
    mov [logp], rax
    ret

; ptes: 512 entries from rdi on, rax and further.
ptes:
    mov ecx, 512
pte:
    mov [rdi], rax
    add rdi, 8
    add rax, 4096
    dec ecx
    jne pte
    ret

; gate: IDT entry ecx, handler rax, type and IST edx.
gate:
    mov r8d, ecx
    shl r8d, 4
    add r8d, IDT
    mov [r8], ax
    mov word [r8+2], 8
    mov [r8+4], dx
    mov r9d, eax
    shr r9d, 16
    mov [r8+6], r9d
    mov dword [r8+10], 0
    mov word [r8+14], 0
    ret

; ring3 goes on behind the call in ring 3; flags are r11.
ring3:
    pop rax
    add rax, USER
    push 0x2b
    push USTACK+USER
    or r11, 2
    push r11
    push 0x33
    push rax
    xor eax, eax
    iretq

; pending lets counter 0 ask for an interrupt, which waits at vector 20h.
pending:
    mov al, 0xfe
    out 0x21, al
    mov al, 0x30              ; mode 0
    out 0x43, al
    mov al, 16
    out 0x40, al
    mov al, 0
    out 0x40, al
    mov al, 0x0a              ; IRR
    out 0x20, al
asked:
    in al, 0x20
    test al, 1
    je asked
    xor eax, eax
    ret

; common takes down what an interrupt or exception found, then ends the case or
; goes back to it.
common:
    push rax
    push rbx
    push rcx
    push rsi
    push rdi
    pushfq
    cld
    lea rsi, [rsp+48]
    mov rdi, [logp]
    mov ecx, 7                ; vector, error code, RIP, CS, RFLAGS, RSP, SS
    rep movsq
    mov rax, [rsp+40]
    stosq
    mov rax, [rsp+32]
    stosq
    mov rax, cr2
    stosq
    lea rax, [rsp+64]         ; where RIP was pushed
    stosq
    mov rax, [rsp]            ; RFLAGS in the handler
    stosq
    xor eax, eax
    cmp byte [rsp+48], 1
    jne nodr6
    fromdr6 rax
nodr6:
    stosq
    add rdi, 24
    mov [logp], rdi
    cmp rdi, LOGEND
    jae done
    mov rax, [current]
    mov eax, [rax+12]         ; vectors to come back from
    mov ecx, [rsp+48]
    cmp ecx, 0x20
    je irq
    cmp ecx, 32
    jae done
    bt eax, ecx
    jae done
back:
    add rsp, 8
    pop rdi
    pop rsi
    pop rcx
    pop rbx
    pop rax
    add rsp, 16
    iretq
irq:
    mov al, 0x20
    out 0x20, al
    jmp back

; sysentry is where SYSCALL goes.
sysentry:
    mov rax, rcx
    mov rbx, r11
    int 0xf0

; print, putc and hex write to COM1 without interrupts.
print:
    lodsb
    test al, al
    je return
    call putc
    jmp print
putc:
    push rdx
    push rax
    mov dx, COM+5
putwait:
    in al, dx
    test al, 0x20
    je putwait
    pop rax
    mov dx, COM
    out dx, al
    pop rdx
return:
    ret
hex:                          ; rax without leading zeros
    mov rbx, rax
    mov ecx, 16
hexskip:
    rol rbx, 4
    test bl, 15
    jne hexshow
    dec ecx
    jne hexskip
    inc ecx
hexshow:
    mov eax, ebx
    and eax, 15
    lea rsi, [digits]
    mov al, [rsi+rax]
    call putc
    rol rbx, 4
    dec ecx
    jne hexshow
    ret

    align 16
gdt:
    dq 0
    dq 0x00af9b000000ffff     ; 08 64-bit code
    dq 0x00cf93000000ffff     ; 10 data
    dq 0x00cf9b000000ffff     ; 18 32-bit code
    dq 0x00cffb000000ffff     ; 20 32-bit code, DPL 3
    dq 0x00cff3000000ffff     ; 28 data, DPL 3
    dq 0x00affb000000ffff     ; 30 64-bit code, DPL 3
    dq 0x00008918800000e8, 0  ; 38 TSS
    dq 0x0000821888000027, 0  ; 48 LDT
    dq 0x00cf13000000ffff     ; 58 data, not present
    dq 0x00af1b000000ffff     ; 60 64-bit code, not present
    dq 0x00cf91000000ffff     ; 68 data, read-only
    dq 0x00af99000000ffff     ; 70 64-bit code, not readable
    dq 0x00af9f000000ffff     ; 78 64-bit code, conforming
    dq 0x00cfb3000000ffff     ; 80 data, DPL 1
    dq 0x0010ec0000080000, 0  ; 88 call gate, DPL 3
    dq 0x4040f32000000fff     ; 98 data, DPL 3, base UPAGES, limit fff
    dq 0x4040f72000000fff     ; a0 data, DPL 3, base UPAGES, expand-down from 1000
    dq 0x4040fb2000000fff     ; a8 32-bit code, DPL 3, base UPAGES, limit fff
    dq 0x00ef9b000000ffff     ; b0 code, L and D
    dq 0x00cf92000000ffff     ; b8 data, not accessed
    dq 0x00000918800000e8, 0  ; c0 TSS, not present
    dq 0x00008b18800000e8, 0  ; d0 TSS, busy
    dq 0x0000021888000027, 0  ; e0 LDT, not present
    dq 0x0000801880000fff     ; f0 system, type 0
    dq 0x00af9a000000ffff     ; f8 64-bit code, not accessed
    dq 0x00afff000000ffff     ; 100 64-bit code, conforming, DPL 3
ldt:
    dq 0x00cf93000000ffff     ; 04 data
    dq 0x00cff3000000ffff     ; 0c data, DPL 3
    dq 0x00af9b000000ffff     ; 14 64-bit code
    dq 0x00cf13000000ffff     ; 1c data, not present
    dq 0x0000821888000027     ; 24 LDT
gdtr:
    dw 0x107
    dq GDT
idtr:
    dw 4095
    dq IDT
    align 8
odd:                          ; vector, 0, selector, type and IST
    dd 0x00080003, 0xee00
    dd 0x00080004, 0xee00
    dd 0x00080008, 0x8e01
    dd 0x000800f0, 0xee02     ; the end of a case
    dd 0x000800e0, 0x6e00     ; not present
    dd 0x000800e1, 0xe500     ; a task gate
    dd 0x000800e2, 0x8e00     ; DPL 0
    dd 0x000000e3, 0xee00     ; null selector
    dd 0x006000e4, 0xee00     ; segment not present
    dd 0x000800e5, 0xee00     ; offset not canonical
    dd 0x001000e6, 0xee00     ; data
    dd 0x001800e7, 0xee00     ; 32-bit code
    dd 0x000800e8, 0xef00     ; a trap gate
    dd 0x000800e9, 0xee03     ; stack not canonical
    dd 0x000800ea, 0xee04     ; stack not aligned
    dd 0x000800eb, 0xe600     ; a 16-bit gate
    dd 0x010800ec, 0xee00     ; beyond the GDT
    dd 0x003000ed, 0xee00     ; DPL 3
    dd 0x007800ee, 0xee00     ; conforming
    dd 0x001400ef, 0xee00     ; in the LDT
    dd 0, 0
pics:
    dw 0x43
    db 0x30
    dw 0x20
    db 0x11
    dw 0x21
    db 0x20
    dw 0x21
    db 4
    dw 0x21
    db 1
    dw 0x21
    db 0xff
    dw 0xa0
    db 0x11
    dw 0xa1
    db 0x28
    dw 0xa1
    db 2
    dw 0xa1
    db 1
    dw 0xa1
    db 0xff
    dw 0
theend:
    db "END", 10, 0
shutdown:
    db "Shutdown", 0
digits:
    db "0123456789abcdef"
    align 8

current:
    dq 0
logp:
    dq 0
entry:
    dq 0
