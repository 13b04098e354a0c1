package host

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestKeys(t *testing.T) {
	for _, c := range []struct{ in, text, commands string }{
		{"abc", "abc", ""},
		{"a\x1dqb", "ab", "q"},
		{"\x1d\x1d", "\x1d", ""},
		{"\x1dm\x1dr\x1d.\x1d?", "", "mr.?"},
		{"\x1dzx", "x", "?"},
	} {
		for cut := range len(c.in) + 1 { // wherever a read ends
			var k Keys
			t1, c1 := k.Feed([]byte(c.in[:cut]))
			t2, c2 := k.Feed([]byte(c.in[cut:]))
			if got := string(t1) + string(t2); got != c.text || string(c1)+string(c2) != c.commands {
				t.Errorf("%q cut at %d: %q %q", c.in, cut, got, string(c1)+string(c2))
			}
		}
	}
}

func TestParseScript(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"", ""},
		{"# nothing\n\n", ""},
		{`1s "a"`, `1s "a"`},
		{"1s \"a\"\n+200ms \"\\r\"", `1s "a", 1.2s "\r"`},
		{`+1s "k" x 3`, `1s "k", 2s "k", 3s "k"`},
		{`2s "k" x 2`, `2s "k", 2s "k"`},
		{"# c\nafter \"in:\"\n+1s \"a\"", `after in:, 1.006s "a"`},
		{`after x`, `line 1: want a quoted text`},
		{`after ""`, `line 1: want a quoted text`},
		{"after \"a\"\n1ms \"a\"", `line 2: time 1ms; want 6ms to`},
		{"1s \"a\"\nafter \"b\"", `line 2: "after" is no time`},
		{`x "a"`, `line 1: "x" is no time`},
		{`-1s "a"`, `line 1: "-1s" is no time`},
		{`1s a`, `line 1: want a quoted text`},
		{`1s ""`, `line 1: text of 0 bytes`},
		{`1s "a" y 3`, `line 1: "y 3" after the text`},
		{`1s "a" x 0`, `after the text`},
		{`1s "a" x 10001`, `after the text`},
		{"2s \"a\"\n1s \"b\"", `line 2: time 1s; want 2s to`},
		{`+20h "a" x 2`, `line 1: time 40h0m0s`},
	} {
		sc, err := ParseScript(c.in)
		var got []string
		if sc.Cue != "" {
			got = append(got, "after "+sc.Cue)
		}
		for _, k := range sc.Keys {
			got = append(got, fmt.Sprintf("%s %q", k.At, k.Data))
		}
		s := strings.Join(got, ", ")
		if err != nil {
			s = err.Error()
		}
		if !strings.HasPrefix(s, c.want) && !(err != nil && strings.Contains(s, c.want)) || c.want == "" && s != "" {
			t.Errorf("%q: %s, want %s", c.in, s, c.want)
		}
	}
}

func FuzzParseScript(f *testing.F) {
	f.Add("1s \"a\"\n+2ms \"b\" x 3")
	f.Fuzz(func(t *testing.T, s string) {
		sc, err := ParseScript(s)
		keys := sc.Keys
		for i := range keys {
			if err == nil && i > 0 && keys[i].At < keys[i-1].At {
				t.Errorf("goes back at %d", i)
			}
		}
	})
}

func TestJitter(t *testing.T) {
	sc, _ := ParseScript(`+10ms "k" x 50`)
	keys := sc.Keys
	a, b, c := Jitter(keys, 1), Jitter(keys, 1), Jitter(keys, 2)
	same := 0
	for i := range keys {
		if a[i].At != b[i].At {
			t.Fatal("one seed, two scripts")
		}
		if a[i].At == c[i].At {
			same++
		}
		if i > 0 && a[i].At < a[i-1].At {
			t.Errorf("order changed at %d", i)
		}
	}
	if same > 5 {
		t.Errorf("%d of 50 keys at the same time under another seed", same)
	}
}

