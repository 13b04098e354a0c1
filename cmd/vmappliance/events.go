package main

import (
	"encoding/json"
	"io"
	"os"
	"sync"
	"time"

	"vmrecord/cmd/internal/exit"
)

// An event is one line of --events, a JSON object. Fields without a value are
// left out.
type event struct {
	T       float64 `json:"t"` // seconds since the run began
	Event   string  `json:"event"`
	UID     uint32  `json:"uid,omitempty"`
	Name    string  `json:"name,omitempty"`
	Text    string  `json:"text,omitempty"`
	Kept    bool    `json:"kept,omitempty"`
	Seconds float64 `json:"seconds,omitempty"`
	Bytes   int64   `json:"bytes,omitempty"`
	ID      string  `json:"id,omitempty"`
	Part    int     `json:"part,omitempty"`
	Parts   int     `json:"parts,omitempty"`
	Status  int     `json:"status,omitempty"`
	Frames  uint64  `json:"frames,omitempty"` // of the tape, durable from now on
}

// events writes lines of progress for programs. The zero value writes nothing.
type events struct {
	mu    sync.Mutex
	w     io.Writer
	start time.Time
}

// openEvents understands --events: a file, or - for standard error.
func openEvents(name string) (*events, error) {
	e := &events{start: time.Now()}
	switch name {
	case "":
	case "-":
		e.w = os.Stderr
	default:
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
		if err != nil {
			return nil, exit.Errorf(exit.Usage, "--events: %w", err)
		}
		e.w = f
	}
	return e, nil
}

func (e *events) tell(v event) {
	if e.w == nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	v.T = time.Since(e.start).Seconds()
	b, err := json.Marshal(v)
	if err != nil {
		panic("vmappliance: " + err.Error()) // plain values always marshal
	}
	// Progress that nobody reads must not end a run.
	_, _ = e.w.Write(append(b, '\n'))
}
