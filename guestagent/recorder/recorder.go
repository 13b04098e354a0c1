package recorder

import (
	"fmt"
	"sync"

	"vmrecord/backdoor/wire"
)

// A Verdict says what becomes of a recording when it stops.
type Verdict uint8

// The verdicts.
const (
	Drop Verdict = iota // nothing went wrong: forget it
	Keep                // keep it for the vendor
)

// An Option says more about a recording at its start.
type Option func(*options)

type options struct{ attrs [][2]string }

// WithAttr attaches an attribute to the recording that starts; see Attr.
func WithAttr(key, value string) Option {
	return func(o *options) { o.attrs = append(o.attrs, [2]string{key, value}) }
}

var here = sync.OnceValue(detect)

// InVM tells whether the program runs inside a recording appliance. The first
// call asks the machine, later ones remember.
func InVM() bool { return here() != nil }

// Start begins a recording called name, at most 64 bytes of text. It is refused
// while another recording runs, when the appliance gives its guest no control,
// or when the configured number of recordings is used up.
func Start(name string, opts ...Option) error { return here().start(name, opts) }

// Stop ends the recording that runs. After Fail it is kept whatever the verdict.
func Stop(v Verdict) error { return here().stop(v) }

// Mark names this moment of the recording, in at most 256 bytes of text; the
// vendor can go there with @text.
func Mark(text string) error { return here().tell(wire.Request{Verb: wire.Mark, Text: text}) }

// Attr attaches an attribute to the recording that runs, else to the next one.
// A key is at most 64 letters, digits, '.', '-' and '_'; a value at most 1024
// bytes of text; there are at most 32 for one recording.
func Attr(key, value string) error {
	return here().tell(wire.Request{Verb: wire.Attr, Key: key, Text: value})
}

// Fail says that this recording shows a failure, and why, in at most 1024 bytes
// of text. The recording goes on until Stop and will be kept.
func Fail(reason string) error { return here().tell(wire.Request{Verb: wire.Fail, Text: reason}) }

// Status tells what the machine does at this moment. Outside an appliance that
// is the zero value: idle, nothing recorded.
func Status() (wire.Status, error) { return here().status() }

// Guard records f under name. When f returns nil the recording is dropped; when
// it returns an error, panics or ends its goroutine, the recording is marked as
// failed and kept, and the error or panic goes on. Guard never changes what f
// returns: when no recording can be started, f runs without one.
func Guard(name string, f func() error) error { return here().guard(name, f) }

// The methods below work on a nil machine too, where they do nothing.

func (m *machine) start(name string, opts []Option) error {
	if m == nil {
		return nil
	}
	var o options
	for _, f := range opts {
		f(&o)
	}
	if err := m.tell(wire.Request{Verb: wire.Prepare, Text: name}); err != nil {
		return err
	}
	for _, a := range o.attrs {
		if err := m.tell(wire.Request{Verb: wire.Attr, Key: a[0], Text: a[1]}); err != nil {
			return err
		}
	}
	return m.log("start", wire.LogStart)
}

func (m *machine) stop(v Verdict) error {
	if m == nil {
		return nil
	}
	verb := wire.Drop
	if v == Keep {
		verb = wire.Keep
	}
	// A refused drop, after Fail, is as intended; a refused keep shows again at
	// the stop itself.
	if _, err := m.rpc(wire.Request{Verb: verb}.Format()); err != nil {
		if _, refused := err.(wire.Error); !refused {
			return fmt.Errorf("recorder: stop: %w", err)
		}
	}
	return m.log("stop", wire.LogStop)
}

func (m *machine) tell(q wire.Request) error {
	if m == nil {
		return nil
	}
	if _, err := m.rpc(q.Format()); err != nil {
		return fmt.Errorf("recorder: %s: %w", q.Verb, err)
	}
	return nil
}

func (m *machine) status() (wire.Status, error) {
	if m == nil {
		return wire.Status{}, nil
	}
	text, err := m.rpc(wire.Request{Verb: wire.GetStatus}.Format())
	if err != nil {
		return wire.Status{}, fmt.Errorf("recorder: status: %w", err)
	}
	return wire.ParseStatus(text)
}

func (m *machine) guard(name string, f func() error) (err error) {
	if m == nil || m.start(name, nil) != nil {
		return f()
	}
	returned := false
	defer func() {
		if returned {
			return
		}
		v := recover() // nil: runtime.Goexit, which goes on by itself
		reason := "the goroutine ended inside the guarded function"
		if v != nil {
			reason = fmt.Sprint("panic: ", v)
		}
		m.fail(reason)
		if v != nil {
			panic(v)
		}
	}()
	err = f()
	returned = true
	if err != nil {
		m.fail(err.Error())
		return err
	}
	_ = m.stop(Drop) // f went well, and that is all its caller asked
	return nil
}

// fail keeps the recording. What the machine refuses here cannot help the
// program that is failing, so it is not told.
func (m *machine) fail(reason string) {
	_ = m.tell(wire.Request{Verb: wire.Fail, Text: reason})
	_ = m.stop(Keep)
}
