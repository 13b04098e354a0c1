package softfp

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"testing"
)

// packedOps runs one lane of the instructions in testdata/packed.txt; lane is
// the operands' width in bytes.
var packedOps = map[string]struct {
	lane int
	op   func(e *Env, a, b uint64) uint64
}{
	"addps":    {4, func(e *Env, a, b uint64) uint64 { return uint64(Add32(e, uint32(a), uint32(b))) }},
	"subps":    {4, func(e *Env, a, b uint64) uint64 { return uint64(Sub32(e, uint32(a), uint32(b))) }},
	"mulps":    {4, func(e *Env, a, b uint64) uint64 { return uint64(Mul32(e, uint32(a), uint32(b))) }},
	"divps":    {4, func(e *Env, a, b uint64) uint64 { return uint64(Div32(e, uint32(a), uint32(b))) }},
	"sqrtps":   {4, func(e *Env, _, b uint64) uint64 { return uint64(Sqrt32(e, uint32(b))) }},
	"minps":    {4, func(e *Env, a, b uint64) uint64 { return uint64(Min32(e, uint32(a), uint32(b))) }},
	"cmpltps":  {4, func(e *Env, a, b uint64) uint64 { return mask32(Cmp32(e, uint32(a), uint32(b), 1)) }},
	"cvtps2dq": {4, func(e *Env, _, b uint64) uint64 { return uint64(uint32(F32toInt32(e, uint32(b)))) }},
	"addpd":    {8, Add64},
	"mulpd":    {8, Mul64},
	"divpd":    {8, Div64},
	"sqrtpd":   {8, func(e *Env, _, b uint64) uint64 { return Sqrt64(e, b) }},
	"cvtpd2ps": {8, func(e *Env, _, b uint64) uint64 { return uint64(F64to32(e, b)) }},
}

func mask32(b bool) uint64 {
	if b {
		return 1<<32 - 1
	}
	return 0
}

// TestPacked checks whole instructions against a Zen 4, unmasked exceptions
// included: whether they fault, and what MXCSR records then. Each line holds
// mnemonic, destination, source, MXCSR, 1 if #XM was raised, the flags after,
// and the result (0 if #XM). The file was recorded by a program with a SIGFPE
// handler, which Go cannot be; -update leaves it alone.
func TestPacked(t *testing.T) {
	seen := golden(t, "testdata/packed.txt", func(line string) string {
		var name, a, b string
		var csr uint32
		if _, err := fmt.Sscanf(line, "%s %s %s %x", &name, &a, &b, &csr); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		return fmt.Sprintf("%s %s %s %04x %s", name, a, b, csr, runPacked(t, name, unhex(t, a), unhex(t, b), csr))
	})
	if seen != len(packedOps) {
		t.Errorf("testdata/packed.txt has %d instructions, want %d", seen, len(packedOps))
	}
}

func runPacked(t *testing.T, name string, a, b []byte, csr uint32) string {
	o, ok := packedOps[name]
	if !ok {
		t.Fatalf("no instruction %q", name)
	}
	e := FromMXCSR(csr)
	before := e.Flags
	out := make([]byte, 0, 16)
	for i := 0; i < 16; i += o.lane {
		switch {
		case o.lane == 4:
			r := o.op(&e, uint64(binary.LittleEndian.Uint32(a[i:])), uint64(binary.LittleEndian.Uint32(b[i:])))
			out = binary.LittleEndian.AppendUint32(out, uint32(r))
		case name == "cvtpd2ps":
			r := o.op(&e, binary.LittleEndian.Uint64(a[i:]), binary.LittleEndian.Uint64(b[i:]))
			out = binary.LittleEndian.AppendUint32(out, uint32(r))
		default:
			r := o.op(&e, binary.LittleEndian.Uint64(a[i:]), binary.LittleEndian.Uint64(b[i:]))
			out = binary.LittleEndian.AppendUint64(out, r)
		}
	}
	out = append(out, make([]byte, 16-len(out))...)
	if e.Fault(before) {
		return fmt.Sprintf("1 %02x %032x", e.Flags, 0)
	}
	slices.Reverse(out)
	return fmt.Sprintf("0 %02x %s", e.Flags, hex.EncodeToString(out))
}

// unhex reads a register, most significant digit first, into memory order.
func unhex(t *testing.T, s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != 16 {
		t.Fatalf("%q is not a register", s)
	}
	slices.Reverse(b)
	return b
}
