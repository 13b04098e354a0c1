; The program in ring 3. r13 is the sum, r14 counts rounds down, r15 up.

TAB    = UDATA
BUF    = UDATA+0x1000         ; 8 KiB
BUF2   = UDATA+0x4000
SIEVE  = UDATA+0x8000
LINE   = UDATA+0xf000
VECTOR = UDATA+0xe000         ; aligned operands
RESULT = UDATA+0xd000         ; +0 of patch, +8 to +32 of crossing, last to first

main:
    xor r13d, r13d
    xor r15d, r15d
    mov r14d, ROUNDS
    mov rdi, LINE
    lea rsi, [tclock]
    call text
    mov eax, 8
    syscall
    mov ecx, 12
    call number
    call endline
work:
    call round
    dec r14
    jne work
    mov eax, KEYLOOP
    test eax, eax
    jne menu
last:
    mov rdi, LINE
    lea rsi, [tsum]
    call text
    mov rax, r13
    mov ecx, 16
    call number
    xor ebx, ebx
counterloop:
    lea rsi, [tcounters]
    movzx eax, byte [rsi+rbx]
    add rsi, rax
    call text
    push rdi
    mov edi, ebx
    mov eax, 3
    syscall
    pop rdi
    mov ecx, 8
    call number
    inc ebx
    cmp ebx, 5
    jb counterloop
    lea rsi, [ttsc]
    call text
    rdtsc
    shl rdx, 32
    or rax, rdx
    mov ecx, 16
    call number
    call endline
    mov eax, 9
    syscall

; text: appends the NUL-terminated text at rsi to the line that ends at rdi.
text:
    lodsb
    test al, al
    je done
    stosb
    jmp text
done:
    ret

; number: appends rax in ecx hexadecimal digits.
number:
    mov edx, ecx
    shl ecx, 2
    ror rax, cl
numberdigit:
    rol rax, 4
    push rax
    and eax, 15
    cmp al, 10
    sbb cl, cl
    and cl, 39                ; 'a' - '9' - 1
    add al, 87                ; 'a' - 10
    sub al, cl
    stosb
    pop rax
    dec edx
    jne numberdigit
    ret

; endline: prints the line.
endline:
    mov ax, 0x0a0d
    mov [rdi], ax
    add rdi, 2
    mov rsi, rdi
    mov rdi, LINE
    sub rsi, rdi
    xor eax, eax
    syscall
    ret

mix:
    rol r13, 5
    xor r13, rax
    mov rax, 0x9e3779b97f4a7c15
    imul r13, rax
    ret

round:
    inc r15
    call filling
    call table
    call crc
    call mix
    call sieve
    call mix
    call stringmoves
    call mix
    mov edi, 12
    call fib
    call mix
    call muldiv
    call mix
    call bitwork
    call mix
    call atomics
    call mix
    mov eax, FLOAT
    test eax, eax
    je nofloat
    call packed
    call mix
    call doubles
    call mix
    call extended
    call mix
nofloat:
    call demand
    call patch
    call mix
    call crossing
    call exceptions3
    mov eax, 2                ; asleep until an interrupt
    syscall
    lea rax, [r15-1]
    test r15, rax
    jne done
; report: the round's line.
report:
    mov rdi, LINE
    lea rsi, [tround]
    call text
    mov rax, r15
    mov ecx, 8
    call number
    lea rsi, [tsum]
    call text
    mov rax, r13
    mov ecx, 16
    call number
    jmp endline

filling:
    mov rdi, BUF
    lea rax, [r13+r15]
    mov ecx, 1024
    mov rbx, 6364136223846793005
    mov rdx, 1442695040888963407
fillnext:
    imul rax, rbx
    add rax, rdx
    mov [rdi], rax
    add rdi, 8
    dec ecx
    jne fillnext
    ret

table:
    mov rdi, TAB
    xor edx, edx
tablenext:
    mov eax, edx
    mov ecx, 8
tablebit:
    shr eax, 1
    jae tablezero
    xor eax, 0xedb88320
tablezero:
    dec ecx
    jne tablebit
    mov [rdi+rdx*4], eax
    inc edx
    cmp edx, 256
    jne tablenext
    ret

crc:
    mov rsi, BUF
    mov rdi, TAB
    mov ecx, 2048
    mov eax, -1
