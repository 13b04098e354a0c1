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

// TestPoison: flags that are dead or undefined show nowhere.
func TestPoison(t *testing.T) {
	for seed := range uint64(3) {
		x := &lockstep.Tester{New: Options{Poison: seed + 1}.New}
		run(t, "poisoned", x)
		if err := x.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestPoisonSweep: nor where a block leaves before its flags are written again.
func TestPoisonSweep(t *testing.T) {
	x := &lockstep.Tester{New: Options{Poison: 1}.New}
	d, err := x.Sweep(lockstep.Program(1, dying), 400, 100)
	if err != nil {
		t.Fatal(err)
	}
	if d != nil {
		t.Errorf("at instant %d: %s", d.At, d.Text)
	}
	if err := x.Close(); err != nil {
		t.Error(err)
	}
}

// dying are instructions whose flags, the last one's aside, are dead.
var dying = []byte{
	0xc1, 0xe0, 3, // SHL EAX, 3
	0x89, 0xc1, // MOV ECX, EAX
	0xc1, 0xe8, 5, // SHR EAX, 5
	0x01, 0xca, // ADD EDX, ECX
	0x0f, 0xaf, 0xf3, // IMUL ESI, EBX
	0x8d, 0x3c, 0x72, // LEA EDI, [RDX+RSI*2]
	0x31, 0xc8, // XOR EAX, ECX
}

// TestDead: flags are dead if the block writes all of them before it can leave
// and before it looks at one.
func TestDead(t *testing.T) {
	for _, c := range []struct {
		name  string
		code  []byte
		first bool // those of the first instruction are dead
	}{
		{"SHL, then nothing", dying[:3], false},
		{"SHL, SHR, then nothing", dying[:8], false},
		{"SHL, SHR, ADD", dying, true},
		{"IMUL, LEA, XOR", dying[10:], true},
		{"SHL; PUSHF; XOR", []byte{0xc1, 0xe0, 3, 0x9c, 0x31, 0xc8}, false},
		{"SHL; MOV [RBX], EAX; XOR", []byte{0xc1, 0xe0, 3, 0x89, 0x03, 0x31, 0xc8}, false},
		{"SHL; MOVD XMM0, EAX; XOR", []byte{0xc1, 0xe0, 3, 0x66, 0x0f, 0x6e, 0xc0, 0x31, 0xc8}, false},
		{"SHL; STC; XOR", []byte{0xc1, 0xe0, 3, 0xf9, 0x31, 0xc8}, false},
		{"SHL; ADC", []byte{0xc1, 0xe0, 3, 0x11, 0xc8}, false},
		{"SHL; SHL ECX, CL; XOR", []byte{0xc1, 0xe0, 3, 0xd3, 0xe1, 0x31, 0xc8}, false},
		{"SHL; DIV ECX; XOR", []byte{0xc1, 0xe0, 3, 0xf7, 0xf1, 0x31, 0xc8}, false},
		{"SHL; CPUID; XOR", []byte{0xc1, 0xe0, 3, 0x0f, 0xa2, 0x31, 0xc8}, false},
		{"SHL; JMP", []byte{0xc1, 0xe0, 3, 0xeb, 0}, false},
	} {
		e := &emitter{Translator: &Translator{host: hostFeatures()}, c: &cpu.Code{}}
		e.host.amd = false
		for code := c.code; len(code) > 0; {
			in, err := x86.Decode(code, x86.Mode64)
			if err != nil {
				t.Fatal(c.name, err)
			}
			e.c.Insts = append(e.c.Insts, in)
			code = code[in.Len:]
		}
		if got := e.native(&e.c.Insts[0]); got != c.first {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

// TestPoisonFinds: a rule that takes live flags for dead shows under poison.
// Each program adds up what flags it sees, since the reference runs the last
// lap: PUSHF; POP RCX; ADD EDX, ECX.
func TestPoisonFinds(t *testing.T) {
	look := []byte{0x9c, 0x59, 0x01, 0xca}
	for _, c := range []struct {
		name  string
		blind uint64
		body  []byte
	}{
		{"SHL EAX, 3", cpu.FlagOF | cpu.FlagAF, []byte{0xc1, 0xe0, 3}},
		{"ROL EAX, 3", cpu.FlagOF, []byte{0xc1, 0xc0, 3}},
		{"IMUL EAX, EBX", arith &^ (cpu.FlagCF | cpu.FlagOF), []byte{0x0f, 0xaf, 0xc3}},
		{"BT RAX, RBX", arith &^ (cpu.FlagCF | cpu.FlagZF), []byte{0x48, 0x0f, 0xa3, 0xd8}},
		{"all, and the rule as it is", 0, []byte{0xc1, 0xe0, 3, 0xc1, 0xc0, 3, 0x0f, 0xaf, 0xc3, 0x48, 0x0f, 0xa3, 0xd8}},
	} {
		body := append(c.body, look...)
		x := &lockstep.Tester{New: func() (cpu.Translator, error) {
			j, err := Options{Poison: 1}.New()
			if err == nil {
				j.(*Translator).blind = c.blind
			}
			return j, err
		}}
		found := false
		for seed := uint64(0); seed < 8 && !found; seed++ {
			d, err := x.Run(lockstep.Program(seed, body))
			if err != nil {
				t.Fatal(err)
			}
			found = d != nil
		}
		if found != (c.blind != 0) {
			t.Errorf("%s: found: %v", c.name, found)
		}
		if err := x.Close(); err != nil {
			t.Error(err)
		}
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

// TestFetchFault: the stack of a fault in fetching is a device, which sees the
// instants of its accesses, after an instruction in the middle of a block that
// the reference carried out.
func TestFetchFault(t *testing.T) {
	x := &lockstep.Tester{New: New}
	d, err := x.Sweep(lockstep.Legacy(1, []byte{
		0xbc, 0xf0, 0x6f, 0x12, 0x00, // MOV ESP, 126FF0h: a device
		0x41, 0x42, 0x43, 0x46, 0x47, // INC, five of them
		0x27,                         // DAA: not translated
		0xe9, 0xbd, 0x80, 0x00, 0x00, // JMP to 10904Dh: not mapped
	}), 1, 600)
	if err != nil {
		t.Fatal(err)
	}
	if d != nil {
		t.Errorf("at instant %d: %s", d.At, d.Text)
	}
	if err := x.Close(); err != nil {
		t.Error(err)
	}
}
