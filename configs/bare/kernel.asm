; The kernel: everything in ring 0. Constants in capitals without a value here
; come from Options.

PML4   = 0x180000
PDPT   = 0x181000
PD0    = 0x182000
PT0    = 0x183000
PD1    = 0x184000
PT1    = 0x185000
PD3    = 0x186000
IDT    = 0x187000
TSS    = 0x188000
PERCPU = 0x188800             ; +0 kernel stack, +8 the program's stack
IST    = 0x18b000             ; tops of stacks
KSTACK = 0x18d000
USTACK = 0x190000             ; physical; pages below
TXRING = 0x190000             ; 4096 bytes
KEYBUF = 0x191000             ; 256 bytes
POOL   = 0x1a0000             ; 64 pages
DATA   = 0x1e0000             ; 16 pages of the program
END    = 0x200000
UCODE  = 0x40000000           ; the program's addresses
UDATA  = 0x40040000
UTOP   = 0x40060000
HEAP   = 0x40100000
PROG   = 0x103000             ; the program's pages: image, physical
FLIPPAGE = 1                  ; which of them flip exchanges with the next, at an odd page
HEAPPT = 0x185800             ; PT1 + 8 * 0x100
COM    = 0x3f8
APICVEC = 0x40

start:                        ; offset 0 is the 32-bit entry, not used
    hlt
    page 0x200
    cli
    cld
    mov rsp, KSTACK
    mov dx, COM+1
    mov al, 0
    out dx, al
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
    mov al, 0x47              ; FIFOs on and empty, trigger at 4
    out dx, al
    mov dx, COM+4
    mov al, 0x0b
    out dx, al
    lea rsi, [hello]
    call polled

    ; descriptors
    lgdt [gdtr]
    mov eax, 0x10
    mov ds, ax
    mov es, ax
    mov ss, ax
    mov eax, 0
    mov fs, ax
    mov gs, ax
    push 8
    lea rax, [reload]
    push rax
    db 0x48, 0xcb             ; RETFQ
reload:
    mov rdi, TSS
    xor eax, eax
    mov ecx, 13
    rep stosq
    mov rdi, TSS
    mov rax, KSTACK
    mov [rdi+4], rax
    mov rax, IST
    mov [rdi+0x24], rax
    mov word [rdi+0x66], 0x68
    mov eax, 0x30
    ltr ax
    ; interrupts: stubs for exceptions, then what the list says
    xor ecx, ecx
exceptions:
    mov eax, ecx
    shl eax, 3
    add eax, stubs
    mov edx, 0x8e00
    call gate
    inc ecx
    cmp ecx, 32
    jb exceptions
    lea rsi, [gates]
listed:
    lodsd
    mov ecx, eax
    lodsd
    mov edx, eax
    lodsd
    call gate
    cmp dword [rsi], 0
    jne listed
    lidt [idtr]

    ; page tables: 2 MiB one to one, the program's, the APICs'
    mov rdi, PML4
    xor eax, eax
    mov ecx, 7*512
    rep stosq
    mov qword [PML4], PDPT+7
    mov qword [PDPT], PD0+3
    mov qword [PDPT+8], PD1+7
    mov qword [PDPT+24], PD3+3
    mov qword [PD0], PT0+3
    mov qword [PD1], PT1+7
    mov eax, 0xfec0009b       ; 2 MiB, not cached
    mov [PD3+502*8], rax
    mov eax, 0xfee0009b
    mov [PD3+503*8], rax
    mov ebx, PT0
    mov ecx, 512
    mov eax, 3
    call mapping
    mov ecx, 0xc0000080       ; EFER: NXE, SCE
    rdmsr
    or eax, 0x801
    wrmsr
    mov rax, PML4
    mov cr3, rax
    mov ebx, PT1
    mov eax, PROG+7
    mov ecx, 3
    call mapping
    mov ebx, PT1+0x40*8
    mov rax, 0x80000000001e0007   ; DATA, not executable
    mov ecx, 16
    call mapping
    mov rax, 0x800000000018e007   ; USTACK - 2 pages
    mov ebx, PT1+0x5e*8
    mov ecx, 2
    call mapping
    mov rax, cr0
    and eax, 0x9ffffff1       ; no CD, NW, TS, EM
    or eax, 0x10032           ; WP, NE, ET, MP
    mov cr0, rax
    mov rax, cr4
    or eax, 0x600             ; OSFXSR, OSXMMEXCPT
    mov cr4, rax
    mov ecx, 0xc0000081       ; STAR
    xor eax, eax
    mov edx, 0x180008
    wrmsr
    inc ecx                   ; LSTAR
    mov eax, syscalls
    xor edx, edx
    wrmsr
    mov ecx, 0xc0000084       ; SFMASK: IF, DF, TF
    mov eax, 0x700
    wrmsr
    mov ecx, 0xc0000102       ; KernelGSBase
    mov eax, PERCPU
    wrmsr
    mov rax, KSTACK
    mov [PERCPU], rax

    ; 8259s at 20h and 28h: timer, cascade, COM1
    lea rsi, [pics]