crcnext:
    movzx edx, byte [rsi]
    inc rsi
    xor dl, al
    shr eax, 8
    xor eax, [rdi+rdx*4]
    dec ecx
    jne crcnext
    not eax
    ret

sieve:
    mov rdi, SIEVE
    mov al, 1
    mov ecx, 4096
    rep stosb
    mov rdi, SIEVE
    mov ebx, 2
sievenext:
    mov eax, ebx
    imul eax, eax
    cmp eax, 4096
    jae sievecount
    cmp byte [rdi+rbx], 0
    je sieveskip
sievemark:
    mov byte [rdi+rax], 0
    add eax, ebx
    cmp eax, 4096
    jb sievemark
sieveskip:
    inc ebx
    jmp sievenext
sievecount:
    xor eax, eax
    mov ecx, 2
sieveone:
    movzx edx, byte [rdi+rcx]
    add eax, edx
    inc ecx
    cmp ecx, 4096
    jb sieveone
    ret

stringmoves:
    mov rsi, BUF
    mov rdi, BUF2
    mov ecx, 256
    rep movsq
    mov rsi, BUF+1
    mov rdi, BUF2+1003
    mov ecx, 100
    rep movsb
    mov rsi, BUF
    mov rdi, BUF2
    mov ecx, 1500
    repe cmpsb
    mov ebx, ecx
    mov rdi, BUF2
    mov ecx, 2000
    mov al, 0x55
    repne scasb
    add ebx, ecx
    std                       ; downwards, overlapping
    mov rsi, BUF+500
    mov rdi, BUF+516
    mov ecx, 64
    rep movsb
    cld
    mov rsi, BUF
    mov rdi, BUF2+0x1ffe      ; from one page into the next
    mov ecx, 64
stringword:
    lodsd
    add eax, ebx
    rol eax, 3
    add ebx, eax
    stosd
    dec ecx
    jne stringword
    mov eax, ebx
    ret

fib:                          ; of edi
    cmp edi, 2
    jb fibsmall
    push rbx
    mov ebx, edi
    dec edi
    call fib
    push rax
    lea edi, [rbx-2]
    call fib
    pop rdx
    add eax, edx
    pop rbx
    ret
fibsmall:
    mov eax, edi
    ret

muldiv:
    mov rbx, r13
    or rbx, 1
    mov ecx, 300
    mov rax, r15
muldivnext:
    mul rbx
    xor rax, rdx
    xor edx, edx
    lea rsi, [rcx+12345]
    div rsi
    lea rax, [rax+rdx*8+1]
    imul r8, rax, 77
    push rax
    mov rax, r8
    cqo
    neg rsi
    idiv rsi
    add r8, rdx
    pop rax
    xor rax, r8
    dec ecx
    jne muldivnext
    ret

bitwork:
    mov rax, r13
    or rax, 1
    xor r8d, r8d
    mov ecx, 300
bitnext:
    bsr rdx, rax
    add r8, rdx
    bsf rdx, rax
    lea r8, [r8+rdx*4]
    popcnt rdx, rax
    add r8, rdx
    bswap rax
    rol rax, cl
    shld rax, r8, 7
    shrd r8, rax, cl
    bts rax, 63
    btc rax, 5
    bt rax, rcx
    adc r8, 3
    sbb eax, ecx
    setp dl
    cmovs rdx, r8
    xor rax, rdx
    stc
    rcl rax, 3
    sar r8, 1
    movsx rdx, ax
    add r8, rdx
    movsxd rdx, eax
    sub r8, rdx
    or rax, 1
    dec ecx
    jne bitnext
    xor rax, r8
    ret

atomics:
    mov rdi, VECTOR
    mov qword [rdi], 5
    mov qword [rdi+8], 7
    mov ecx, 40
atomicnext:
    mov eax, ecx
    lock xadd [rdi+3], eax    ; not aligned
    mov rdx, r13
    lock cmpxchg [rdi+8], rdx
    mov rdx, [rdi+8]
    mov rax, [rdi]
    mov rbx, rax
    push rcx
    mov rcx, rdx
    not rcx
    lock cmpxchg16b [rdi]
    pop rcx
    xchg [rdi+8], rbx
    add rbx, rdi
    lock inc dword [rdi+4]
    dec ecx
    jne atomicnext
    mov rax, [rdi]
    add rax, [rdi+8]
    ret