// What is drawn on the bottom row never lands inside the guest's own sequence.
func TestStatusWaitsForTheGuest(t *testing.T) {
	for _, c := range []struct {
		printed string
		inside  bool
	}{
		{"plain", false}, {"\x1b", true}, {"\x1b[1;3", true}, {"\x1b[1;3H", false},
		{"\x1b]0;title", true}, {"\x1b]0;title\x07", false}, {"\x1b]0;t\x1b\\", false}, {"\x1b(B", false}, {"\x1b(", true},
		{"\xe2\x97", true}, {"\xe2\x97\x8f", false}, {"\x1b[1\x18", false}, {"\x1bPq\x1b", true},
	} {
		var out bytes.Buffer
		tm := &Terminal{out: &out, size: func() (int, int, error) { return 80, 24, nil }}
		fmt.Fprint(tm, c.printed)
		tm.Status("● REC")
		if drawn := strings.Contains(out.String(), "REC"); drawn == c.inside {
			t.Errorf("%q: drawn %v", c.printed, drawn)
		}
	}
}

func TestStatusRow(t *testing.T) {
	var out bytes.Buffer
	rows := 24
	tm := &Terminal{out: &out, size: func() (int, int, error) { return 10, rows, nil }}
	step := func(what string, f func(), want ...string) {
		t.Helper()
		out.Reset()
		f()
		for _, w := range want {
			if !strings.Contains(out.String(), w) {
				t.Errorf("%s: %q lacks %q", what, out.String(), w)
			}
		}
		if len(want) == 0 && out.Len() != 0 {
			t.Errorf("%s: %q", what, out.String())
		}
	}
	step("first", func() { tm.Status("● REC a long name") }, "\x1b[1;23r", "\x1b[24;1H", "● REC a l\x1b[K")
	step("unchanged", func() { tm.Status("● REC a long name") })
	step("smaller window", func() { rows = 20; tm.Status("● REC a long name") }, "\x1b[1;19r", "\x1b[20;1H")
	step("end", func() { tm.Status("") }, "\x1b[r")
	step("end again", func() { tm.Restore() })
}

func TestInterrupts(t *testing.T) {
	for _, c := range []struct {
		sent []os.Signal
		want string
	}{
		{[]os.Signal{os.Interrupt}, "warn"},
		{[]os.Signal{os.Interrupt, os.Interrupt}, "warn quit"},
		{[]os.Signal{syscall.SIGTERM}, "quit"},
	} {
		sig, done, log := make(chan os.Signal), make(chan struct{}), make(chan string, 4)
		gone := make(chan struct{})
		go func() {
			watch(sig, done, func() { log <- "warn" }, func() { log <- "quit" })
			close(gone)
		}()
		for _, s := range c.sent {
			sig <- s
		}
		var got []string
		for range c.sent {
			got = append(got, <-log)
		}
		close(done)
		<-gone
		want(t, fmt.Sprint(c.sent), strings.Join(got, " "), c.want)
	}
}

func TestAlloc(t *testing.T) {
	b, free, err := Alloc(1 << 20)
	if err != nil || len(b) != 1<<20 {
		t.Fatal(len(b), err)
	}
	b[0], b[1<<20-1] = 1, 1
	free()
	if _, _, err := Alloc(math.MaxInt + 1); err == nil || !strings.Contains(err.Error(), "bit program has no room") {
		t.Error(err)
	}
}

// The host's own clock can be waited for and woken.
func TestSystemClock(t *testing.T) {
	c, wake := systemClock{time.Now()}, make(chan struct{}, 1)
	wake <- struct{}{}
	c.Wait(forever, wake)
	at := c.Now() + time.Millisecond
	c.Wait(at, wake)
	if n := c.Now(); n < at {
		t.Errorf("woke at %s, before %s", n, at)
	}
}

func TestListener(t *testing.T) {
	for _, c := range []struct {
		text string
		in   []string
		want int // the piece that completes it; -1: none
	}{
		{"login:", []string{"log", "in", ": ", "login:"}, 2},
		{"aab", []string{"a", "a", "a", "b"}, 3},
		{"x", []string{"abc", "zxz", "x"}, 1},
		{"xyz", []string{"xy", "xy", "x"}, -1},
	} {
		l, got := Listen(c.text), -1
		for i, p := range c.in {
			if l.Hear([]byte(p)) {
				got = i
			}
		}
		if got != c.want {
			t.Errorf("%q in %q: piece %d, want %d", c.text, c.in, got, c.want)
		}
	}
}
