package machine

import (
	"strings"
	"testing"

	"vmrecord/vmm"
)

const uuid = "00112233445566778899aabbccddeeff"

func TestText(t *testing.T) {
	s := Spec{Memory: 4 << 20, Hz: vmm.DefaultHz, DebugExit: true, UUID: uuid, Control: true, MaxRecordings: 3}
	got, err := Parse(s.Text())
	if s.Format = format; err != nil || got != s {
		t.Errorf("%+v %v", got, err)
	}
}

func TestParseRefuses(t *testing.T) {
	good := Spec{Memory: 4 << 20, Hz: vmm.DefaultHz, UUID: uuid}.Text()
	for _, c := range []struct{ old, new, want string }{
		{"machine/1", "machine/2", "this program knows"},
		{`"memory":4194304`, `"memory":1`, "2 MiB to 3 GiB"},
		{`"memory":4194304`, `"memory":18446744073709551615`, "2 MiB to 3 GiB"},
		{`"hz":4000000000`, `"hz":0`, "Hz"},
		{`"hz"`, `"khz"`, "unknown field"},
		{`"00112233`, `"0011223`, "32 hex digits"},
		{`"00112233`, `"xx112233`, "32 hex digits"},
		{"{", "[", "machine description"},
	} {
		if _, err := Parse(strings.Replace(good, c.old, c.new, 1)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", c.new, err, c.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(Spec{Memory: 4 << 20, Hz: vmm.DefaultHz, UUID: uuid}.Text())
	f.Fuzz(func(t *testing.T, s string) {
		if p, err := Parse(s); err == nil && p.check() != nil {
			t.Errorf("accepted %+v", p)
		}
	})
}

// Two machines of one text save the same sections.
func TestBuild(t *testing.T) {
	s := Spec{Memory: 4 << 20, Hz: vmm.DefaultHz, UUID: uuid}
	a, free, err := s.Build(1, 2)
	if err != nil {
		t.Fatal(err)
	}
	defer free()
	b, free2, err := s.Build(3, 4)
	if err != nil {
		t.Fatal(err)
	}
	defer free2()
	if err := b.Load(a.Save()); err != nil {
		t.Fatal(err)
	}
	_, x := a.Digests()
	_, y := b.Digests()
	if x != y {
		t.Error("restored machine differs")
	}
}