pic:
    movzx edx, word [rsi]
    mov al, [rsi+2]
    out dx, al
    add rsi, 3
    cmp word [rsi], 0
    jne pic
    mov al, 0x34              ; counter 0: mode 2
    out 0x43, al
    mov al, 1193-4*256
    out 0x40, al
    mov al, 4
    out 0x40, al
    mov eax, APIC
    test eax, eax
    je noapic
    mov ebx, 0xfee00000
    mov dword [rbx+0xf0], 0x1ff
    mov dword [rbx+0x3e0], 3  ; divide by 16
    mov dword [rbx+0x320], 0x20000+APICVEC
    mov dword [rbx+0x380], 43210
noapic:
    mov byte [ier], 1
    mov dx, COM+1
    mov al, 1
    out dx, al
    ; off to ring 3
    push 0x23
    mov eax, UTOP
    push rax
    push 0x202
    push 0x2b
    mov eax, UCODE
    push rax
    xor eax, eax
    iretq

; mapping: ecx entries from ebx on map pages from rax on, flags in rax.
mapping:
    mov [rbx], rax
    add rax, 0x1000
    add ebx, 8
    dec ecx
    jne mapping
    ret

; gate: IDT entry ecx, handler eax, type and IST edx.
gate:
    mov r8d, ecx
    shl r8d, 4
    add r8d, IDT
    mov [r8], ax
    mov word [r8+2], 8
    mov [r8+4], dx
    shr eax, 16
    mov [r8+6], eax
    mov dword [r8+10], 0
    mov word [r8+14], 0
    ret

; polled: writes the text at rsi, up to its NUL, without interrupts.
polled:
    mov dx, COM+5
    in al, dx
    test al, 0x20
    je polled
    lodsb
    test al, al
    je return
    mov dx, COM
    out dx, al
    jmp polled
return:
    ret

; Interrupts.

timer:
    push rax
    inc qword [ticks]
    mov al, 0x20
    out 0x20, al
    pop rax
    iretq

apictimer:
    push rax
    inc qword [apicticks]
    mov eax, 0xfee000b0
    mov dword [rax], 0
    pop rax
    iretq

spurious:
    iretq

serial:
    push rax
    push rcx
    push rdx
    push rsi
serialnext:
    mov dx, COM+2
    in al, dx
    test al, 1
    jne serialend
    and al, 6
    cmp al, 4
    je receive
    cmp al, 2
    je transmit
    mov dx, COM+5             ; line or modem status: read both
    in al, dx
    inc dx
    in al, dx
    jmp serialnext
receive:
    mov dx, COM+5
    in al, dx
    test al, 1
    je serialnext
    mov dx, COM
    in al, dx
    mov ecx, [keyhead]
    mov rsi, KEYBUF
    mov [rsi+rcx], al
    inc cl
    mov [keyhead], ecx
    call put                  ; echo
    mov dx, COM+1
    mov al, 3
    mov [ier], al
    out dx, al
    jmp receive
transmit:
    mov ecx, 16
fill:
    mov esi, [txtail]
    cmp esi, [txhead]
    je drained
    mov rdx, TXRING
    mov al, [rdx+rsi]
    inc esi
    and esi, 4095
    mov [txtail], esi
    mov dx, COM
    out dx, al
    dec ecx
    jne fill
    jmp serialnext
drained:
    mov al, 1
    mov [ier], al
    mov dx, COM+1
    out dx, al
    jmp serialnext
