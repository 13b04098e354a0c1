; As handlers.asm, for programs in legacy mode. There is one stack for what comes
; in ring 3; in ring 0 it is the program's.
bits 32

stubs:                        ; 16 bytes a vector
STUBS

common:                       ; vector, error code, EIP, CS, EFLAGS
    push rax
    push rcx
    push rdx
    mov eax, DATA
    mov ds, ax
    mov es, ax
    mov ecx, [COUNT]
    add ecx, 1
    mov [COUNT], ecx
    mov edx, ecx
    and ecx, 0x3f
    shl ecx, 6
    add ecx, RECORDS
    mov eax, [rsp+12]
    mov [rcx], eax
    mov eax, [rsp+16]
    mov [rcx+4], eax
    mov eax, [rsp+20]
    mov [rcx+8], eax
    mov eax, [rsp+24]
    mov [rcx+12], eax
    mov eax, [rsp+28]
    mov [rcx+16], eax
    mov rax, cr2
    mov [rcx+20], eax
    mov eax, [rsp+12]
    cmp eax, 1
    je trap
    cmp eax, 2
    je out
    cmp eax, 0x20
    je out
    cmp eax, 0x30
    je out
    cmp eax, 17
    je unaligned
    cmp eax, 8
    je restart
skip:
    mov eax, [rsp+20]
    mov ecx, eax
    and ecx, 0x1f8000
    cmp ecx, CODE
    jne restart
    and eax, 0x3fff
    movzx ecx, byte [rax+NEXT]
    test ecx, ecx
    je restart
    add [rsp+20], ecx
    jmp out
restart:
    mov esp, [START+24]
    push qword [START+16]
    push STACK
    push 0x202
    push qword [START+8]
    push qword [START]
    iretd
unaligned:                    ; the program goes on without AC
    and dword [rsp+28], 0xfffbffff
    jmp out
trap:                         ; and now and then without TF
    and edx, 3
    jne out
    and dword [rsp+28], 0xfffffeff
out:
    pop rdx
    pop rcx
    pop rax
    add esp, 8
    iretd

syscall:
    mov [SCRATCH], ecx
    add [CALLS], ecx
    sysretd
