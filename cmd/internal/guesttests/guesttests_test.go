package main

import (
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"
)

// TestStandardLibrary runs the quick ones.
func TestStandardLibrary(t *testing.T) {
	if testing.Short() {
		t.Skip("boots a kernel for real")
	}
	rows, err := options{packages: quick, flags: []string{"-test.short"}, memory: 512 << 20, console: io.Discard, logf: t.Logf}.compare()
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range rows {
		if r.Name != quick[i] || len(r.Differences) > 0 || r.End != "ok" || r.count("PASS") < 5 || r.Instructions < 1e6 {
			t.Errorf("%s: it ends %q\n%s", quick[i], r.End, r)
		}
	}
}

func TestParse(t *testing.T) {
	const head = "[    0.1] kernel\r\n@@ begin p\r\n"
	for _, c := range []struct{ text, want, err string }{
		{head + "@@ PASS A\r\n@@ end p ok\r\n@@ off\r\n", `p "ok" map[A:PASS] map[A:] ""`, ""},
		{head + "@@ SKIP A/b c\tno go\n@@ FAIL B\n@@ | x\n@@ |\n@@ end p exit status 1\n@@ off", `p "exit status 1" map[A/b c:SKIP B:FAIL] map[A/b c:no go B:] "x\n\n"`, ""},
		{head + "@@ error no lo\n", `p "" map[] map[] ""`, "runner: no lo"},
		{head + "@@ PASS A\nKernel panic", `p "" map[A:PASS] map[A:] ""`, "Kernel panic"},
		{"@@ PASS A\n", "", "before it began"},
		{"", "", "did not come to its end"},
	} {
		all, err := parse(c.text)
		got := ""
		for _, s := range all {
			got += fmt.Sprintf("%s %q %v %v %q", s.Name, s.End, s.Results, s.Why, s.Output)
		}
		if got != c.want || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%q:\n%s, want %s\n%v, want %s", c.text, got, c.want, err, c.err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("@@ begin p\n@@ PASS A\n@@ | x\n@@ end p ok\n@@ off\n")
	f.Add("@@ error\n@@")
	f.Fuzz(func(t *testing.T, text string) {
		all, _ := parse(text)
		for _, s := range all {
			if d := differences(s, s); d != nil {
				t.Errorf("%q differs from itself: %q", text, d)
			}
		}
	})
}

func TestDifferences(t *testing.T) {
	for _, c := range []struct {
		in, out map[string]string
		want    []string
	}{
		{map[string]string{"A": "PASS", "B": "SKIP"}, map[string]string{"A": "PASS", "B": "SKIP"}, nil},
		{map[string]string{"A": "FAIL"}, map[string]string{"A": "PASS"}, []string{"A: FAIL, outside PASS"}},
		{map[string]string{"A": "PASS"}, nil, []string{"A: PASS, outside none"}},
		{nil, map[string]string{"A": "SKIP"}, []string{"A: none, outside SKIP"}},
	} {
		if got := differences(&said{Results: c.in}, &said{Results: c.out}); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%v and %v: %q, want %q", c.in, c.out, got, c.want)
		}
	}
	if got := differences(&said{End: "signal: killed"}, &said{End: "ok"}); len(got) != 1 {
		t.Errorf("a test that was killed: %q", got)
	}
}

func TestList(t *testing.T) {
	for _, bad := range []string{"./...", "-x", "vmrecord/vmm", "a b"} {
		if got, err := list([]string{bad}); err == nil {
			t.Errorf("%q: %q", bad, got)
		}
	}
	got, err := list([]string{"math/...", "strconv"})
	if err != nil || !strings.Contains(strings.Join(got, " "), "math math/big") {
		t.Errorf("%q, %v", got, err)
	}
}
