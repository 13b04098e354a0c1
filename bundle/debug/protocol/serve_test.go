package protocol

import (
	"bufio"
	"context"
	"encoding/json"
	"strings"
	"testing"
)

// A line is a request, or is refused with JSON-RPC's codes.
func TestParse(t *testing.T) {
	long := `"` + strings.Repeat("x", 300) + `"`
	for _, c := range []struct {
		line, id, method string
		code             int
	}{
		{`{"jsonrpc":"2.0","id":1,"method":"where"}`, "1", "where", 0},
		{`{"jsonrpc":"2.0","id": "a b" ,"method":"seek","params":{"to":"end"}}`, `"a b"`, "seek", 0},
		{`{"jsonrpc":"2.0","method":"where"}`, "", "where", 0},
		{`{"jsonrpc":"2.0","id":null,"method":"where"}`, "null", "where", 0},
		{`{`, "null", "", notJSON},
		{``, "null", "", notJSON},
		{`{"jsonrpc":"2.0","id":1,"method":"where"} {}`, "null", "", notJSON},
		{`[]`, "null", "", noRequest},
		{`7`, "null", "", noRequest},
		{`{"jsonrpc":2,"id":1,"method":"where"}`, "null", "", noRequest},
		{`{"jsonrpc":"1.0","id":1,"method":"where"}`, "1", "where", noRequest},
		{`{"jsonrpc":"2.0","id":1}`, "1", "", noRequest},
		{`{"jsonrpc":"2.0"}`, "null", "", noRequest},
		{`{"jsonrpc":"2.0","id":{},"method":"where"}`, "{}", "where", noRequest},
		{`{"jsonrpc":"2.0","id":` + long + `,"method":"where"}`, "null", "where", noRequest},
	} {
		q := parse([]byte(c.line))
		code := 0
		if q.bad != nil {
			code = q.bad.Code
		}
		if string(q.id) != c.id || code != c.code || code == 0 && q.method != c.method {
			t.Errorf("%.60s: id %s, method %s, %v; want %+v", c.line, q.id, q.method, q.bad, c)
		}
	}
}

// Lines are taken apart whole; one that is too long is left out, not those behind.
func TestLines(t *testing.T) {
	text := "a\r\n\n" + strings.Repeat("x", maxLine+1) + "\nb\n" + strings.Repeat("y", maxLine-1) + "\nlast"
	r := bufio.NewReaderSize(strings.NewReader(text), 1000)
	for _, want := range []struct {
		length int
		long   bool
	}{{1, false}, {0, false}, {-1, true}, {1, false}, {maxLine - 1, false}, {4, false}} {
		line, long, err := readLine(r)
		if err != nil || long != want.long || !long && len(line) != want.length {
			t.Errorf("%d bytes, %v, %v; want %+v", len(line), long, err, want)
		}
	}
	if _, _, err := readLine(r); err == nil {
		t.Error("there is no end")
	}
}

// What waits can be cancelled, and nothing else is.
func TestCancel(t *testing.T) {
	b := newInbox()
	go b.read(t.Context(), strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"continue"}
{"jsonrpc":"2.0","id":"2","method":"continue"}
{"jsonrpc":"2.0","method":"cancel","params":{"id":"2"}}
{"jsonrpc":"2.0","method":"cancel","params":{"id":7}}
{"jsonrpc":"2.0","method":"cancel","params":[]}
{"jsonrpc":"2.0","id":3,"method":"continue"}
`))
	var all []request
	for q := range b.in {
		all = append(all, q)
	}
	if len(all) != 3 || all[0].ctx.Err() != nil || all[1].ctx.Err() == nil || all[2].ctx.Err() != nil {
		t.Fatalf("%d requests: %+v", len(all), all)
	}
	for _, q := range all {
		b.forget(q)
	}
	if len(b.open) != 0 {
		t.Errorf("what was answered is kept: %v", b.open)
	}
}

// Parameters are an object with what a method knows.
func TestParams(t *testing.T) {
	m := with(func(_ *Server, _ context.Context, p steps) (any, error) { return p, nil })
	for params, bad := range map[string]bool{"": false, "null": false, "{}": false, `{"count":3}`: false, `{"count":-1}`: true, `{"counts":3}`: true,
		"[3]": true, "3": true, `{"count":"3"}`: true, `{"count":1e99}`: true} {
		_, err := m(nil, t.Context(), json.RawMessage(params))
		if e, ok := err.(*Error); (err != nil) != bad || bad && (!ok || e.Code != badParams) {
			t.Errorf("%s: %v", params, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"jsonrpc":"2.0","id":1,"method":"seek","params":{"to":"50%"}}`))
	f.Add([]byte(`{"jsonrpc":"2.0","id":"x","method":"setStops","params":{"stops":[{"at":"0x1"}]}}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		q := parse(line)
		if q.id != nil && !json.Valid(q.id) {
			t.Errorf("%q: id %q is no JSON", line, q.id)
		}
	})
}
