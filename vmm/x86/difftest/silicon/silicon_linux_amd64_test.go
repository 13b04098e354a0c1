package silicon

import (
	"math/bits"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"vmrecord/vmm"
	"vmrecord/vmm/cpu"
	"vmrecord/vmm/interp"
	"vmrecord/vmm/x86"
)

// perUnit is how many cases of each unit a test runs. The long form is what a
// minute is enough for on two processors, with all the rest.
func perUnit() int {
	if testing.Short() {
		return 10
	}
	return 500
}

func newInterp() vmm.Engine { return interp.New() }

func newTester(t *testing.T, c Config) *Tester {
	t.Helper()
	c.Engine, c.Seed = newInterp, seed
	r, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

// The reference engine does what the processor does. On a processor that our
// choices do not follow, differences are printed and nothing more.
func TestInterpEqualsHost(t *testing.T) {
	r := newTester(t, Config{Log: t.Logf})
	if err := r.Round(perUnit(), nil); err != nil {
		t.Fatal(err)
	}
	cases, diffs, wanted, missing := 0, 0, 0, 0
	for _, s := range r.Stats {
		wanted += bits.OnesCount32(Wanted(s.Unit))
		missing += bits.OnesCount32(Wanted(s.Unit) &^ s.Faults)
		cases, diffs = cases+s.Cases, diffs+s.Diffs
		if s.Cases < perUnit() || s.Diffs != 0 && r.Reference {
			t.Errorf("%s: %d cases, %d differences", s.Unit, s.Cases, s.Diffs)
		}
	}
	for i, n := range r.Explained {
		t.Logf("%6d explained: %s (%s)", n, Explanations[i].Name, Explanations[i].Section)
	}
	if !testing.Short() && r.Reference && missing > wanted/100 {
		t.Errorf("of %d exceptions wanted %d were not met", wanted, missing)
	}
	t.Logf("%d units, %d cases, %d differences, 32-bit code %v, %d of %d exceptions not met", len(r.Stats), cases, diffs, r.Compat, missing, wanted)
}

// Three bugs as one could make them. Each must be seen in its own rows.
func TestPlantedBugsAreFound(t *testing.T) {
	for _, p := range []struct {
		name   string
		rows   string // beginning of Form.Text
		mutate func(c *Case, ours *Outcome)
	}{
		{"ADC of 32 bits to memory: CF inverted", "ADC r/mv, rv", func(c *Case, ours *Outcome) {
			if c.Inst.OpSize == 4 && c.Inst.Args[0].Kind == x86.Mem {
				ours.Flags ^= cpu.FlagCF
			}
		}},
		{"NEG of bytes: AF clear", "NEG r/m8", func(_ *Case, ours *Outcome) {
			ours.Flags &^= cpu.FlagAF
		}},
		{"shifts by CL: PF as before", "SHL r/mv, CL", func(c *Case, ours *Outcome) {
			ours.Flags = ours.Flags&^cpu.FlagPF | c.Flags&cpu.FlagPF
		}},
	} {
		r := newTester(t, Config{Only: func(u Unit) bool { return strings.HasPrefix(x86.Table[u.Row].Text, p.rows) },
			Mutate: func(c *Case, ours *Outcome) {
				if ours.ended() {
					p.mutate(c, ours)
				}
			}})
		if err := r.Round(max(perUnit(), 40), nil); err != nil {
			t.Fatal(err)
		}
		seen := map[uint16]bool{}
		for _, s := range r.Stats {
			seen[s.Row] = seen[s.Row] || s.Diffs > 0
		}
		for row, ok := range seen {
			if !ok {
				t.Errorf("%s: not seen in row %d", p.name, row)
			}
		}
	}
}

// plantedForms is how many random forms get a wrong flag.
const plantedForms = 20

// A flag that is wrong in one size of a form, for one operand in four, is found
// by as many cases as the test above runs.
func TestPlantedFlagsAreFound(t *testing.T) {
	rng := rand.New(rand.NewPCG(seed, 20))
	var writers []Unit
	for _, u := range Units() {
		if f := &x86.Table[u.Row]; u.Mode == x86.Mode64 && !u.undefined() && f.Written&^f.Undefined&uint32(cpu.FlagsArith) != 0 && !branches(f.Sem) {
			writers = append(writers, u)
		}
	}
	wrong := map[Unit]uint64{}
	for len(wrong) < plantedForms {
		u := writers[rng.IntN(len(writers))]
		var bits []uint64
		for bit := uint64(1); bit <= cpu.FlagOF; bit <<= 1 {
			if f := &x86.Table[u.Row]; uint64(f.Written&^f.Undefined)&cpu.FlagsArith&bit != 0 {
				bits = append(bits, bit)
			}
		}
		wrong[u] = bits[rng.IntN(len(bits))]
	}
	r := newTester(t, Config{Only: func(u Unit) bool { return wrong[u] != 0 },
		Mutate: func(c *Case, ours *Outcome) {
			if ours.ended() && c.R[x86.RAX]&3 == 0 {
				ours.Flags ^= wrong[c.Unit]
			}
		}})
	if err := r.Round(max(perUnit(), 100), nil); err != nil {
		t.Fatal(err)
	}
	for _, s := range r.Stats {
		if s.Diffs == 0 {
			t.Errorf("%s: %s wrong, and not seen in %d cases", s.Unit, flagText(wrong[s.Unit]|2), s.Cases)
		}
	}
}

// A case is made the same whenever it is made, and every mnemonic in the tables
// of known.go is one.
func TestGenerate(t *testing.T) {
	for i, u := range Units() {
		if i%7 != 0 {
			continue
		}
		a, ok := Generate(5, u, 3, Place{9, 0})
		b, _ := Generate(5, u, 3, Place{9, 0})
		if ok && (a.State != b.State || string(a.Code) != string(b.Code)) {
			t.Errorf("%s: made twice, two cases", u)
		}
	}
	for _, e := range excluded {
		found := false
		for i := range x86.Table {
			name, _, _ := strings.Cut(x86.Table[i].Text, " ")
			found = found || name == e.name && (x86.Table[i].Sem == x86.SemUd) == e.ud
		}
		if !found {
			t.Errorf("known.go excludes %s, which is no row", e.name)
		}
	}
}

// A run that is ended and resumed makes the cases that one run makes.
func TestResume(t *testing.T) {
	file := t.TempDir() + "/state"
	only := func(u Unit) bool { return strings.HasPrefix(x86.Table[u.Row].Text, "ROL") }
	whole := newTester(t, Config{Only: only})
	if err := whole.Round(12, nil); err != nil {
		t.Fatal(err)
	}
	var last *Tester
	for range 3 {
		p, err := ReadProgress(file, seed)
		if err != nil {
			t.Fatal(err)
		}
		last = newTester(t, Config{Only: only})
		p.Resume(last)
		if err := last.Round(4, nil); err != nil {
			t.Fatal(err)
		}
		p.Units = nil
		p.Add(last.Stats, last.Explained)
		if err := p.Write(file); err != nil {
			t.Fatal(err)
		}
	}
	for i := range whole.Stats {
		if whole.Stats[i] != last.Stats[i] {
			t.Errorf("in one run %+v, in three %+v", whole.Stats[i], last.Stats[i])
		}
	}
	if _, err := ReadProgress(file, seed+1); err == nil || !strings.Contains(err.Error(), "-seed 1") {
		t.Errorf("another seed: %v", err)
	}
}

// A forgetful engine undoes stores to the first bytes of the data pages.
type forgetful struct{ vmm.Engine }

func (f forgetful) Run(s *cpu.State, b *vmm.Board) vmm.Exit {
	was := slices.Clone(b.Mem.B[physData:][:64])
	defer copy(b.Mem.B[physData:], was)
	return f.Engine.Run(s, b)
}

// A case whose doings outside the windows the batch as a whole misjudges is
// looked at alone. FXSAVE stores a mask of MXCSR that the host has and we have
// not, and LDMXCSR loads it; PUSHA that faults has pushed on the host; PUSH
// differs where our engine forgets it.
func TestStoresOutsideWindows(t *testing.T) {
	for _, b := range []struct {
		name             string
		diffs, explained int
		code             [][]byte
	}{
		{"FXSAVE [RAX], LDMXCSR [RAX+28]", 0, 0, [][]byte{{0x0f, 0xae, 0x00}, {0x0f, 0xae, 0x50, fxMXCSR + 4}}},
		{"32-bit PUSHA across the pages' beginning", 0, 1, [][]byte{{0x60}}},
		{"PUSH imm, where ours has none", 1, 0, [][]byte{{0x6a, 1}}},
	} {
		r := newTester(t, Config{Log: t.Logf})
		if b.diffs != 0 {
			r.ours = NewOurs(forgetful{newInterp()})
		}
		for i, code := range b.code {
			c := Case{Mode: x86.Mode64, Code: code, Seq: i}
			c.Sel = [6]uint16{x86.CS: selCode, x86.SS: selStack}
			if code[0] == 0x60 {
				c.Mode, c.Sel[x86.CS] = x86.Mode32, selCode32
			}
			var err error
			if c.Inst, err = x86.Decode(code, c.Mode); err != nil {
				t.Fatal(err)
			}
			c.RIP, c.Flags = slotAt+uint64(i)*slotBytes, 0x202
			c.R[x86.RAX], c.R[x86.RSP] = dataAt, dataAt+8
			c.put16(fxFCW, 0x37f)
			c.put32(fxMXCSR, 0x1f80)
			r.batch, r.stat = append(r.batch, c), append(r.stat, i)
		}
		if err := r.flush(); err != nil {
			t.Fatal(err)
		}
		diffs, explained := 0, 0
		for _, s := range r.Stats {
			diffs += s.Diffs
		}
		for _, n := range r.Explained {
			explained += n
		}
		if diffs != b.diffs || r.Reference && explained != b.explained {
			t.Errorf("%s: %d differences and %d explained, want %d and %d", b.name, diffs, explained, b.diffs, b.explained)
		}
	}
}
