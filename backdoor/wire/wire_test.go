package wire

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestParseRequest(t *testing.T) {
	long := strings.Repeat("x", MaxName)
	for _, c := range []struct {
		in   string
		want Request
		err  string
	}{
		{"vmrecord.version", Request{Verb: GetVersion}, ""},
		{"vmrecord.version\x00", Request{Verb: GetVersion}, ""},
		{"vmrecord.status", Request{Verb: GetStatus}, ""},
		{"vmrecord.prepare transfer batch", Request{Verb: Prepare, Text: "transfer batch"}, ""},
		{"vmrecord.prepare " + long, Request{Verb: Prepare, Text: long}, ""},
		{"vmrecord.attr round 7", Request{Verb: Attr, Key: "round", Text: "7"}, ""},
		{"vmrecord.attr round ", Request{Verb: Attr, Key: "round"}, ""},
		{"vmrecord.start a", Request{Verb: Start, Text: "a"}, ""},
		{"vmrecord.mark Überweisung  b", Request{Verb: Mark, Text: "Überweisung  b"}, ""},
		{"vmrecord.fail total is 999 993", Request{Verb: Fail, Text: "total is 999 993"}, ""},
		{"vmrecord.keep", Request{Verb: Keep}, ""},
		{"vmrecord.drop", Request{Verb: Drop}, ""},
		{"vmrecord.stop keep", Request{Verb: Stop, Text: "keep"}, ""},
		{"vmrecord.stop drop", Request{Verb: Stop, Text: "drop"}, ""},
		{"info-get guestinfo.ip", Request{}, "not a vmrecord"},
		{"vmrecord.", Request{}, "unknown"},
		{"vmrecord.none", Request{}, "unknown"},
		{"vmrecord.keep x", Request{}, "no argument"},
		{"vmrecord.keep ", Request{}, "no argument"},
		{"vmrecord.prepare", Request{}, "wants an argument"},
		{"vmrecord.prepare ", Request{}, "wants an argument"},
		{"vmrecord.prepare  a", Request{}, "outer blanks"},
		{"vmrecord.prepare a ", Request{}, "outer blanks"},
		{"vmrecord.prepare " + long + "x", Request{}, "too long"},
		{"vmrecord.mark a\nb", Request{}, "control"},
		{"vmrecord.mark a\x00\x00", Request{}, "control"},
		{"vmrecord.mark a\xc2\x9bb", Request{}, "control"},
		{"vmrecord.mark a\xffb", Request{}, "UTF-8"},
		{"vmrecord.attr round", Request{}, "KEY VALUE"},
		{"vmrecord.attr  7", Request{}, "KEY VALUE"},
		{"vmrecord.attr a/b 7", Request{}, "KEY VALUE"},
		{"vmrecord.stop", Request{}, "wants an argument"},
		{"vmrecord.stop now", Request{}, "keep or drop"},
	} {
		got, err := ParseRequest(c.in)
		switch {
		case c.err == "" && err != nil:
			t.Errorf("%q: %v", c.in, err)
		case c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)):
			t.Errorf("%q: error %v, want one with %q", c.in, err, c.err)
		case got != c.want:
			t.Errorf("%q: %+v, want %+v", c.in, got, c.want)
		}
	}
}

func TestFormatRequest(t *testing.T) {
	for _, c := range []struct {
		in   Request
		want string
	}{
		{Request{Verb: Keep, Text: "ignored"}, "vmrecord.keep"},
		{Request{Verb: Prepare}, "vmrecord.prepare -"},
		{Request{Verb: Mark, Text: "\tline one\nline two\n"}, "vmrecord.mark line one line two"},
		{Request{Verb: Attr, Key: "a b", Text: ""}, "vmrecord.attr a_b "},
		{Request{Verb: Attr, Text: "v"}, "vmrecord.attr _ v"},
		{Request{Verb: Stop, Text: "what"}, "vmrecord.stop keep"},
		{Request{Verb: Fail, Text: "bad \xff byte"}, "vmrecord.fail bad ? byte"},
		{Request{Verb: Prepare, Text: strings.Repeat("ü", 40)}, "vmrecord.prepare " + strings.Repeat("ü", 32)},
	} {
		if got := c.in.Format(); got != c.want {
			t.Errorf("%+v: %q, want %q", c.in, got, c.want)
		}
	}
}

