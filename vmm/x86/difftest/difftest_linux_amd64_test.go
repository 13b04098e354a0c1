package difftest

import (
	"strings"
	"testing"

	"vmrecord/vmm"
	"vmrecord/vmm/cpu"
	"vmrecord/vmm/interp"
	"vmrecord/vmm/x86"
)

// seed makes the cases; a failure prints it with the case's number.
const seed = 1

func perRow() int {
	if testing.Short() {
		return 100
	}
	return 1000
}

func newInterp() vmm.Engine { return interp.New() }

// The reference engine does what the processor does. On a processor that our
// choices do not follow, differences are printed and nothing more.
func TestInterpEqualsHost(t *testing.T) {
	r, err := Run(Config{Engine: newInterp, Seed: seed, PerRow: perRow(), Log: t.Logf})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range r.Rows {
		bad := s.Cases == 0 || s.Diffs != 0 && r.Reference
		switch {
		case bad:
			t.Error(s)
		default:
			t.Log(s)
		}
	}
	for row := range x86.Table {
		if why := Excluded(uint16(row)); why != "" {
			t.Logf("%4d %-36s not run: %s", row, x86.Table[row].Text, why)
		}
	}
	t.Logf("%d rows of %d, %d cases, %d differences", len(r.Rows), len(x86.Table), r.Cases, r.Diffs)
}

// Three bugs as one could make them. Each must be seen in its own rows.
var planted = []struct {
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
}

func TestPlantedBugsAreFound(t *testing.T) {
	for _, p := range planted {
		rows := 0
		r, err := Run(Config{Engine: newInterp, Seed: seed, PerRow: perRow(),
			Only: func(row uint16) bool { return strings.HasPrefix(x86.Table[row].Text, p.rows) },
			Mutate: func(c *Case, ours *Outcome) {
				if ours.Vector == cpu.BP || ours.Vector == cpu.DB {
					p.mutate(c, ours)
				}
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range r.Rows {
			if s.Diffs > 0 {
				rows++
			}
		}
		if rows == 0 || rows != len(r.Rows) {
			t.Errorf("%s: seen in %d rows of %d", p.name, rows, len(r.Rows))
		}
	}
}

// A case is made the same whenever it is made, and every mnemonic in the tables
// of known.go is one.
func TestGenerate(t *testing.T) {
	for row := uint16(0); row < uint16(len(x86.Table)); row += 7 {
		a, ok := Generate(5, row, 3, 9)
		b, _ := Generate(5, row, 3, 9)
		if ok && (a.State != b.State || string(a.Code) != string(b.Code)) {
			t.Errorf("row %d: made twice, two cases", row)
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
