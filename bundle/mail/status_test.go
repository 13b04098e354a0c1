package mail

import (
	"maps"
	"strings"
	"testing"
)

// A question is answered in one reply line of at most 512 octets (RFC 5321 4.5.3.1.5),
// whatever the versions; what makes no sense in it is left out.
func TestAnswer(t *testing.T) {
	var q Question
	long := Answer{}
	for _, c := range "ABCDEFGH" {
		id := "R-0000-000" + string(c)
		q.Reports = append(q.Reports, Asked{ID: id})
		long[id] = FixedIn(strings.Repeat("9", 40))
	}
	if len(q.Reports) != MaxAsked {
		t.Fatal(len(q.Reports))
	}
	for _, c := range []struct {
		reply string
		want  Answer
	}{
		{Answer{"R-0000-000A": Reproduced, "R-0000-000C": DuplicateOf("R-7K2M-93QF"), "R-0000-000Z": Received}.Reply(q),
			Answer{"R-0000-000A": Reproduced, "R-0000-000C": DuplicateOf("R-7K2M-93QF")}},
		{long.Reply(q), long},
		{"2.6.0 VMB1 status R-0000-000A=fixed:1.2+b ", Answer{"R-0000-000A": FixedIn("1.2+b")}},
		{"VMB1 status", Answer{}},
		{"VMB1 id=R-0000-000A have=1", Answer{}},
		{"queued as 12", Answer{}},
		{"VMB1 status R-0000-000A=lost R-0000-000B=fixed: R-0000-000C=fixed:a\x1b[2J r=received R-0000-000D", Answer{}},
	} {
		if got := ParseAnswer(c.reply); !maps.Equal(got, c.want) || len("250 2.6.0 "+c.reply) > 510 {
			t.Errorf("%q: %v, want %v", c.reply, got, c.want)
		}
	}
}

func TestStatusText(t *testing.T) {
	for s, want := range map[Status]string{Received: "received", Reproduced: "reproduced", Unreproduced: "not reproduced",
		DuplicateOf("R-7K2M-93QF"): "duplicate of R-7K2M-93QF", FixedIn("1.2"): "fixed in 1.2"} {
		if got := s.Text(); got != want || s.Final() != strings.HasPrefix(want, "fixed") {
			t.Errorf("%q: %q, want %q", s, got, want)
		}
	}
	for v, fine := range map[string]bool{"1.2": true, "v0.9.1-rc1+2": true, "": false, "1 2": false, "-1": false, strings.Repeat("1", 41): false} {
		if err := CheckVersion(v); (err == nil) != fine {
			t.Errorf("%q: %v", v, err)
		}
	}
}

// A reply says that a program wrote it, and to which message.
func TestNote(t *testing.T) {
	n := Note{ID: "R-7K2M-93QF.received", From: "beta@vendor.example", To: "ann@user.example", Subject: "[R-7K2M-93QF] größer", Text: "größer =\nzwei\n", Reply: true, Thread: "x@y"}
	a, err := n.Message()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Message-Id: <R-7K2M-93QF.received@vendor.example>\r\n", "Auto-Submitted: auto-replied\r\n", "In-Reply-To: <x@y>\r\n", "References: <x@y>\r\n",
		"X-Auto-Response-Suppress: All\r\n", "From: <beta@vendor.example>\r\n", "To: <ann@user.example>\r\n", "Subject: =?utf-8?q?", "\r\n\r\ngr=C3=B6=C3=9Fer =3D\r\nzwei\r\n"} {
		if !strings.Contains(string(a), want) {
			t.Errorf("no %q in\n%s", want, a)
		}
	}
	n.Reply, n.Thread = false, ""
	b, err := n.Message()
	if err != nil || !strings.Contains(string(b), "Auto-Submitted: auto-generated\r\n") || strings.Contains(string(b), "In-Reply-To") {
		t.Errorf("%v in\n%s", err, b)
	}
}

func FuzzParseQuestion(f *testing.F) {
	f.Add([]byte(`{"schema":"vmbundle.question/1","reports":[{"id":"R-7K2M-93QF","sha256":"` + strings.Repeat("0f", 32) + `"}]}`))
	f.Add([]byte(`{"schema":"vmbundle.question/1"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		q, err := ParseQuestion(data)
		if err != nil {
			return
		}
		a := Answer{}
		for _, r := range q.Reports {
			a[r.ID] = Received
		}
		if got := ParseAnswer(a.Reply(q)); !maps.Equal(got, a) {
			t.Errorf("%v, want %v", got, a)
		}
	})
}

func FuzzParseAnswer(f *testing.F) {
	f.Add("250 2.6.0 VMB1 status R-7K2M-93QF=reproduced R-AAAA-BBBB=received")
	f.Add("VMB1 status R-7K2M-93QF==\x00 x=y\r\nVMB1 status R-AAAA-CCCC=broken")
	f.Fuzz(func(t *testing.T, text string) {
		a := ParseAnswer(text)
		for id, s := range a {
			if !idForm.MatchString(id) || !statusForm.MatchString(string(s)) || len(a) > MaxAsked {
				t.Errorf("%q: %q of %d", id, s, len(a))
			}
		}
	})
}
