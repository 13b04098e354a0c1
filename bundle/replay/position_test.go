package replay

import (
	"errors"
	"strings"
	"testing"

	"vmrecord/bundle"
	"vmrecord/vmm"
	"vmrecord/vmm/tape"
)

func TestParsePosition(t *testing.T) {
	at := func(i vmm.Instant, n uint64) vmm.Position { return vmm.Position{At: i, Inputs: n} }
	l := Line{at(1000, 3), at(21_000, 40), 1000, []bundle.Marker{
		{Kind: "attr", Text: "a=b", Pos: at(1100, 4)},
		{Kind: "mark", Text: "login", Pos: at(2000, 5)},
		{Kind: "fail", Text: "oops", Pos: at(3000, 6)},
		{Kind: "mark", Text: "login", Pos: at(4000, 7)},
		{Kind: "fail", Text: "again", Pos: at(5000, 8)},
	}}
	for _, c := range []struct {
		in   string
		want vmm.Position
		err  string
	}{
		{"start", l.Start, ""},
		{"end", l.End, ""},
		{"failure", at(5000, 8), ""},
		{"@login", at(2000, 5), ""},
		{"@oops", at(3000, 6), ""},
		{"@a=b", at(0, 0), "the tape has @login, @oops"},
		{"@none", at(0, 0), "no such mark"},
		{"0%", at(1000, tape.All), ""},
		{"50%", at(11_000, tape.All), ""},
		{"12.5%", at(3500, tape.All), ""},
		{"100%", at(21_000, tape.All), ""},
		{"101%", at(0, 0), "between 0% and 100%"},
		{"-5%", at(0, 0), "between 0% and 100%"},
		{"0.0001%", at(0, 0), "three decimals"},
		{"%", at(0, 0), "between"},
		{"12.5s", at(13_500, tape.All), ""},
		{"-3s", at(18_000, tape.All), ""},
		{"250ms", at(1250, tape.All), ""},
		{"21s", at(0, 0), "20000 instants long, 20.000 s; this is 21000"},
		{"-21s", at(0, 0), "20000 instants long"},
		{"s", at(0, 0), "like 12.5s"},
		{"1234", at(1234, tape.All), ""},
		{"1234+9", at(1234, 9), ""},
		{"999", at(0, 0), "from 1000 to 21000"},
		{"21001", at(0, 0), "from 1000 to 21000"},
		{"99999999999999999999", at(0, 0), "positions are"},
		{"", at(0, 0), "positions are"},
		{"x", at(0, 0), "positions are"},
	} {
		p, err := ParsePosition(c.in, l)
		var pe *PositionError
		if c.err == "" && (err != nil || p != c.want) || c.err != "" && (!errors.As(err, &pe) || !strings.Contains(err.Error(), c.err)) {
			t.Errorf("%q: %v, %v; want %v %s", c.in, p, err, c.want, c.err)
		}
	}
}

func FuzzParsePosition(f *testing.F) {
	for _, s := range []string{"12.5s", "-3s", "50%", "@x", "1+1"} {
		f.Add(s)
	}
	l := Line{vmm.Position{At: 5}, vmm.Position{At: 500}, 7, nil}
	f.Fuzz(func(t *testing.T, s string) {
		if p, err := ParsePosition(s, l); err == nil && (p.At < 5 || p.At > 500) {
			t.Fatalf("%q: %v", s, p)
		}
	})
}