packed:
    mov rsi, BUF
    mov rdi, VECTOR
    mov ecx, 100
    pxor xmm0, xmm0
    movq xmm7, r13
packednext:
    movdqu xmm1, [rsi+5]
    movdqa xmm2, [rsi]
    paddd xmm1, xmm2
    pshufd xmm3, xmm1, 0x1b
    pmuludq xmm3, xmm2
    pcmpgtd xmm2, xmm1
    pand xmm2, xmm7
    punpckldq xmm1, xmm7
    psrlq xmm3, 9
    pslld xmm1, 3
    psubd xmm3, xmm1
    pshufb xmm3, xmm2
    pxor xmm0, xmm3
    paddq xmm0, xmm2
    paddb xmm0, xmm8
    pmovmskb eax, xmm0
    movd xmm8, eax
    movd mm0, eax
    punpcklbw mm0, mm0
    paddw mm0, mm0
    movd edx, mm0
    movq mm1, [rsi]
    add rsi, 16
    dec ecx
    jne packednext
    emms
    movdqa [rdi], xmm0
    movdqu [rdi+19], xmm0
    movq rax, xmm0
    xor rax, [rdi+27]
    add rax, rdx
    ret

doubles:
    mov rdi, VECTOR
    mov eax, r15d
    and eax, 0xffff
    inc eax
    cvtsi2sd xmm0, eax
    mov eax, 3
    cvtsi2sd xmm1, eax
    mov ecx, 60
doublenext:
    movsd xmm2, xmm0
    divsd xmm2, xmm1
    addsd xmm0, xmm2
    sqrtsd xmm3, xmm0
    mulsd xmm3, xmm1
    subsd xmm0, xmm3
    ucomisd xmm0, xmm1
    ja doublebig
    addsd xmm0, xmm1
    mulsd xmm0, xmm0
doublebig:
    dec ecx
    jne doublenext
    movsd [rdi], xmm0
    mulsd xmm0, xmm1
    cvttsd2si rax, xmm0
    add rax, [rdi]
    ret

extended:
    mov rdi, VECTOR
    mov [rdi], r15d
    fninit
    fldpi
    mov ecx, 40
extendednext:
    fild dword [rdi]
    faddp
    fsqrt
    fld1
    fild dword [rdi]
    fxch
    fdivp
    fmulp
    fldpi
    faddp
    dec ecx
    jne extendednext
    fstp qword [rdi]
    fld qword [rdi]
    fldpi
    fmulp
    fistp qword [rdi+8]
    fnstcw [rdi+16]
    mov rax, [rdi]
    xor rax, [rdi+8]
    xor ax, [rdi+16]
    ret

; demand: every page of the heap is read, then every third written; then A and D
; are cleared, every fifth is read and every seventh written, and one access lies
; in two pages. What A and D say goes into the sum.
demand:
    mov eax, 4
    syscall
    mov edx, 1
    xor r9d, r9d
    call readpages
    mov edx, 3
    call writepages
    mov eax, 5
    syscall
    mov edx, 5
    call readpages
    mov edx, 7
    call writepages
    mov rdi, HEAP+0x20ffc
    add [rdi], r9
    mov edi, 5
    mov eax, 6
    syscall
    call mix
    mov edi, 6
    mov eax, 6
    syscall
    call mix
    mov rax, r9
    jmp mix

readpages:                    ; every edx-th; r9 adds up
    xor ebx, ebx
readpage:
    mov ecx, ebx
    shl ecx, 12
    mov rdi, HEAP+8
    add r9, [rdi+rcx]
    add ebx, edx
    cmp ebx, 64
    jb readpage
    ret

writepages:
    xor ebx, ebx
writepage:
    mov ecx, ebx
    shl ecx, 12
    mov rdi, HEAP+8
    lea r9, [r9+r9*2+1]
    mov [rdi+rcx], r9
    add ebx, edx
    cmp ebx, 64
    jb writepage
    ret

; patch: changes the instruction that comes next, and a routine in another line.
patch:
    xor eax, eax
    mov ecx, 20
patchnext:
    imul edx, ecx, 0x01010101
    mov [patched+2], edx
patched:
    add eax, 0x12345678
    mov [elsewhere+3], cl
    call elsewhere
    dec ecx
    jne patchnext
    mov rdi, RESULT
    mov [rdi], rax
    ret

