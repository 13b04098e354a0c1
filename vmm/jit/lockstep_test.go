//go:build linux && amd64

package jit

import (
	"strings"
	"testing"

	"vmrecord/vmm/cpu"
	"vmrecord/vmm/jit/locktest/lockstep"
	"vmrecord/vmm/x86"
)

// TestHosts: a host with less changes nothing but speed.
func TestHosts(t *testing.T) {
	for _, c := range []struct {
		name string
		Options
		less func(*Translator)
	}{
		{name: "little memory for code", less: func(j *Translator) { j.buf = j.buf[:j.p+roomBytes+8<<10] }},
		{name: "not AMD", Options: without(t, "-amd")},
		{name: "SSE2 only", Options: without(t, "none,+amd")},
		{name: "the poorest", Options: without(t, "baseline")},
	} {
		x := &lockstep.Tester{New: func() (cpu.Translator, error) {
			j, err := c.New()
			if err == nil && c.less != nil {
				c.less(j.(*Translator))
			}
			return j, err
		}}
		run(t, c.name, x)
		if err := x.Close(); err != nil {
			t.Error(err)
		}
	}
}

func without(t *testing.T, list string) (o Options) {
	t.Helper()
	var err error
	if o.Without, err = ParseWithout(list); err != nil {
		t.Fatal(err)
	}
	return o
}

func run(t *testing.T, name string, x *lockstep.Tester) {
	t.Helper()
	n := uint64(100)
	if testing.Short() {
		n = 20
	}
	for i := range n {
		same(t, name, x, 5, i*i)
	}
}

// same runs a case of a seed.
func same(t *testing.T, name string, x *lockstep.Tester, seed, n uint64) {
	t.Helper()
	d, err := x.Run(lockstep.CaseAt(seed, n))
	if err != nil {
		t.Fatal(err)
	}
	if d != nil {
		t.Errorf("%s: seed %d, case %d: at instant %d: %s", name, seed, n, d.At, d.Text)
	}
}

// TestGroups: without a group of instructions programs about each of its forms
// come to the same, and the reference carries them out.
func TestGroups(t *testing.T) {
	for i, h := range hostFeatureList() {
		if h.group == x86.FeatNone {
			continue
		}
		x := &lockstep.Tester{New: Options{Without: 1 << i}.New}
		for n := range lockstep.Units() {
			if lockstep.UnitForm(n).Feature == h.group && (!testing.Short() || n%8 == 0) {
				same(t, "without "+h.name, x, 6, uint64(n))
			}
		}
		if err := x.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestGroupsAreLeft: what a host has not is not native, and all else is as
// it was.
func TestGroupsAreLeft(t *testing.T) {
	all := features{amd: true}
	for f := range all.have {
		all.have[f] = true
	}
	for i, h := range hostFeatureList() {
		less, n := all, 0
		less.drop(1 << i)
		whole, part := &emitter{Translator: &Translator{host: all}, c: &cpu.Code{}}, &emitter{Translator: &Translator{host: less}, c: &cpu.Code{}}
		for row, f := range x86.Table {
			in := x86.Inst{Row: uint16(row), Sem: f.Sem, OpSize: 8}
			want := whole.native(&in)
			if f.Feature == h.group && h.group != x86.FeatNone || h.name == "amd" && f.Undefined&arith != 0 && !logic(f.Sem) {
				n++
				want = false
			}
			if got := part.native(&in); got != want {
				t.Errorf("without %s: %s is translated: %v", h.name, f.Text, got)
			}
		}
		if n == 0 && h.name != "bmi2" {
			t.Errorf("%s has no forms", h.name)
		}
	}
}

func TestParseWithout(t *testing.T) {
	for _, c := range []struct{ list, want string }{
		{"all", "all"},
		{"none", "none"},
		{"baseline", "none"},
		{"-bmi2,-aes,-sha,-sse4.2", "-aes,-bmi2,-sha,-sse4.2"},
		{"-aes,all,-sha", "-sha"},
		{"-aes,+aes,+sha", "all"},
		{"none,+amd,+popcnt", "-adx,-aes,-bmi2,-movbe,-pclmul,-sha,-sse3,-sse4.1,-sse4.2,-ssse3"},
		{"aes", `"aes" says neither to do without aes nor to use it; write -aes or +aes`},
		{"-+aes", `"-+aes" says neither`},
		{"-aes,", `no host feature ""; there are adx, aes,`},
		{"-AES", `no host feature "AES"`},
	} {
		f, err := ParseWithout(c.list)
		if got := f.String(); err == nil && got != c.want || err != nil && !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s: %s, %v; want %s", c.list, got, err, c.want)
		}
		if back, e := ParseWithout(f.String()); e != nil || back != f {
			t.Errorf("%s: %s, read again: %s, %v", c.list, f, back, e)
		}
	}
}

func FuzzParseWithout(f *testing.F) {
	f.Add("-aes,+sha,none,all")
	f.Fuzz(func(t *testing.T, list string) {
		w, err := ParseWithout(list)
		if back, e := ParseWithout(w.String()); e != nil || back != w || err != nil && w != 0 {
			t.Errorf("%s: %s, %v; read again: %s, %v", list, w, err, back, e)
		}
	})
}
