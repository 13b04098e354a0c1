package main

import (
	"strings"
	"testing"

	"vmrecord/configs/bare/corpus"
)

// Our engine does what each case wants, unless the case says that it does not.
func TestEngine(t *testing.T) {
	cases := corpus.Cases()
	said, err := runAll(ours, cases)
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range cases {
		if said[i] != c.Want && !c.Differs("vmrecord") {
			t.Errorf("%s (%s):\n%s\nsays   %s\nwanted %s", c.Name, c.Section, c.Code, said[i], c.Want)
		}
	}
}

// A case that ends the machine is told, and the next one runs.
func TestRunAll(t *testing.T) {
	for _, c := range []struct{ code, want string }{
		{"mov word [PAGES], 0\nlidt [PAGES]\nud2", "shutdown"},
		{"cli\nhlt", "hangs"},
	} {
		said, err := runAll(ours, []corpus.Case{{Name: "first", Code: "nop"}, {Name: "ends", Code: c.code}, {Name: "last", Code: "ud2"}})
		if got, want := strings.Join(said, ", "), "end, "+c.want+", #UD ip+0"; err != nil || got != want {
			t.Errorf("%q: %s, %v; want %s", c.code, got, err, want)
		}
	}
}
