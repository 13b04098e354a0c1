//go:build linux && amd64

package jit

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // the kernels
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"

	"vmrecord/vmm"
	"vmrecord/vmm/cpu"
	"vmrecord/vmm/host"
	"vmrecord/vmm/interp"
	"vmrecord/vmm/mem"
)

//go:generate sh testdata/kernels.sh

//go:embed testdata/kernels.c
var kernelSource []byte

//go:embed testdata/kernels.hex
var kernelHex string

// A kernel is a function of kernels.c, in the order of its table. want is what
// it returns.
type kernel struct {
	name   string
	rounds uint64 // for a few million instructions
	want   func(rounds uint64) uint64
}

func kernels() []kernel {
	return []kernel{
		{"sieve", 3, wantSieve},
		{"sha256", 8, wantSHA},
		{"crc32", 40, wantCRC},
		{"matmul", 3, wantMatmul},
		{"chase", 3, wantChase},
		{"qsort", 2, wantQuick},
		{"bytecode", 2, wantBytecode},
		{"fib", 20, wantFib},
		{"tree", 10, wantTree},
		{"nbody", 4, wantNbody},
		{"saxpy", 80, wantSaxpy},
	}
}

// Where things are in memory; linear addresses are kernelLA - kernelPA more.
const (
	kernelLA  = 0x40000000 // where kernels.sh has the code begin
	kernelPA  = 0x100000
	kernelHLT = 0x3ff000 // what a kernel returns to; the stack is below it
	kernelRAM = 0x400000
)

// kernelImage is the code. Another compiler makes other code of kernels.c, so
// that only the source that it was made of is checked.
func kernelImage(t testing.TB) (image []byte) {
	t.Helper()
	if want := fmt.Sprintf("# kernels.c: %x\n", sha256.Sum256(kernelSource)); !strings.Contains(kernelHex, want) {
		t.Fatalf("kernels.hex is not of this kernels.c; make it: go generate ./vmm/jit")
	}
	for line := range strings.Lines(kernelHex) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		b, err := hex.DecodeString(strings.TrimSpace(line))
		if err != nil {
			t.Fatal(err)
		}
		image = append(image, b...)
	}
	return image
}

// asleep is the door of a machine that ends with HLT.
type asleep struct{}

func (asleep) Next(vmm.Instant) (vmm.Input, bool)      { return vmm.Input{}, false }
func (asleep) Horizon(vmm.Instant) vmm.Instant         { return vmm.Never }
func (asleep) Idle(now, until vmm.Instant) vmm.Instant { return vmm.Never }

// A bench is a machine that runs kernels: 64-bit code in ring 0, in pages of
// 4 KiB, without devices.
type bench struct {
	vmm.Machine
	ram *mem.RAM
	fns []uint64
}

func newBench(t testing.TB, e vmm.Engine) *bench {
	t.Helper()
	b := &bench{ram: mem.New(make([]byte, kernelRAM))}
	b.Machine = vmm.Machine{Board: vmm.NewBoard(b.ram, vmm.Config{}), CPU: new(cpu.State), Engine: e, Door: asleep{}}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	const pml4, pdpt, pd, pt, all = 0x1000, 0x2000, 0x3000, 0x4000, 3 // present, writable
	put := func(at, v uint64) { binary.LittleEndian.PutUint64(b.ram.B[at:], v) }
	put(pml4, pdpt|all)
	put(pdpt+8*(kernelLA>>30), pd|all)
	for i := range uint64(kernelRAM-kernelPA)>>21 + 1 {
		put(pd+8*i, pt+i<<12|all)
	}
	for pa := uint64(kernelPA); pa < kernelRAM; pa += mem.PageBytes {
		put(pt+(pa-kernelPA)>>9, pa|all)
	}
	image := kernelImage(t)
	copy(b.ram.B[kernelPA:], image)
	for i := range kernels() {
		b.fns = append(b.fns, binary.LittleEndian.Uint64(image[8*i:]))
	}
	b.ram.B[kernelHLT] = 0xf4
	b.ram.Mark()
	return b
}