serialend:
    mov al, 0x20
    out 0x20, al
    pop rsi
    pop rdx
    pop rcx
    pop rax
    iretq

; put: byte al into the ring, or nowhere when it is full. CF: it was full.
; Uses rsi and rdx; interrupts are off.
put:
    mov esi, [txhead]
    mov rdx, TXRING
    mov [rdx+rsi], al
    inc esi
    and esi, 4095
    cmp esi, [txtail]
    stc
    je return
    mov [txhead], esi
    clc
    ret

; Exceptions. Those that the program makes on purpose are counted; #DE and #UD
; come from instructions of two bytes.

skip:
    add qword [rsp], 2
count:
    inc qword [traps]
    iretq

pagefault:
    push rax
    push rcx
    push rdx
    mov rax, cr2
    sub rax, HEAP
    cmp rax, 64*4096
    jae unexpected
    inc qword [faults]
    shr eax, 12
    mov rcx, HEAPPT
    lea rcx, [rcx+rax*8]
    mov rdx, [rcx]
    test edx, 1
    jne upgrade
    shl eax, 12
    add eax, POOL+5           ; present, user
    test byte [rsp+24], 2     ; a write?
    je readonly
    or eax, 2
readonly:
    bts rax, 63
    mov [rcx], rax
    jmp mapped
upgrade:
    inc qword [upgrades]
    or dword [rcx], 2
    mov rax, cr2
    invlpg [rax]
mapped:
    pop rdx
    pop rcx
    pop rax
    add rsp, 8
    iretq
unexpected:
    mov r15d, 14
    jmp tell

panic:                        ; the vector was pushed by its stub
    pop r15
tell:
    mov r14, rsp
    lea rsi, [panics]
    call polled
    mov rax, r15
    call hex
    mov ecx, 3
tellmore:
    mov rax, [r14]
    call hex
    add r14, 8
    dec ecx
    jne tellmore
    mov rax, cr2
    call hex
    mov al, 0xff
    out 0xf4, al
    cli
    hlt
    jmp tell

; hex: rax in 16 digits, polled.
hex:
    mov rbx, rax
    mov r8d, 16
hexdigit:
    rol rbx, 4
    mov eax, ebx
    and eax, 15
    lea rsi, [digits]
    mov al, [rsi+rax]
    mov [onebyte], al
    lea rsi, [onebyte]
    call polled
    dec r8d
    jne hexdigit
    mov byte [onebyte], ' '
    lea rsi, [onebyte]
    call polled
    ret

; Calls: rax is the number, rdi and rsi arguments, rax the result.

syscalls:
    swapgs
    mov gs:[8], rsp
    mov rsp, gs:[0]
    push rcx
    push r11
    push rbx
    push rdx
    push rsi
    push rdi
    cmp eax, 12
    jae badcall
    lea rbx, [calls]
    call [rbx+rax*8]
    pop rdi
    pop rsi
    pop rdx
    pop rbx
    pop r11
    pop rcx
    mov rsp, gs:[8]
    swapgs
    sysretq
badcall:
    ud2

print:                        ; rdi text, rsi bytes
    mov rcx, rdi
    mov rbx, rsi
printnext:
    dec rbx
    js printed
printwait:
    mov al, [rcx]
    call put
    jae printput
    call transmitter
    sti
    hlt
    cli
    jmp printwait
printput:
    inc rcx
    jmp printnext
printed:
transmitter:
    mov al, 3
    mov [ier], al
    mov dx, COM+1
    out dx, al
    ret

key:                          ; -1: none
    mov eax, -1
    movzx ecx, byte [keytail]
    cmp cl, [keyhead]
    je return
    mov rsi, KEYBUF
    movzx eax, byte [rsi+rcx]
    inc cl
    mov [keytail], cl
    ret

idle:
    sti
    hlt
    cli
    ret

nap:                          ; an interrupt to itself waits when STI is reached, and
    mov eax, 0xfee00300       ; is taken when HLT is over
    mov dword [rax], 0x40000+APICVEC
    jmp idle

counters:                     ; rdi: 0 ticks, 1 APIC ticks, 2 faults, 3 upgrades, 4 traps
    lea rbx, [ticks]
    mov rax, [rbx+rdi*8]
    ret

