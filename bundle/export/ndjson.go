package export

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"fmt"
	"unicode/utf8"

	"vmrecord/vmm"
)

// An eventsHead is the first line of events.
type eventsHead struct {
	Kind    string `json:"kind"`
	Schema  string `json:"schema"`
	ID      string `json:"id"`
	Hz      uint64 `json:"hz"`
	Epoch   uint64 `json:"epoch"`
	Console string `json:"console"`
	From    string `json:"from"`
	To      string `json:"to"`
}

// An event is every other line.
type event struct {
	Kind    string      `json:"kind"`
	At      vmm.Instant `json:"at"`
	Inputs  uint64      `json:"inputs"`
	Seconds seconds     `json:"seconds"`
	Inlet   string      `json:"inlet,omitzero"`
	Outlet  string      `json:"outlet,omitzero"`
	Size    int         `json:"size,omitzero"`
	Text    *string     `json:"text,omitzero"`
	Hex     string      `json:"hex,omitzero"`
}

// Seconds are written to a microsecond, and never with an exponent.
type seconds float64

// MarshalJSON implements json.Marshaler.
func (s seconds) MarshalJSON() ([]byte, error) { return fmt.Appendf(nil, "%.6f", float64(s)), nil }

// Of data so many bytes are written at most, and lines of the console are cut
// behind so many.
const (
	maxData = 4096
	maxLine = 64 << 10
)

// An events is a list of events being written.
type events struct {
	j    *job
	out  *bufio.Writer
	line []byte // of the console, so far
	pos  vmm.Position
}

// ndjson writes what happens, a line each.
func ndjson(j *job) error {
	if err := j.play(j.From, ears{}); err != nil {
		return err
	}
	e := &events{j: j, out: bufio.NewWriter(j.w)}
	clock, man := j.m.Clock(), j.Manifest
	fmt.Fprintf(e.out, "%s\n", jsonOf(eventsHead{Kind: "recording", Schema: "vmbundle.events/1", ID: j.ID, Hz: clock.Hz(), Epoch: clock.Epoch(),
		Console: man.Machine.Console, From: j.m.Position().String(), To: man.Tape.End.String()}))
	err := j.play(j.To, ears{console: e.console, input: e.input, mark: e.mark, output: e.output})
	if err != nil {
		return err
	}
	if len(e.line) > 0 {
		e.endLine()
	}
	if j.m.Position() == man.Tape.End {
		why := man.Tape.Why
		if man.Tape.Truncated {
			why = "interrupted"
		}
		e.write(event{Kind: "end", Text: &why}, j.m.Position())
	}
	return e.out.Flush()
}

func (e *events) write(v event, at vmm.Position) {
	v.At, v.Inputs, v.Seconds = at.At, at.Inputs, seconds(e.j.seconds(e.j.Manifest.Tape.Start.At, at.At))
	fmt.Fprintf(e.out, "%s\n", jsonOf(v))
}

// data sets an event's text, or its bytes where they are none.
func (v event) data(p []byte) event {
	if p = p[:min(len(p), maxData)]; len(p) == maxData {
		p = p[:whole(p)]
	}
	if !utf8.Valid(p) {
		v.Hex = hex.EncodeToString(p)
		return v
	}
	text := string(p)
	v.Text = &text
	return v
}

func (e *events) input(in vmm.Input) {
	e.write(event{Kind: "input", Inlet: in.Inlet, Size: len(in.Data)}.data(in.Data), e.j.m.Position())
}

func (e *events) output(outlet string, p []byte) {
	e.write(event{Kind: "output", Outlet: outlet, Size: len(p)}.data(p), e.j.m.Position())
}

func (e *events) mark(kind, text string) {
	e.write(event{Kind: kind, Text: &text}, e.j.m.Position())
}

// console writes a line when it ends.
func (e *events) console(p []byte) {
	for _, b := range p {
		e.pos = e.j.m.Position()
		if e.line = append(e.line, b); b == '\n' || len(e.line) == maxLine {
			e.endLine()
		}
	}
}

func (e *events) endLine() {
	text := string(bytes.ToValidUTF8(bytes.TrimRight(e.line, "\r\n"), []byte("\ufffd")))
	e.write(event{Kind: "console", Size: len(e.line), Text: &text}, e.pos)
	e.line = e.line[:0]
}
