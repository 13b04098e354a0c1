package trace

import (
	"fmt"
	"io"
	"strings"
	"testing"
)

func TestDiff(t *testing.T) {
	long := strings.Repeat("x", maxLine+1)
	for _, c := range []struct {
		a, b     string
		context  int
		instants bool
		want     string
	}{
		{"", "", 3, true, "0 lines"},
		{"1 a\n2 b\n", "1 a\n2 b\n", 3, true, "2 lines"},
		{"1 a\n2 b", "1 a\n2 b\n", 3, true, "2 lines"}, // its last line has no end
		{"1 a\n2 b\n3 c\n4 d\n", "1 a\n2 b\n3 x\n4 d\n5 e\n", 1, true, "3 [2 b] [3 c|4 d] [3 x|4 d]"},
		{"1 a\n2 b\n", "1 a\n2 c\n", 0, true, "2 [] [2 b] [2 c]"},
		{"1 a\n", "1 a\n2 b\n3 c\n", 9, true, "2 [1 a] [] [2 b|3 c]"},
		{"1 a\n", "", 9, true, "1 [] [1 a] []"},
		{"1 a\n", "2 a\n", 3, true, "1 [] [1 a] [2 a]"},
		{"1 a\n2 b\n", "7 a\n8 c\n", 3, false, "2 [1 a] [2 b] [8 c]"},
		{"alone\n", "other\n", 3, false, "1 lines"}, // all of it is the column
		{`{"at":12,"kind":"sched","end":20,"text":"x"}`, `{"at":13,"kind":"sched","end":29,"text":"x"}`, 3, false, "1 lines"},
		{`{"at":12,"kind":"io","text":"x"}`, `{"at":12,"kind":"io","text":"y"}`, 0, false, `1 [] [{"at":12,"kind":"io","text":"x"}] [{"at":12,"kind":"io","text":"y"}]`},
		{"1 a\n" + long, "1 a\n" + long, 3, true, "line 2: it has more than"},
		{"1 a\n", "1 b\n" + long, 3, true, "it has more than"},
	} {
		got := ""
		switch d, n, err := Diff(strings.NewReader(c.a), strings.NewReader(c.b), c.context, c.instants); {
		case err != nil:
			got = err.Error()
		case d == nil:
			got = fmt.Sprintf("%d lines", n)
		default:
			got = fmt.Sprintf("%d [%s] [%s] [%s]", d.Line, strings.Join(d.Before, "|"), strings.Join(d.A, "|"), strings.Join(d.B, "|"))
		}
		if !strings.HasPrefix(got, c.want) || len(c.want) == 0 {
			t.Errorf("%.40q, %.40q: %.200s, want %s", c.a, c.b, got, c.want)
		}
	}
	if _, _, err := Diff(strings.NewReader("1 a\n2 b\n"), io.MultiReader(strings.NewReader("1 a\n"), broken{}), 3, true); err != io.ErrClosedPipe && (err == nil || !strings.Contains(err.Error(), "line 2: ")) {
		t.Error(err)
	}
}

// A broken input cannot be read.
type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrClosedPipe }

func FuzzDiff(f *testing.F) {
	f.Add("1 a\n2 b\n", "1 a\n2 c\n", 2, true)
	f.Add(`{"at":1,"end":2}`, `{"at":3,"end":4}`, 1, false)
	f.Fuzz(func(t *testing.T, a, b string, context int, instants bool) {
		context = min(max(context, 0), 10)
		d, n, err := Diff(strings.NewReader(a), strings.NewReader(b), context, instants)
		if err != nil {
			t.Skip()
		}
		if a == b && d != nil {
			t.Errorf("%q differs from itself in line %d", a, d.Line)
		}
		if d != nil && (d.Line != n || len(d.A)+len(d.B) == 0 || len(d.Before) > context || len(d.A) > context+1 || len(d.B) > context+1) {
			t.Errorf("%+v of %d lines", d, n)
		}
	})
}