// call runs kernel n to its end and returns its checksum.
func (b *bench) call(t testing.TB, n int, rounds uint64) uint64 {
	t.Helper()
	const stack = kernelHLT - 8
	b.ram.Write(stack, binary.LittleEndian.AppendUint64(nil, kernelLA-kernelPA+kernelHLT))
	s := &cpu.State{RIP: b.fns[n], RFLAGS: 2, MXCSR: 0x1f80, FCW: 0x37f, FTW: 0xffff, XCR0: 3, CR3: 0x1000}
	s.CR0 = cpu.CR0PE | cpu.CR0MP | cpu.CR0ET | cpu.CR0NE | cpu.CR0WP | cpu.CR0PG
	s.CR4 = cpu.CR4PAE | cpu.CR4OSFXSR | cpu.CR4OSXMMEXCPT
	s.EFER = cpu.EFERLME | cpu.EFERLMA
	for i := range s.Seg {
		s.Seg[i] = cpu.Segment{Sel: 0x10, Attr: 0xc093, Limit: 0xffffffff}
	}
	s.Seg[1] = cpu.Segment{Sel: 8, Attr: 0xa09b, Limit: 0xffffffff}
	s.R[rsp], s.R[rdi] = kernelLA-kernelPA+stack, rounds
	*b.CPU = *s
	if e := b.Run(b.Now() + 1<<40); e != vmm.Asleep {
		t.Fatalf("exit %d at rip %#x: %v", e, b.CPU.RIP, b.Err())
	}
	return b.CPU.R[rax]
}

// translating is the engine with a translator.
func translating(t testing.TB) vmm.Engine {
	t.Helper()
	j, err := New()
	if err != nil {
		t.Fatal(err)
	}
	return interp.NewTranslating(j, interp.Tuning{})
}

// TestKernels: each kernel returns what Go computes, and both engines come to
// the same state and memory in as many steps.
func TestKernels(t *testing.T) {
	fast, ref := newBench(t, translating(t)), newBench(t, interp.New())
	for i, k := range kernels() {
		if got, want := ref.call(t, i, k.rounds), k.want(k.rounds); got != want {
			t.Errorf("%s: %#x, want %#x", k.name, got, want)
		}
		fast.call(t, i, k.rounds)
		if *fast.CPU != *ref.CPU || fast.Now() != ref.Now() || !bytes.Equal(fast.ram.B, ref.ram.B) {
			t.Errorf("%s: at %d and %d:\n%+v\n%+v", k.name, fast.Now(), ref.Now(), *fast.CPU, *ref.CPU)
		}
	}
	c := fast.Engine.(*interp.CPU)
	if share := float64(c.Translated()) / float64(fast.Retired()); share < 0.95 {
		t.Errorf("%.2f %% of %d steps translated", 100*share, fast.Retired())
	}
}

// BenchmarkKernels reports, by kernel and engine, millions of guest
// instructions per second of the process's CPU time.
func BenchmarkKernels(b *testing.B) {
	for i, k := range kernels() {
		for _, e := range []struct {
			name string
			make func(testing.TB) vmm.Engine
		}{{"jit", translating}, {"interp", func(testing.TB) vmm.Engine { return interp.New() }}} {
			b.Run(k.name+"/"+e.name, func(b *testing.B) {
				m := newBench(b, e.make(b))
				m.call(b, i, k.rounds) // translates
				retired, used := uint64(0), time.Duration(0)
				for b.Loop() {
					was, from := m.Retired(), host.CPUTime()
					m.call(b, i, 8*k.rounds)
					retired += m.Retired() - was
					used += host.CPUTime() - from
				}
				b.ReportMetric(float64(retired)/1e6/used.Seconds(), "MIPS")
			})
		}
	}
}
