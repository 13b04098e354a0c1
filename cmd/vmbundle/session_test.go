package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"vmrecord/bundle/debug/protocol"
	"vmrecord/cmd/internal/exit"
	"vmrecord/cmd/internal/machine"
)

// server is one for a recording of our guest.
func server(t testing.TB) *protocol.Server {
	t.Helper()
	t.Setenv("VMRECORD_CACHE", t.TempDir())
	s, b, done, err := session(t.Context(), new(cobra.Command), newMade(t).file, &machine.EngineFlags{Engine: machine.Auto})
	ok(t, err)
	t.Cleanup(done)
	return &protocol.Server{Session: s, Manifest: b.Manifest(), Code: func(err error) int { return int(exit.Of(notThere(err))) }}
}

// A request that takes long tells how far it is, by its id.
func TestSessionProgress(t *testing.T) {
	s := server(t)
	now := time.Time{}
	s.Now = func() time.Time { now = now.Add(time.Second); return now }
	var out bytes.Buffer
	ok(t, s.Serve(t.Context(), strings.NewReader(`{"jsonrpc":"2.0","id":"far","method":"seek","params":{"to":"end"}}`), &out))
	if got := out.String(); !strings.HasPrefix(got, `{"jsonrpc":"2.0","method":"progress","params":{"done":`) || !strings.Contains(got, `,"id":"far","total":`) ||
		!strings.Contains(got, `{"id":"far","jsonrpc":"2.0","result":{"at":`) {
		t.Errorf("answers: %s", got)
	}
}

// What comes in does no harm, and each request with an id is answered once, in a
// line of JSON.
func FuzzSession(f *testing.F) {
	s := server(f)
	for _, seed := range []string{
		`{"jsonrpc":"2.0","id":1,"method":"setStops","params":{"stops":[{"on":"write","at":"0x18cfc8","size":8}]}}` + "\n" +
			`{"jsonrpc":"2.0","id":2,"method":"continue"}` + "\n" + `{"jsonrpc":"2.0","method":"cancel","params":{"id":2}}`,
		`{"jsonrpc":"2.0","id":3,"method":"step","params":{"count":5,"thread":4194305}}` + "\nx\n" + `{"jsonrpc":"2.0","id":4,"method":"readMemory","params":{"at":"0x0","size":9}}`,
		`{"jsonrpc":"2.0","id":5,"method":"probe","params":{"at":"0x100210","print":["*rsp-1:3","args","stack"],"limit":3}}`,
		`{"jsonrpc":"2.0","id":6,"method":"events","params":{"count":3}}` + "\n" + `{"jsonrpc":"2.0","id":7,"method":"monitor","params":{"command":"when"}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, lines []byte) {
		if bytes.Contains(lines, []byte("symbols")) {
			return // reads what this computer has
		}
		var out bytes.Buffer
		if err := s.Serve(t.Context(), bytes.NewReader(lines), &out); err != nil {
			t.Fatal(err)
		}
		r := bufio.NewReader(&out)
		for n := bytes.Count(lines, []byte("\n")) + 1; ; {
			line, err := r.ReadBytes('\n')
			if err == io.EOF {
				return
			}
			var a struct {
				JSONRPC string
				ID      json.RawMessage
				Method  string
			}
			if err := json.Unmarshal(line, &a); err != nil || a.JSONRPC != "2.0" || (a.ID == nil) == (a.Method == "") {
				t.Fatalf("%q: %v", line, err)
			}
			if a.ID != nil {
				n--
			}
			if n < 0 {
				t.Fatalf("more answers than lines: %q", line)
			}
		}
	})
}
