package firmware_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"strings"
	"testing"

	"vmrecord/hwdevices/firmware"
	"vmrecord/hwdevices/pc"
	"vmrecord/vmm"
	"vmrecord/vmm/cpu"
	"vmrecord/vmm/interp"
	"vmrecord/vmm/mem"
)

// mbCode prints command line and module on COM1, takes an interrupt through an
// IDT of its own, whose handler prints '!', and exits with code 7; with 1 if it
// was not booted as the specification says.
const mbCode = `
3d 02 b0 ad 2b       00 cmp eax, 0x2badb002
75 5b                05 jne 62
66 ba f8 03          07 mov dx, 0x3f8
8b 73 10             0b mov esi, [ebx+16]
ac                   0e lodsb
84 c0                0f test al, al
74 03                11 je 16
ee                   13 out dx, al
eb f8                14 jmp 0e
8b 7b 18             16 mov edi, [ebx+24]
8b 37                19 mov esi, [edi]
3b 77 04             1b cmp esi, [edi+4]
73 04                1e jae 24
ac                   20 lodsb
ee                   21 out dx, al
eb f7                22 jmp 1b
bc 00 00 20 00       24 mov esp, 0x200000
8c c8                29 mov eax, cs
66 a3 7a 00 10 00    2b mov [0x10007a], ax
0f 01 1d 70 00 10 00 31 lidt [0x100070]
cd 00                38 int 0
b8 07 00 00 00       3a mov eax, 7
e7 f4                3f out 0xf4, eax
f4                   41 hlt
`

// mbKernel is the program in an ELF32 image loaded at 1 MiB: the header is at
// 0x1000a0, the IDT's one gate, to 0x100080 in the code segment of the start, at 0x100078.
func mbKernel(t *testing.T) []byte {
	t.Helper()
	body := make([]byte, 0xb0)
	n := 0
	for _, l := range strings.Split(strings.TrimSpace(mbCode), "\n") {
		b, err := hex.DecodeString(strings.ReplaceAll(l[:20], " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		n += copy(body[n:], b)
	}
	le := binary.LittleEndian
	copy(body[0x62:], "\xb8\x01\x00\x00\x00\xe7\xf4\xf4") // mov eax, 1; out 0xf4, eax; hlt
	copy(body[0x70:], "\x07\x00\x78\x00\x10\x00")         // limit and base
	le.PutUint64(body[0x78:], 0x00108e0000000080)         // interrupt gate
	copy(body[0x80:], "\xb0!\xee\xcf")                    // mov al, '!'; out dx, al; iret
	for i, v := range []uint32{0x1badb002, 3, 0xe4524ffb} {
		le.PutUint32(body[0xa0+4*i:], v)
	}
	k := make([]byte, 84)
	copy(k, "\x7fELF\x01\x01\x01")
	for off, v := range map[int]uint16{16: 2, 18: 3, 42: 32, 44: 1} {
		le.PutUint16(k[off:], v)
	}
	le.PutUint32(k[24:], 0x100000)
	le.PutUint32(k[28:], 52)
	for i, v := range []uint32{1, 84, 0x100000, 0x100000, uint32(len(body)), uint32(len(body))} {
		le.PutUint32(k[52+4*i:], v)
	}
	return append(k, body...)
}

func TestMultibootRuns(t *testing.T) {
	b := pc.New(mem.New(make([]byte, 4<<20)), pc.Options{Hz: vmm.DefaultHz, DebugExit: true})
	m := &vmm.Machine{Board: b, CPU: new(cpu.State), Engine: interp.New(), Door: new(vmm.Scripted)}
	m.CPU.Cold(1)
	var tx bytes.Buffer
	b.OnOutput("com1/tx", func(p []byte) { tx.Write(p) })
	_, ranges, err := pc.Firmware(b)
	if err != nil {
		t.Fatal(err)
	}
	l := firmware.Multiboot{Kernel: mbKernel(t), Initrd: []byte("module"), Append: "append,", Map: ranges}
	if err := l.Load(m.Mem, m.CPU); err != nil {
		t.Fatal(err)
	}
	e := m.Run(1 << 20)
	_, code := m.Stopped()
	if e != vmm.Stopped || code != 7 || tx.String() != "append,module!" {
		t.Errorf("exit %d, code %d, %q, RIP %#x: %v", e, code, tx.String(), m.CPU.RIP, m.Err())
	}
}
