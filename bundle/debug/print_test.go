package debug

import "testing"

// What is to be printed is read whole, or refused.
func TestExpr(t *testing.T) {
	for _, c := range []struct {
		text string
		want expr
		ok   bool
	}{
		{"rax", expr{term: "rax", size: 8}, true},
		{"order.from", expr{term: "order.from", size: 8}, true},
		{"*rsp", expr{memory: true, term: "rsp", size: 8}, true},
		{"*rsp+0x10:4", expr{memory: true, term: "rsp", add: 16, size: 4}, true},
		{"*jiffies_64-8:16", expr{memory: true, term: "jiffies_64", add: 1<<64 - 8, size: 16}, true},
		{"*filename:s", expr{memory: true, term: "filename"}, true},
		{"rdi+1", expr{term: "rdi", add: 1, size: 8}, true},
		{text: ""}, {text: "*"}, {text: "a b"}, {text: "*rax:0"}, {text: "*rax:4097"}, {text: "*rax:99999999999999999999"}, {text: "rax:8"},
		{text: "rax+xyz"}, {text: "rax+99999999999999999999"}, {text: "**rax"}, {text: "rax+1+1"},
	} {
		got, err := parseExpr(c.text)
		if c.want.text = c.text; (err == nil) != c.ok || c.ok && got != c.want {
			t.Errorf("%q: %+v, %v; want %+v", c.text, got, err, c.want)
		}
	}
	if _, err := parsePrint(make([]string, maxPrints+1)); err == nil {
		t.Error("any number of things is printed")
	}
}

func FuzzExpr(f *testing.F) {
	f.Add("*rsp+0x10:4")
	f.Add("order.from")
	f.Fuzz(func(t *testing.T, text string) {
		if x, err := parseExpr(text); err == nil && (x.size < 0 || x.size > maxBytes || x.term == "") {
			t.Errorf("%q: %+v", text, x)
		}
	})
}
