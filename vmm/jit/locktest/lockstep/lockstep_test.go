//go:build linux && amd64

package lockstep

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"vmrecord/vmm/cpu"
	"vmrecord/vmm/jit"
	"vmrecord/vmm/x86"
)

func newTester(t *testing.T) *Tester {
	t.Helper()
	j, err := jit.New()
	if err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	x := &Tester{New: jit.New}
	t.Cleanup(func() {
		if err := x.Close(); err != nil {
			t.Error(err)
		}
	})
	return x
}

func (t *Tester) check(tb testing.TB, name string, c *Case) {
	tb.Helper()
	d, err := t.Run(c)
	if err != nil {
		tb.Fatal(err)
	}
	if d != nil {
		tb.Errorf("%s: at instant %d: %s\n%s", name, d.At, d.Text, c.listing())
	}
}

// TestGenerated: programs of all forms come to the same on both engines.
func TestGenerated(t *testing.T) {
	x, n := newTester(t), 1200
	if testing.Short() {
		n = 120
	}
	for i := range n {
		x.check(t, "program", CaseAt(uint64(i), uint64(7*i)))
	}
}

// TestReturns: so does IRET, whatever it meets.
func TestReturns(t *testing.T) {
	x, n := newTester(t), uint64(6)
	if testing.Short() {
		n = 2
	}
	for i, s := range spoilers {
		for seed := range n {
			c := Returns(seed, i)
			if seed&1 != 0 {
				c.shake()
			}
			x.check(t, s.name, c)
		}
	}
}

// TestFaults: so does every form with every sort of address; of 32-bit code's
// every third.
func TestFaults(t *testing.T) {
	x, met := newTester(t), 0
	for i := range Units() {
		if testing.Short() && i%4 != 0 || unitAt(i).mode == x86.Mode32 && i%3 != 0 {
			continue
		}
		c, ok := Faults(1, i)
		if !ok {
			continue
		}
		met++
		name, _ := UnitName(i)
		x.check(t, name, c)
	}
	t.Log(met, "of", Units())
}

// TestSweep: so does a loop that is stopped at each of its instants.
func TestSweep(t *testing.T) {
	x, n := newTester(t), 2
	if testing.Short() {
		n = 1
	}
	for i := range n {
		d, err := x.Sweep(Generate(2, 100*i), 1500, 600)
		if err != nil {
			t.Fatal(err)
		}
		if d != nil {
			t.Errorf("program %d: at instant %d: %s", i, d.At, d.Text)
		}
	}
}

// TestOnce: programs that once failed.
func TestOnce(t *testing.T) {
	x := newTester(t)
	for _, c := range []struct{ name, body string }{
		{"XADD of one register that has no host's", "49 81 c5 39 30 00 00 66 45 0f c1 ed"},
		{"JMP to no canonical address", "48 b8 8c 0f 10 00 00 80 ff ff ff e0 e9 48 42 90 90"},
		{"a misaligned PALIGNR of an absent page", "be 45 30 12 00 66 0f 3a 0f 66 d8 94"},
	} {
		b, err := hex.DecodeString(strings.ReplaceAll(c.body, " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		for seed := range uint64(4) {
			x.check(t, c.name, Program(seed, b))
		}
	}
}

// TestPlanted: a wrong flag now and then is found.
func TestPlanted(t *testing.T) {
	x, n := newTester(t), 0
	x.Spoil = func(s *cpu.State) {
		if n++; n%1000 == 0 {
			s.RFLAGS ^= cpu.FlagAF
		}
	}
	for i := range 50 {
		d, err := x.Run(Generate(3, i))
		if err != nil {
			t.Fatal(err)
		}
		if d != nil {
			return
		}
	}
	t.Error("a wrong AF was not found")
}

// TestLaps: a loop of one block that reads a page and writes it, by registers that
// go through it and into the next, whatever the page's rights are.
func TestLaps(t *testing.T) {
	x := newTester(t)
	body := []byte{0xf3, 0x0f, 0x7e, 0x03, // top: MOVQ XMM0, [RBX]
		0x66, 0x0f, 0xd6, 0x43, 0xf8, // MOVQ [RBX-8], XMM0
		0x48, 0x83, 0xc3, 0x08, // ADD RBX, 8
		0xff, 0xc9, // DEC ECX
		0x75, 0xef} // JNZ top
	for _, at := range []uint64{dataAt + 0xf00, readOnly - 0x80, userPage + 0x100, codeAt + 0x2d00, mappedAt + 0xf00, mappedAt + 0x3f00, mappedAt + 0xf03} {
		b := binary.LittleEndian.AppendUint32([]byte{0xbb}, uint32(at)) // MOV EBX
		b = append(b, 0xb9, 60, 0, 0, 0)                                // MOV ECX, 60
		b = append(b, body...)
		for seed := range uint64(8) {
			x.check(t, "laps", User(seed, b))
		}
	}
}

// TestEdge: 32-bit code goes on from the last linear page into the first, unless
// an instruction lies in both, which raises #GP(0) (SDM vol. 3A, 5.3).
func TestEdge(t *testing.T) {
	x := newTester(t)
	body := []byte{0x05, 1, 2, 3, 4, // ADD EAX, 4030201h
		0x41,    // INC ECX
		0x74, 2, // JZ
		0x01, 0xc2, // ADD EDX, EAX
		0x8b, 0x1d, 0xfe, 0xff, 0xff, 0xff, // MOV EBX, [FFFFFFFEh]
		0x83, 0xc6, 5, // ADD ESI, 5
		0x31, 0xd3} // XOR EBX, EDX
	for first := range len(body) + 5 {
		for _, old := range []bool{false, true} {
			x.check(t, fmt.Sprint("edge after ", first), Edge(old, first, body))
		}
	}
}

// TestStraddling: an instruction whose second page is another one, with another
// constant, in another address space, now and then.
func TestStraddling(t *testing.T) {
	x := newTester(t)
	b := []byte{0x4d, 0x8d, 0x49, 1, 0x41, 0xf7, 0xc1, 31, 0, 0, 0, 0x75, 11} // LEA R9, [R9+1]; TEST R9D, 31; JNE
	b = append(b, 0x0f, 0x20, 0xd8, 0x35)                                     // MOV RAX, CR3; XOR EAX,
	b = binary.LittleEndian.AppendUint32(b, pml4^other)
	b = append(b, 0x0f, 0x22, 0xd8) // MOV CR3, RAX
	for len(b) < 0x7f {
		b = append(b, 0x90)
	}
	b = append(b, 0xbb, 1, 2, 3, 4, 0x48, 0x01, 0xda) // MOV EBX; ADD RDX, RBX
	for seed := range uint64(20) {
		x.check(t, "straddling", Program(seed, b))
	}
}
