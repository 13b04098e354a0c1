package isagen

import (
	"strings"
	"testing"
)

func TestErrors(t *testing.T) {
	for _, c := range []struct{ isa, want string }{
		{"ADD r/m8, r8 | 00 /r | w=C", "3 columns"},
		{"ADD r/m8, r8 | /r | w=C | add", "no opcode"},
		{"ADD r/m8, r8 | 0G /r | w=C | add", "bad encoding token"},
		{"ADD r/m8, r8 | 00 /r 01 | w=C | add", "misplaced byte"},
		{"ADD r/m8, r8 | 00 /r | w=Y | add", "bad flags"},
		{"ADD r/m8, r8 | 00 /r | w=C | ", "no semantic routine"},
		{"ADD r/m8, r8 | 00 /r | w=C | add x=y", "bad attribute"},
		{"ADD r/m9, r8 | 00 /r | w=C | add", "bad operand size"},
		{"ADD q8 | 00 /r | w=C | add", "bad operand"},
		{"ADD r8 | 00 | w=C | add", "no place for operand"},
		{"ADD r8, imm8 | 00 /r | w=C | add", "operand without bytes"},
		{"A r/m8 | 00 /r | | a\nB r/m8 | 00 /r | | b", "isa.txt:1 is not told apart"},
		{"A | 01 | | a i64\nB | 01 | | b o64", ""},
	} {
		_, err := Generate(c.isa)
		if c.want == "" && err == nil {
			continue
		}
		if err == nil || c.want == "" || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: error %v, want %q", c.isa, err, c.want)
		}
	}
}
