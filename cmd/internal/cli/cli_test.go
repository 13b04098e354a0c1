package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"

	"github.com/spf13/cobra"

	"vmrecord/cmd/internal/exit"
)

// Nothing in an error or a document is obeyed by a terminal.
func TestPlain(t *testing.T) {
	const hostile = "a\x1b]0;x\x07\u009b2J\u202eb\x9bc\td\ne"
	var out bytes.Buffer
	c := &cobra.Command{Use: "x", RunE: func(*cobra.Command, []string) error { return exit.With(exit.Integrity, errors.New(hostile)) }}
	c.SetErr(&out)
	if s := Run(c, nil); s != 5 || out.String() != "x: a?]0;x??2J?b\ufffdc\td\ne\n" {
		t.Errorf("%d, %+q", s, out.String())
	}
	out.Reset()
	doc := struct {
		Text string `json:"text"`
	}{hostile}
	if err := JSON(&out, doc); err != nil || bytes.ContainsAny(out.Bytes(), "\x1b\x07\u009b\u202e") {
		t.Errorf("%+q, %v", out.String(), err)
	}
	back := doc
	if err := json.Unmarshal(out.Bytes(), &back); err != nil || back.Text != "a\x1b]0;x\x07\u009b2J\u202eb\ufffdc\td\ne" {
		t.Errorf("%+q, %v", back.Text, err)
	}
}
