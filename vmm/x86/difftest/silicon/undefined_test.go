package silicon

import (
	"testing"

	"vmrecord/vmm/cpu"
	"vmrecord/vmm/interp"
	"vmrecord/vmm/x86"
)

// seed makes the cases; a failure prints it with the case's number.
const seed = 1

// choice finds the one for a flag.
func choice(sem x86.Sem, flag uint64) (found []*Choice) {
	for i := range Choices {
		if oneOf(sem, Choices[i].Sems) && Choices[i].Flags&flag != 0 {
			found = append(found, &Choices[i])
		}
	}
	return found
}

// Every flag that isa.txt calls undefined has one choice, and every choice a flag.
func TestChoicesAreComplete(t *testing.T) {
	type key struct {
		sem  x86.Sem
		flag uint64
	}
	used := map[key]bool{}
	for i := range x86.Table {
		f := &x86.Table[i]
		for flag := uint64(1); flag <= cpu.FlagID; flag <<= 1 {
			if uint64(f.Undefined)&flag == 0 {
				continue
			}
			used[key{f.Sem, flag}] = true
			if n := len(choice(f.Sem, flag)); n != 1 {
				t.Errorf("%s: %d choices for undefined %s", f.Text, n, flagText(flag|2))
			}
		}
	}
	for _, c := range Choices {
		for _, sem := range c.Sems {
			for flag := uint64(1); flag <= cpu.FlagID; flag <<= 1 {
				if c.Flags&flag != 0 && !used[key{sem, flag}] {
					t.Errorf("%v: a choice for %s, which is not undefined", sem, flagText(flag|2))
				}
			}
		}
	}
}

// casesPerChoice is how many cases of a unit are tried.
const casesPerChoice = 60

// The reference engine obeys the choices.
func TestChoicesAreObeyed(t *testing.T) {
	o := NewOurs(interp.New())
	for _, u := range Units() {
		f := &x86.Table[u.Row]
		if f.Undefined == 0 || f.Attr&x86.AttrPriv != 0 || u.undefined() {
			continue
		}
		tried := 0
		for seq := range casesPerChoice {
			c, ok := Generate(seed, u, seq, Place{})
			if !ok || c.Inst.Args[0].Kind == x86.Mem && (window(c.address()) < 0 || window(c.address()+15) < 0) {
				continue
			}
			var r [1]Outcome
			if _, err := o.Run([]Case{c}, r[:]); err != nil {
				t.Fatal(err)
			}
			if !r[0].ended() {
				continue
			}
			tried++
			for flag := uint64(1); flag <= cpu.FlagOF; flag <<= 1 {
				if uint64(f.Undefined)&flag == 0 {
					continue
				}
				for _, ch := range choice(f.Sem, flag) {
					if (ch.rule(&c, &r[0])^r[0].Flags)&flag != 0 {
						t.Errorf("%s: seed %d, case %d: %s is not %q\n%s", u, seed, seq, flagText(flag|2), ch.Value, c.describe())
					}
				}
			}
		}
		if tried < casesPerChoice/6 {
			t.Errorf("%s: only %d cases tried", u, tried)
		}
	}
}

// What CPUID does not claim is #UD on our side, also where this processor has
// it, so that the rows cannot be compared.
func TestUnclaimedIsUndefined(t *testing.T) {
	o := NewOurs(interp.New())
	for row := range uint16(len(x86.Table)) {
		f := &x86.Table[row]
		if f.Sem != x86.SemUd && cpu.Claims(f.Feature) {
			continue
		}
		for _, mode := range []x86.Mode{x86.Mode64, x86.Mode32} {
			for seq := range 8 {
				u := Unit{Row: row, Mode: mode}
				if sizes := f.Sizes(mode); f.Sem != x86.SemUd && len(sizes) > 0 {
					u.Size = sizes[seq%len(sizes)]
				}
				c, ok := Generate(seed, u, seq, Place{})
				if !ok || len(c.Code) > x86.MaxLen {
					continue
				}
				var r [1]Outcome
				if _, err := o.Run([]Case{c}, r[:]); err != nil {
					t.Fatal(err)
				}
				if r[0].Vector != cpu.UD {
					t.Errorf("%s: seed %d, case %d ends %s\n%s", u, seed, seq, r[0].ending(), c.describe())
				}
			}
		}
	}
}
