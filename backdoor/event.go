package backdoor

import (
	"strings"

	"vmrecord/backdoor/wire"
)

// A Kind is what happened to a recording.
type Kind uint8

// The kinds of events.
const (
	Started Kind = iota
	Attr
	Marked
	Failed
	Stopped
	Saved
)

// String is the kind's word in a frame.
func (k Kind) String() string {
	return [...]string{"start", "attr", "mark", "fail", "stop", "save"}[k]
}

// An Event is one frame of outlet "control".
type Event struct {
	Kind Kind
	UID  uint32 // Started
	Key  string // Attr
	Text string // name, value, mark, reason; of Stopped "keep" or "drop"
}

// Format writes the frame.
func (e Event) Format() []byte {
	switch e.Kind {
	case Started:
		// A status says the same: number, then name.
		s := wire.Status{State: wire.Recording, UID: e.UID, Name: e.Text}.Format()
		return []byte("start" + strings.TrimPrefix(s, wire.Recording.String()))
	case Attr:
		return []byte("attr " + e.Key + " " + e.Text)
	}
	return []byte(e.Kind.String() + " " + e.Text)
}

// ParseEvent reads what Format writes. The frame may come from a file: texts are
// held to the bounds of package wire.
func ParseEvent(p []byte) (Event, error) {
	if len(p) > wire.MaxMessageBytes {
		return Event{}, wire.Error("an event is too long")
	}
	text := string(p)
	if rest, ok := strings.CutPrefix(text, "start "); ok {
		s, err := wire.ParseStatus(wire.Recording.String() + " " + rest)
		if err != nil {
			return Event{}, wire.Error("not an event: start wants a number and a name")
		}
		return Event{Kind: Started, UID: s.UID, Text: s.Name}, nil
	}
	if strings.HasSuffix(text, "\x00") {
		return Event{}, wire.Error("not an event: a NUL at its end")
	}
	q, err := wire.ParseRequest(wire.Prefix + text)
	if err != nil {
		return Event{}, err
	}
	for k := Attr; k <= Saved; k++ {
		if k.String() == q.Verb.String() {
			return Event{Kind: k, Key: q.Key, Text: q.Text}, nil
		}
	}
	return Event{}, wire.Error("not an event: " + q.Verb.String())
}