func TestFormatFact(t *testing.T) {
	for _, c := range []struct{ key, value, want string }{
		{"kernel.build-id", "ab12", "info-set guestinfo.vmrecord.kernel.build-id ab12"},
		{"a b", "two\nlines", "info-set guestinfo.vmrecord.a_b two lines"},
		{strings.Repeat("k", 90), strings.Repeat("v", 2000), "info-set guestinfo.vmrecord." + strings.Repeat("k", 55) + " " + strings.Repeat("v", 1024)},
	} {
		if got := FormatFact(c.key, c.value); got != c.want {
			t.Errorf("%.20q: %q, want %q", c.key, got, c.want)
		}
	}
}

func TestReplies(t *testing.T) {
	for _, c := range []struct{ in, text, err string }{
		{"1", "", ""},
		{"1 ", "", ""},
		{"1 vmrecord 1\x00", "vmrecord 1", ""},
		{"0 nothing is recording", "", "nothing is recording"},
		{"0 a\x1b[2Jb", "", "a [2Jb"},
		{"", "", "not a reply"},
		{"2 x", "", "not a reply"},
		{"1x", "", "not a reply"},
	} {
		text, err := ParseReply(c.in)
		msg := ""
		if err != nil {
			msg = err.Error()
		}
		if text != c.text || msg != c.err {
			t.Errorf("%q: %q, %q, want %q, %q", c.in, text, msg, c.text, c.err)
		}
	}
	for text, want := range map[string]bool{"vmrecord 1": true, "vmrecord 1 more": true, "vmrecord 10": false, "vmrecord 2": false, "": false} {
		if IsOurs(text) != want {
			t.Errorf("IsOurs(%q) = %v", text, !want)
		}
	}
}

func TestStatus(t *testing.T) {
	for _, c := range []struct {
		text string
		want Status
		ok   bool
	}{
		{"idle 0", Status{}, true},
		{"off 0", Status{State: Off}, true},
		{"recording 7 transfer batch", Status{Recording, 7, "transfer batch"}, true},
		{"recording 4294967295", Status{Recording, 1<<32 - 1, ""}, true},
		{"recording 4294967296", Status{}, false},
		{"recording 07", Status{}, false},
		{"recording 7 ", Status{}, false},
		{"recording", Status{}, false},
		{"idle 7 name", Status{}, false},
		{"asleep 7", Status{}, false},
		{"", Status{}, false},
	} {
		got, err := ParseStatus(c.text)
		if got != c.want || (err == nil) != c.ok {
			t.Errorf("%q: %+v, %v", c.text, got, err)
		}
		if c.ok && got.Format() != c.text {
			t.Errorf("%q: formats as %q", c.text, got.Format())
		}
	}
}

// What the parser accepts formats back to itself, and is safe to show.
func FuzzParseRequest(f *testing.F) {
	for _, s := range []string{"vmrecord.attr a b", "vmrecord.mark \u2028", "vmrecord.stop drop\x00", "vmrecord.prepare \xc2\x85"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		q, err := ParseRequest(s)
		if err != nil {
			return
		}
		if got := q.Format(); got != strings.TrimSuffix(s, "\x00") {
			t.Fatalf("%q formats as %q", s, got)
		}
		if !utf8.ValidString(q.Text) || strings.ContainsFunc(q.Text, func(r rune) bool { return r < ' ' || r == 0x7F || 0x80 <= r && r < 0xA0 }) {
			t.Fatalf("unsafe text %q", q.Text)
		}
	})
}

// Whatever a program puts in, the other side accepts.
func FuzzFormatRequest(f *testing.F) {
	f.Add(uint8(Attr), "k", "v")
	f.Add(uint8(Fail), "", "panic: \xff\n\tgoroutine 1")
	f.Add(uint8(Prepare), "", " \x00 ")
	f.Fuzz(func(t *testing.T, v uint8, key, text string) {
		q := Request{Verb(1 + v%uint8(Stop)), key, text}
		got, err := ParseRequest(q.Format())
		if err != nil || got.Verb != q.Verb {
			t.Fatalf("%+v formats as %q: %v", q, q.Format(), err)
		}
	})
}

func FuzzParseStatus(f *testing.F) {
	f.Add("recording 1 a")
	f.Fuzz(func(t *testing.T, s string) {
		if st, err := ParseStatus(s); err == nil && st.Format() != s {
			t.Fatalf("%q formats as %q", s, st.Format())
		}
	})
}

func FuzzParseReply(f *testing.F) {
	for _, r := range []string{"1", "1 text\x00", "0 no \x1b[2J", "", "\x00", "2"} {
		f.Add(r)
	}
	f.Fuzz(func(t *testing.T, reply string) {
		text, err := ParseReply(reply)
		if err == nil && reply[0] != '1' || err != nil && (text != "" || len(err.Error()) > MaxReason) {
			t.Errorf("%q: %q, %v", reply, text, err)
		}
	})
}
