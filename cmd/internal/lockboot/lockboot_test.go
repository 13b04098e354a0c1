//go:build linux && amd64

package main

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"vmrecord/cmd/internal/machine"
	"vmrecord/configs/bare"
	"vmrecord/vmm"
	"vmrecord/vmm/cpu"
	"vmrecord/vmm/interp"
	"vmrecord/vmm/jit"
)

func newLockboot(out *bytes.Buffer) *lockboot {
	return &lockboot{most: 2_000_000, step: 20_000, whole: 10, newJIT: jit.New, out: out, guest: guest{
		kernel: bare.Image(bare.Options{Work: 1e9, APIC: true, Float: true}),
		spec:   machine.Spec{Memory: 2 << 20, Hz: 8_000_000, UUID: uuid}}}
}

// TestEqual: the bare guest comes to the same on both engines.
func TestEqual(t *testing.T) {
	var out bytes.Buffer
	same, err := newLockboot(&out).run(true)
	if err != nil || !same || !strings.HasPrefix(out.String(), "equal to 2000000+0") {
		t.Errorf("%v, %v: %s", same, err, &out)
	}
}

// TestStops: both engines are struck alike by all kinds of stops, and what is not
// alike is told.
func TestStops(t *testing.T) {
	var out bytes.Buffer
	l := newLockboot(&out)
	w := newWatcher(2)
	if same, err := l.watched(w); err != nil || !same || !strings.HasPrefix(out.String(), "equal to 2000000+0") {
		t.Errorf("%v, %v: %s", same, err, &out)
	}
	for on, n := range w.met {
		if n == 0 && vmm.StopOn(on) != vmm.StopMSR { // the guest has no use for those behind its start
			t.Errorf("no stop of kind %d was met: %v", on, w.met)
		}
	}
	x, y, err := l.pair()
	if err != nil {
		t.Fatal(err)
	}
	defer x.free()
	defer y.free()
	w = newWatcher(3)
	for at := vmm.Instant(100); ; at += 100 {
		y.to(at - 50) // it is ahead
		if w.reach(x, y, at) != "" {
			break
		}
		if at > 1_000_000 {
			t.Fatalf("never struck differently, %d times alike", w.met)
		}
	}
}

// A vandal translates something else in place of one block's instruction.
type vandal struct {
	cpu.Translator
	la uint64 // of the instruction
}

func (v vandal) Translate(c *cpu.Code) bool {
	for k := range c.Insts {
		if c.At(k) == v.la {
			right := c.Insts[k].Imm
			c.Insts[k].Imm ^= 4
			defer func() { c.Insts[k].Imm = right }()
		}
	}
	return v.Translator.Translate(c)
}

// TestPlanted: a wrong translation is found, by tracing and by halving.
func TestPlanted(t *testing.T) {
	var out bytes.Buffer
	l := newLockboot(&out)
	la := translated(t, l)
	l.newJIT = func() (cpu.Translator, error) {
		j, err := jit.New()
		return vandal{j, la}, err
	}
	same, err := l.run(true)
	if err != nil || same {
		t.Fatalf("%v, %v: %s", same, err, &out)
	}
	t.Log(&out)
	_, said, _ := strings.Cut(out.String(), "wrong with blocks of one instruction:")
	traced, halved, ok := strings.Cut(said, "1 blocks are enough:")
	want := fmt.Sprintf("\n  %#x %s\n", la, victim)
	if !ok || strings.Count(traced, "\n  ") != 1 || !strings.Contains(traced, want) || !strings.Contains(traced, "R[") || !strings.Contains(halved, want) {
		t.Errorf("the wrong instruction is that at %#x; it says\n%s", la, &out)
	}
}

// victim is of the loop that computes a CRC.
const victim = "XOR EAX, 0xffffffffedb88320"

// translated is where the victim is translated.
func translated(t *testing.T, l *lockboot) (la uint64) {
	t.Helper()
	j, err := jit.New()
	if err != nil {
		t.Fatal(err)
	}
	s := &sieve{Translator: j, hi: ^uint64(0)}
	y, err := l.guest.boot(s, interp.Tuning{})
	if err != nil {
		t.Fatal(err)
	}
	defer y.free()
	y.reach(l.most, l.step)
	for _, m := range s.met {
		for k := range m.code.Insts {
			if m.code.Insts[k].String() == victim {
				return m.code.At(k)
			}
		}
	}
	t.Fatalf("%s is not translated", victim)
	return 0
}
