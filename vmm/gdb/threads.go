package gdb

import (
	"encoding/xml"
	"fmt"
	"slices"
	"strings"
)

// current is "qC": which thread stopped.
func (s *session) current(string) string { return "QC" + hexNumber(s.t.Threads()[0].ID) }

// listThreads is "qfThreadInfo": IDs, as many as fit; gdb asks qXfer:threads.
func (s *session) listThreads(string) string {
	out := "m"
	for i, t := range s.t.Threads() {
		if len(out) > packetBytes-18 {
			break
		}
		if i > 0 {
			out += ","
		}
		out += hexNumber(t.ID)
	}
	return out
}

// threadList is the document qXfer:threads:read.
func (s *session) threadList() string {
	var b strings.Builder
	b.WriteString("<?xml version=\"1.0\"?>\n<threads>\n")
	for _, t := range s.t.Threads() {
		fmt.Fprintf(&b, "<thread id=\"%x\" name=\"%s\">%s</thread>\n", t.ID, text(t.Name), text(t.Note))
	}
	b.WriteString("</threads>\n")
	return b.String()
}

// text escapes what may come from the guest.
func text(s string) string {
	var b strings.Builder
	xml.EscapeText(&b, []byte(printable(s))) // a strings.Builder takes everything
	return b.String()
}

// printable keeps to ASCII, which gdb reads.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, s)
}

// selectThread is "H OP THREAD": g for registers and memory. The thread of
// the packets c and s, which older clients name with c, is always the
// processor's. 0 is any thread, -1 all of them.
func (s *session) selectThread(rest string) string {
	if rest == "" {
		return badForm
	}
	id := s.t.Threads()[0].ID
	if r := rest[1:]; r != "0" && r != "-1" {
		v, ok := number(r)
		switch {
		case !ok:
			return badForm
		case !s.exists(v):
			return notThere
		}
		id = v
	}
	if rest[0] == 'g' {
		s.thread = id
	}
	return "OK"
}

// alive is "T THREAD".
func (s *session) alive(rest string) string {
	if id, ok := number(rest); !ok || !s.exists(id) {
		return notThere
	}
	return "OK"
}

func (s *session) exists(id uint64) bool {
	return slices.ContainsFunc(s.t.Threads(), func(t Thread) bool { return t.ID == id })
}
