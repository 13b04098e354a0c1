package softfp

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite testdata from this host's FPU (amd64 only)")

// An sseOp is an instruction as softfp does it, on one lane.
type sseOp struct {
	name string
	soft func(e *Env, a, b uint64) uint64
	in   format // 0: integers
	wide bool   // the result has 64 bits
}

func op32(f func(e *Env, a, b uint32) uint32) func(e *Env, a, b uint64) uint64 {
	return func(e *Env, a, b uint64) uint64 { return uint64(f(e, uint32(a), uint32(b))) }
}

func cmp32(p uint8) func(e *Env, a, b uint64) uint64 {
	return func(e *Env, a, b uint64) uint64 { return uint64(uint32(-bit(Cmp32(e, uint32(a), uint32(b), p)))) }
}

func cmp64(p uint8) func(e *Env, a, b uint64) uint64 {
	return func(e *Env, a, b uint64) uint64 { return -bit(Cmp64(e, a, b, p)) }
}

func bit(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

// eflags is what COMISS leaves in bits 7:0 of RFLAGS, bit 1 included, ZF PF CF.
func eflags(o Order) uint64 {
	return [...]uint64{Less: 0x03, Equal: 0x42, Greater: 0x02, Unordered: 0x47}[o]
}

func sseOps() []sseOp {
	s, d := binary32, binary64
	ops := []sseOp{
		{"ADDSS", op32(Add32), s, false},
		{"SUBSS", op32(Sub32), s, false},
		{"MULSS", op32(Mul32), s, false},
		{"DIVSS", op32(Div32), s, false},
		{"MINSS", op32(Min32), s, false},
		{"MAXSS", op32(Max32), s, false},
		{"ADDSD", Add64, d, true},
		{"SUBSD", Sub64, d, true},
		{"MULSD", Mul64, d, true},
		{"DIVSD", Div64, d, true},
		{"MINSD", Min64, d, true},
		{"MAXSD", Max64, d, true},
		{"SQRTSS", func(e *Env, a, _ uint64) uint64 { return uint64(Sqrt32(e, uint32(a))) }, s, false},
		{"SQRTSD", func(e *Env, a, _ uint64) uint64 { return Sqrt64(e, a) }, d, true},
		{"CVTSS2SD", func(e *Env, a, _ uint64) uint64 { return F32to64(e, uint32(a)) }, s, true},
		{"CVTSD2SS", func(e *Env, a, _ uint64) uint64 { return uint64(F64to32(e, a)) }, d, false},
		{"CVTSI2SS r32", func(e *Env, a, _ uint64) uint64 { return uint64(IntTo32(e, int64(int32(a)))) }, 0, false},
		{"CVTSI2SS r64", func(e *Env, a, _ uint64) uint64 { return uint64(IntTo32(e, int64(a))) }, 0, false},
		{"CVTSI2SD r32", func(e *Env, a, _ uint64) uint64 { return IntTo64(e, int64(int32(a))) }, 0, true},
		{"CVTSI2SD r64", func(e *Env, a, _ uint64) uint64 { return IntTo64(e, int64(a)) }, 0, true},
		{"CVTSS2SI r32", func(e *Env, a, _ uint64) uint64 { return uint64(uint32(F32toInt32(e, uint32(a)))) }, s, true},
		{"CVTSS2SI r64", func(e *Env, a, _ uint64) uint64 { return uint64(F32toInt64(e, uint32(a))) }, s, true},
		{"CVTSD2SI r32", func(e *Env, a, _ uint64) uint64 { return uint64(uint32(F64toInt32(e, a))) }, d, true},
		{"CVTSD2SI r64", func(e *Env, a, _ uint64) uint64 { return uint64(F64toInt64(e, a)) }, d, true},
		{"CVTTSS2SI r32", func(e *Env, a, _ uint64) uint64 { return uint64(uint32(F32truncInt32(e, uint32(a)))) }, s, true},
		{"CVTTSS2SI r64", func(e *Env, a, _ uint64) uint64 { return uint64(F32truncInt64(e, uint32(a))) }, s, true},
		{"CVTTSD2SI r32", func(e *Env, a, _ uint64) uint64 { return uint64(uint32(F64truncInt32(e, a))) }, d, true},
		{"CVTTSD2SI r64", func(e *Env, a, _ uint64) uint64 { return uint64(F64truncInt64(e, a)) }, d, true},
		{"COMISS", func(e *Env, a, b uint64) uint64 { return eflags(Order32(e, uint32(a), uint32(b), true)) }, s, true},
		{"UCOMISS", func(e *Env, a, b uint64) uint64 { return eflags(Order32(e, uint32(a), uint32(b), false)) }, s, true},
		{"COMISD", func(e *Env, a, b uint64) uint64 { return eflags(Order64(e, a, b, true)) }, d, true},
		{"UCOMISD", func(e *Env, a, b uint64) uint64 { return eflags(Order64(e, a, b, false)) }, d, true},
	}
	for p := range uint8(8) {
		ops = append(ops, sseOp{fmt.Sprintf("CMPSS %d", p), cmp32(p), s, false})
		ops = append(ops, sseOp{fmt.Sprintf("CMPSD %d", p), cmp64(p), d, true})
	}
	for _, p := range [...]uint8{0, 1, 2, 3, 4, 8, 12} {
		ops = append(ops, sseOp{fmt.Sprintf("ROUNDSS %d", p), func(e *Env, _, b uint64) uint64 { return uint64(Round32(e, uint32(b), p)) }, s, false})
		ops = append(ops, sseOp{fmt.Sprintf("ROUNDSD %d", p), func(e *Env, _, b uint64) uint64 { return Round64(e, b, p) }, d, true})
	}
	return ops
}

// line runs o and writes the case as testdata/sse.txt has it: mnemonic, two
// operands, MXCSR before, result, flags after.
func (o *sseOp) line(a, b uint64, csr uint32) string {
	e := FromMXCSR(csr)
	r := o.soft(&e, a, b)
	return fmt.Sprintf("%s %x %x %04x %x %02x", strings.ReplaceAll(o.name, " ", "_"), a, b, csr, r, e.Flags)
}

// TestSSEGolden checks the portable code against results stored from a Zen 4.
func TestSSEGolden(t *testing.T) {
	ops := map[string]sseOp{}
	for _, o := range sseOps() {
		ops[strings.ReplaceAll(o.name, " ", "_")] = o
	}
	seen := golden(t, "testdata/sse.txt", func(want string) string {
		var name string
		var a, b uint64
		var csr uint32
		if _, err := fmt.Sscanf(want, "%s %x %x %x", &name, &a, &b, &csr); err != nil {
			t.Fatalf("%s: %v", want, err)
		}
		o, ok := ops[name]
		if !ok {
			t.Fatalf("%s: no such operation", want)
		}
		return o.line(a, b, csr)
	})
	if seen != len(ops) {
		t.Errorf("testdata/sse.txt has %d operations, want %d", seen, len(ops))
	}
}

// golden calls check with each line, which returns what it should have been,
// and counts the different first words.
func golden(t *testing.T, file string, check func(string) string) int {
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	seen := map[string]bool{}
	for s := bufio.NewScanner(f); s.Scan(); {
		if got := check(s.Text()); got != s.Text() {
			t.Errorf("got  %s\nwant %s", got, s.Text())
		}
		name, _, _ := strings.Cut(s.Text(), " ")
		seen[name] = true
	}
	return len(seen)
}
