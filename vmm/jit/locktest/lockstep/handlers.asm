; The supervisor's side of a case. Every exception but #DB and NMI is recorded
; and its instruction stepped over, by NEXT: for each byte of the code pages the
; distance to where the next instruction begins. Capitals come from Go.

stubs:                        ; 16 bytes a vector
STUBS

common:                       ; vector, error code, frame
    push rax
    push rcx
    push rdx
    mov ecx, [COUNT]
    add ecx, 1
    mov [COUNT], ecx
    mov edx, ecx
    and ecx, 0x3f
    shl ecx, 6
    add ecx, RECORDS
    mov rax, [rsp+24]
    mov [rcx], rax
    mov rax, [rsp+32]
    mov [rcx+8], rax
    mov rax, [rsp+40]
    mov [rcx+16], rax
    mov rax, [rsp+48]
    mov [rcx+24], rax
    mov rax, [rsp+56]
    mov [rcx+32], rax
    mov rax, [rsp+64]
    mov [rcx+40], rax
    mov rax, cr2
    mov [rcx+48], rax
    mov eax, [rsp+24]
    cmp eax, 1
    je trap
    cmp eax, 2
    je out
    cmp eax, 0x20
    je out
    cmp eax, 0x30
    je toggle
    cmp eax, 17
    je unaligned
    cmp eax, 8
    je restart
skip:
    mov ecx, DATA                 ; 32-bit programs may have spoilt them
    mov ds, cx
    mov es, cx
    mov rax, [rsp+40]
    mov rcx, rax
    and ecx, 0x1f8000
    cmp ecx, CODE
    jne restart
    and eax, 0x3fff
    movzx ecx, byte [rax+NEXT]
    test ecx, ecx
    je restart
    add [rsp+40], rcx
    jmp out
restart:
    mov rax, [START]
    mov [rsp+40], rax
    mov rax, [START+8]
    mov [rsp+48], rax
    mov qword [rsp+56], 0x202
    mov qword [rsp+64], STACK
    mov rax, [START+16]
    mov [rsp+72], rax
    jmp out
unaligned:                    ; the program goes on without AC
    and dword [rsp+56], 0xfffbffff
    jmp out
trap:                         ; and now and then without TF
    and edx, 3
    jne out
    and dword [rsp+56], 0xfffffeff
    jmp out
toggle:                       ; INT 0x30: the other ring
    xor qword [rsp+48], 0x23
    xor qword [rsp+72], 0x33
out:
    pop rdx
    pop rcx
    pop rax
    add rsp, 16
    iretq

syscall:                      ; goes back to where, and with what flags, FLIPS say
    swapgs
    mov [SCRATCH], rcx
    add qword [CALLS], rcx
    mov [SAVED], rax
    mov eax, [SAVED+8]
    add eax, 16
    and eax, 0xf0
    mov [SAVED+8], eax
    xor rcx, [rax+FLIPS]
    xor r11, [rax+FLIPS+8]
    mov rax, [SAVED]
    swapgs
    sysretq

syscall32:
    mov [SCRATCH], rcx
    add qword [CALLS], rcx
    bts rsp, 40                   ; 32-bit code must not see it
    bts rbx, 50
    sysretd
