//go:build linux && amd64

package jit

import (
	"testing"

	"vmrecord/vmm/cpu"
	"vmrecord/vmm/jit/locktest/lockstep"
	"vmrecord/vmm/x86"
)

// TestHosts: a host with less changes nothing but speed.
func TestHosts(t *testing.T) {
	for _, c := range []struct {
		name string
		make func(*Translator)
	}{
		{"little memory for code", func(j *Translator) { j.buf = j.buf[:j.p+roomBytes+8<<10] }},
		{"not AMD", func(j *Translator) { j.host.amd = false }},
		{"SSE2 only", func(j *Translator) {
			for f := range j.host.have {
				j.host.have[f] = j.host.have[f] && (f == int(x86.FeatNone) || f == int(x86.FeatSse) || f == int(x86.FeatSse2))
			}
		}},
	} {
		x := &lockstep.Tester{New: func() (cpu.Translator, error) {
			j, err := New()
			if err == nil {
				c.make(j.(*Translator))
			}
			return j, err
		}}
		run(t, c.name, x)
		if err := x.Close(); err != nil {
			t.Error(err)
		}
	}
}

func run(t *testing.T, name string, x *lockstep.Tester) {
	t.Helper()
	n := uint64(100)
	if testing.Short() {
		n = 20
	}
	for i := range n {
		d, err := x.Run(lockstep.CaseAt(5, i*i))
		if err != nil {
			t.Fatal(err)
		}
		if d != nil {
			t.Errorf("%s: case %d: at instant %d: %s", name, i*i, d.At, d.Text)
		}
	}
}
