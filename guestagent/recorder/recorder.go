package recorder

import (
	"context"
	"errors"
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

// Fact tells what stays true for longer than a recording, such as the build of a
// program: every recording that starts from now on carries it, until the machine is
// switched off. A key is at most 55 bytes and made as Attr's, a value at most 1024;
// there is room for some 30, and 8 KiB of all.
func Fact(key, value string) error { return here().fact(key, value) }

// Fail says that this recording shows a failure, and why, in at most 1024 bytes
// of text. The recording goes on until Stop and will be kept.
func Fail(reason string) error { return here().tell(wire.Request{Verb: wire.Fail, Text: reason}) }

// Save has the machine keep what it recorded so far, and a while of what follows,
// if it records always; while a recording runs, that one is kept. The reason is at
// most 1024 bytes of text.
func Save(reason string) error { return here().tell(wire.Request{Verb: wire.Save, Text: reason}) }

// Status tells what the machine does at this moment. Outside an appliance that
// is the zero value: idle, nothing recorded.
func Status() (wire.Status, error) { return here().status() }

// Guard records f under name. When f returns nil the recording is dropped; when
// it returns an error, panics or ends its goroutine, the recording is marked as
// failed and kept, and the error or panic goes on. Guard never changes what f
// returns: when no recording can be started, f runs without one.
func Guard(name string, f func() error) error { return here().guard(name, f) }

// GuardContext is Guard for a function that obeys a context. When the function
// returns an error because ctx was cancelled, that is no failure, and the
// recording is dropped; a deadline that passed is one. The context that f gets
// tells a GuardContext inside that it is part of this recording: it marks its own
// name there and leaves the verdict to this one. When ctx is done already, f runs
// without a recording.
func GuardContext(ctx context.Context, name string, f func(ctx context.Context) error) error {
	return here().guardContext(ctx, name, f)
}

// The methods below work on a nil machine too, where they do nothing.

func (m *machine) start(name string, opts []Option) error {
	if m == nil {
		return nil
	}
	var o options
	for _, f := range opts {
		f(&o)
	}
	// Two that start at once would mix their names: the second is refused here as
	// the machine would refuse it a moment later.
	if !m.starting.CompareAndSwap(false, true) {
		return errStarting
	}
	defer m.starting.Store(false)
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

func (m *machine) fact(key, value string) error {
	if m == nil {
		return nil
	}
	if _, err := m.rpc(wire.FormatFact(key, value)); err != nil {
		return fmt.Errorf("recorder: fact: %w", err)
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

var errStarting = errors.New("recorder: start: another goroutine starts a recording at this moment")

func (m *machine) guard(name string, f func() error) error {
	return m.guardContext(context.Background(), name, func(context.Context) error { return f() })
}

// inside marks the contexts of guarded functions.
type inside struct{}

func (m *machine) guardContext(ctx context.Context, name string, f func(context.Context) error) (err error) {
	if m == nil || ctx.Err() != nil {
		return f(ctx)
	}
	if ctx.Value(inside{}) != nil {
		_ = m.tell(wire.Request{Verb: wire.Mark, Text: name}) // f matters more
		return f(ctx)
	}
	if m.start(name, nil) != nil {
		return f(ctx)
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
	err = f(context.WithValue(ctx, inside{}, true))
	returned = true
	cancelled := ctx.Err() == context.Canceled && errors.Is(err, context.Canceled)
	if err != nil && !cancelled {
		m.fail(err.Error())
		return err
	}
	_ = m.stop(Drop) // nothing failed, and that is all the caller asked
	return err
}

// fail keeps the recording. What the machine refuses here cannot help the
// program that is failing, so it is not told.
func (m *machine) fail(reason string) {
	_ = m.tell(wire.Request{Verb: wire.Fail, Text: reason})
	_ = m.stop(Keep)
}