unmap:                        ; the whole heap, each page invalidated
    mov rbx, HEAPPT
    mov rdi, HEAP
    mov ecx, 64
unmapnext:
    mov qword [rbx], 0
    invlpg [rdi]
    add rbx, 8
    add rdi, 4096
    dec ecx
    jne unmapnext
    ret

clearAD:                      ; in the heap's entries; nothing is invalidated
    mov rbx, HEAPPT
    mov ecx, 64
clearnext:
    lock and dword [rbx], -97
    add rbx, 8
    dec ecx
    jne clearnext
    ret

readAD:                       ; rdi 5: one bit a page for A; 6: for D
    mov rbx, HEAPPT+63*8
    xor eax, eax
    mov ecx, 64
readnext:
    mov rdx, [rbx]
    bt rdx, rdi
    adc rax, rax
    sub rbx, 8
    dec ecx
    jne readnext
    ret

flip:                         ; another page behind the crossing instruction
    xor dword [PT1+FLIPPAGE*8], 0x1000
    mov rax, FLIPPAGE*4096+UCODE
    invlpg [rax]
    ret

clock:                        ; BCD: year month day hour minute second
    mov al, 10
    out 0x70, al
    in al, 0x71
    test al, 0x80
    jne clock
    xor ebx, ebx
    lea rsi, [clockregs]
clocknext:
    lodsb
    test al, al
    js clockend
    out 0x70, al
    in al, 0x71
    shl rbx, 8
    mov bl, al
    jmp clocknext
clockend:
    mov rax, rbx
    ret

finish:                       ; the way of Options.End, when all is printed
    mov ecx, [txhead]
    cmp ecx, [txtail]
    je finished
    call idle
    jmp finish
finished:
    mov eax, ENDING
    cmp eax, 1
    je code
    cmp eax, 2
    je triple
    cmp eax, 3
    je reset
    mov dx, 0x604             ; PM1 control: SLP_TYP 5, SLP_EN
    mov ax, 0x3400
    out dx, ax
    hlt
code:
    mov dx, 0xf4
    mov eax, CODE
    out dx, eax
    hlt
triple:
    lidt [noidt]
    int3
reset:
    mov dx, 0xcf9
    mov al, 6
    out dx, al
    hlt

    align 16
gdt:
    dq 0, 0x00af9b000000ffff, 0x00cf93000000ffff, 0
    dq 0x00cff3000000ffff, 0x00affb000000ffff
    dq 0x0000891880000067, 0  ; TSS
gdtr:
    dw 63
    dq gdt
idtr:
    dw 4095
    dq IDT
noidt:
    dw 0
    dq 0
gates:                        ; vector, type and IST, handler
    dd 0, 0x8e00, skip
    dd 1, 0x8e00, count
    dd 3, 0xee00, count
    dd 6, 0x8e00, skip
    dd 8, 0x8e01, stubs+64
    dd 14, 0x8e00, pagefault
    dd 0x20, 0x8e00, timer
    dd 0x24, 0x8e00, serial
    dd 0x27, 0x8e00, spurious
    dd APICVEC, 0x8e00, apictimer
    dd 0x80, 0xee00, count
    dd 0xff, 0x8e00, spurious
    dd 0
pics:
    dw 0x20
    db 0x11
    dw 0x21
    db 0x20
    dw 0x21
    db 4
    dw 0x21
    db 1
    dw 0xa0
    db 0x11
    dw 0xa1
    db 0x28
    dw 0xa1
    db 2
    dw 0xa1
    db 1
    dw 0x21
    db 0xea
    dw 0xa1
    db 0xff
    dw 0
hello:
    db "bare: polled, before interrupts\r\n", 0
panics:
    db "\r\nbare: panic: vector, stack, CR2: ", 0
digits:
    db "0123456789abcdef"
onebyte:
    db 0, 0
clockregs:
    db 9, 8, 7, 4, 2, 0, 0xff
ier:
    db 0
    align 8
calls:
    dq print, key, idle, counters, unmap, clearAD, readAD, flip, clock, finish, nap, badcall
ticks:
    dq 0
apicticks:
    dq 0
faults:
    dq 0
upgrades:
    dq 0
traps:
    dq 0
keyhead:
    dd 0
keytail:
    dd 0
txhead:
    dd 0
txtail:
    dd 0
    align 16