; crossing: calls the instruction that lies in two pages, of which the second is
; exchanged, and patched through its other address.
crossing:
    mov ebp, 4
crossnext:
    call across
    mov rdi, RESULT
    mov [rdi+rbp*8], rax
    call mix
    mov eax, 7
    syscall
    mov rdi, UCODE+0x2001
    add [rdi], ebp
    dec ebp
    jne crossnext
    ret

; exceptions3: traps and faults that the kernel counts.
exceptions3:
    int3
    int 0x80
    ud2
    xor ecx, ecx
    mov eax, 1
    div ecx
    pushfq
    or dword [rsp], 0x100     ; TF: a few single steps
    popfq
    nop
    lahf
    sahf
    rep movsb                 ; RCX is 0
    pushfq
    and dword [rsp], -257
    popfq
    mov eax, 10
    syscall
    ret

; menu: keys.
menu:
    mov rdi, LINE
    lea rsi, [tmenu]
    call text
    call endline
menuidle:
    mov eax, 2
    syscall
menukey:
    mov eax, 1
    syscall
    cmp eax, -1
    je menuidle
    cmp al, 'q'
    je last
    mov ebx, 1
    cmp al, 'r'
    je menulog
    mov ebx, 2
    cmp al, 'k'
    je menulog
    lea r8, [rdrop]
    mov r9d, 13
    cmp al, 'd'
    je menurpc
    lea r8, [rfail]
    mov r9d, 23
    cmp al, 'f'
    je menurpc
    call round
    call report
    jmp menukey
menurpc:
    call request
    mov ebx, 2
menulog:
    push rbx
    mov eax, 0x564d5868
    mov ecx, 47               ; STATELOGGER
    mov edx, 0x5658
    in eax, dx
    pop rbx
    push rax
    mov rdi, LINE
    lea rsi, [tlog]
    call text
    mov eax, ebx
    mov ecx, 1
    call number
    lea rsi, [tresult]
    call text
    pop rax
    mov ecx, 4
    call number
    call endline
    jmp menukey

; request: the r9d bytes at r8 as one message over RPCI. Its reply is read and
; not looked at: what comes after shows what it did.
request:
    mov ebx, 0xc9435052       ; RPCI, with cookies
    mov ecx, 30
    mov r10d, 0x5658
    call message
    test ecx, 0x10000
    je done
    mov r10d, edx
sending:
    mov ebx, r9d
    mov ecx, 0x1001e
    call message
    jne sending
    xor r11d, r11d
sendnext:
    mov ebx, [r8+r11]
    mov ecx, 0x2001e
    call message
    jne sending
    add r11d, 4
    cmp r11d, r9d
    jb sendnext
receiving:
    xor ebx, ebx
    mov ecx, 0x3001e
    call message
    jne receiving
    mov r11d, ebx
receivenext:
    mov ebx, 1
    mov ecx, 0x4001e
    call message
    jne receiving
    sub r11d, 4
    ja receivenext
    mov ebx, 1
    mov ecx, 0x5001e
    call message
    mov ecx, 0x6001e
; message: one call on channel r10d. ZF is clear when the message is to be begun
; again.
message:
    mov eax, 0x564d5868
    mov edx, r10d
    in eax, dx
    test ecx, 0x100000
    ret

tclock:
    db "bare: ring 3, clock ", 0
tround:
    db "round ", 0
tsum:
    db " sum ", 0
tcounters:
    db 5, 5+6, 5+6+6, 5+6+6+8, 5+6+6+8+10
    db " pit ", 0, " apc ", 0, " fault ", 0, " upgrade ", 0, " trap ", 0
ttsc:
    db " tsc ", 0
tmenu:
    db "keys: r record, k keep, d drop, f fail, q quit, any other work", 0
tlog:
    db "log ", 0
tresult:
    db " gives ", 0
rdrop:
    db "vmrecord.drop", 0, 0, 0
rfail:
    db "vmrecord.fail the key f", 0, 0, 0
    align 64
elsewhere:
    add rax, 1
    imul eax, eax, 3
    ret

    space UCODE+4092-$        ; 10 bytes in pages 0 and 1
across:
    mov rax, 0x1122334455667788
    ret
    page 0
    db 0xde, 0xad, 0xbe, 0xef, 0x77, 0x66 ; the same place in the other page
    rol rax, 13
    ret
    page 0
