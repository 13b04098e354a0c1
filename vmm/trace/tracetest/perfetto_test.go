package tracetest

import (
	"fmt"
	"testing"
)

func TestTurns(t *testing.T) {
	slice := func(name string, from, to int) string {
		return fmt.Sprintf(`{"name":%q,"ph":"X","args":{"at":%d,"end":%d}}`, name, from, to)
	}
	for _, c := range []struct {
		events string
		good   bool
	}{
		{slice("runs", 1, 5) + "," + slice("a/1", 1, 5) + "," + slice("runs", 5, 9) + "," + slice("b/2", 5, 9), true},
		{slice("runs", 1, 5) + "," + slice("a/1", 1, 5) + "," + slice("runs", 6, 9) + "," + slice("b/2", 6, 9), false}, // a gap
		{slice("runs", 1, 5) + "," + slice("a/1", 1, 5) + "," + slice("runs", 4, 9) + "," + slice("b/2", 4, 9), false}, // two at once
		{slice("runs", 1, 5) + "," + slice("a/1", 1, 5) + "," + slice("b/2", 5, 9), false},                             // nobody's
		{slice("runs", 1, 5) + "," + slice("a/1", 1, 5), false},
		{"", false},
	} {
		if err := Turns(`{"displayTimeUnit":"ns","traceEvents":[` + c.events + `]}`); (err == nil) != c.good {
			t.Errorf("%s: %v", c.events, err)
		}
	}
}
