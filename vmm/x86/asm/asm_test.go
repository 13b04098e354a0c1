package asm

import (
	"encoding/hex"
	"strings"
	"testing"
)

// GNU objdump reads each of these back as it is written here.
func TestAssemble(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"mov rax, rbx", "48 8b c3"},
		{"mov r8d, [rsi+rcx*4-8]", "44 8b 44 8e f8"},
		{"mov byte [r13], 5", "41 c6 45 00 05"},
		{"mov [rsp], sil", "40 88 34 24"},
		{"mov rdi, 0x40000000", "48 c7 c7 00 00 00 40"},
		{"mov rax, 0x80000000001e0007", "48 b8 07 00 1e 00 00 00 00 80"},
		{"mov eax, 0xfee000b0", "b8 b0 00 e0 fe"},
		{"mov al, 7", "b0 07"},
		{"mov ax, 0x3400", "66 c7 c0 00 34"},
		{"mov gs:[8], rsp", "65 48 89 25 00 00 00 00"},
		{"mov cr4, rax", "0f 22 e0"},
		{"mov ax, ds", "8c d8"},
		{"mov rax, cr2", "0f 20 d0"},
		{"mov ds, ax", "8e d8"},
		{"add dword [rax], 1", "83 00 01"},
		{"add eax, 0x12345678", "81 c0 78 56 34 12"},
		{"and cl, 39", "80 e1 27"},
		{"cmp dword [rsi], 0", "83 3e 00"},
		{"lock xadd [rdi+3], eax", "f0 0f c1 47 03"},
		{"lock cmpxchg16b [rdi]", "f0 48 0f c7 0f"},
		{"rep movsq", "f3 48 a5"},
		{"shl eax, 1", "d1 e0"},
		{"shld rax, r8, 7", "4c 0f a4 c0 07"},
		{"imul r8, rax, 77", "4c 69 c0 4d 00 00 00"},
		{"bts rax, 63", "48 0f ba e8 3f"},
		{"popcnt rdx, rax", "f3 48 0f b8 d0"},
		{"setp dl", "0f 9a c2"},
		{"cmovs rdx, r8", "49 0f 48 d0"},
		{"push 8", "6a 08"},
		{"push r13", "41 55"},
		{"call [rbx+rax*8]", "ff 14 c3"},
		{"in al, 0x71", "e4 71"},
		{"out 0x70, al", "e6 70"},
		{"in eax, dx", "ed"},
		{"movzx eax, byte [rdi]", "0f b6 07"},
		{"movsxd rdx, eax", "48 63 d0"},
		{"movq rax, xmm1", "66 48 0f 7e c8"},
		{"movq xmm7, r13", "66 49 0f 6e fd"},
		{"movd mm0, eax", "0f 6e c0"},
		{"movdqu [rdi+19], xmm0", "f3 0f 7f 47 13"},
		{"paddb xmm0, xmm8", "66 41 0f fc c0"},
		{"psrlq xmm3, 9", "66 0f 73 d3 09"},
		{"pmovmskb eax, xmm0", "66 0f d7 c0"},
		{"cvtsi2sd xmm0, eax", "f2 0f 2a c0"},
		{"cvttsd2si rax, xmm0", "f2 48 0f 2c c0"},
		{"movsd [rdi], xmm0", "f2 0f 11 07"},
		{"movsd", "a5"},
		{"fistp qword [rdi+8]", "df 7f 08"},
		{"x: jmp x", "e9 fb ff ff ff"},
		{"mov eax, [0x1234]", "8b 05 2e 12 00 00"},
		{"bits 32\nmov eax, [0x1234]", "8b 05 34 12 00 00"},
		{"bits 32\nbits 64\nmov eax, [0x1234]", "8b 05 2e 12 00 00"},
		{"lea rax, [x]\nx: nop", "48 8d 05 00 00 00 00 90"},
		{"nop\npage 3\nnop", "90 00 00 90"},
		{"phase 0x5000\nx: dd x\ndephase\ndd $", "00 50 00 00 04 00 00 00"},
		{"N = 3*4-2\ndb N, 'a'", "0a 61"},
		{"db \"a, b\", 0 ; a comment", "61 2c 20 62 00"},
	} {
		b, err := newAssembler(0).assemble(c.text)
		got := strings.TrimSpace(hex.EncodeToString(b))
		if want := strings.ReplaceAll(c.want, " ", ""); err != nil || got != want {
			t.Errorf("%q: %s %v, want %s", c.text, got, err, want)
		}
	}
}

func TestRefused(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"mov [rdi], 5", "no form fits"},
		{"movzx eax, [rdi]", "no form fits"},
		{"inc [rdi]", "no form fits"},
		{"mov eax, rbx", "no form fits"},
		{"add al, 256", "no form fits"},
		{"nop\njmp nowhere", "line 2: jmp nowhere: unknown name"},
		{"x: nop\nx: nop", "stands at"},
		{"space 1-2", "does not go back"},
	} {
		if _, err := newAssembler(0).assemble(c.text); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v, want %s", c.text, err, c.want)
		}
	}
}
