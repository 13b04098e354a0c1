package live

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"vmrecord/cmd/internal/exit"
	"vmrecord/vmm/host"
)

const maxUnprinted = 1 << 20

// An output prints what the guest says from a goroutine of its own, so that a
// slow terminal holds the machine up only when a lot is waiting.
type output struct {
	mu   sync.Mutex
	cond sync.Cond
	buf  []byte
	end  bool
	err  error
	done chan struct{}
}

func newOutput(w io.Writer, guard func()) *output {
	o := &output{done: make(chan struct{})}
	o.cond.L = &o.mu
	go func() {
		defer guard()
		defer close(o.done)
		o.print(w)
	}()
	return o
}

func (o *output) print(w io.Writer) {
	var b []byte
	for {
		o.mu.Lock()
		for len(o.buf) == 0 && !o.end {
			o.cond.Wait()
		}
		b, o.buf = o.buf, b[:0]
		o.cond.Broadcast()
		o.mu.Unlock()
		if len(b) == 0 {
			return
		}
		if _, err := w.Write(b); err != nil {
			o.mu.Lock()
			o.err = err
			o.mu.Unlock()
		}
	}
}

// Write is an outlet's handler. After an error of the writer bytes are lost:
// the guest goes on.
func (o *output) Write(p []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for len(o.buf) > maxUnprinted && o.err == nil {
		o.cond.Wait()
	}
	if o.err == nil {
		o.buf = append(o.buf, p...)
		o.cond.Broadcast()
	}
}

// Close prints what waits and returns the first error.
func (o *output) Close() error {
	o.mu.Lock()
	o.end = true
	o.cond.Broadcast()
	o.mu.Unlock()
	<-o.done
	return o.err
}

// A Console is where the guest's serial port leads.
type Console struct {
	out  *output
	term *host.Terminal // nil: none
	file *os.File       // to be closed
	in   io.Reader      // nil: nobody types

	mu     sync.Mutex
	stream *host.Stream // of the machine that runs now
	ended  bool         // the reader is at its end
	asked  *question    // who takes what is typed, instead of the guest
}

// A question takes keys until it is over.
type question struct {
	keys chan byte
	over chan struct{}
}

// Ask takes what is typed from the guest, and holds back what it prints, until
// done is called. keys is closed where nobody types any more. One may ask at a
// time, while Pump runs.
func (c *Console) Ask() (keys <-chan byte, done func()) {
	q := &question{make(chan byte), make(chan struct{})}
	release := func() {}
	if c.term != nil {
		release = c.term.Hold()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		close(q.keys)
	}
	c.asked = q
	return q.keys, sync.OnceFunc(func() {
		c.mu.Lock()
		c.asked = nil
		c.mu.Unlock()
		close(q.over)
		release()
	})
}

// answer gives what was typed to who asks; false if nobody does.
func (c *Console) answer(typed []byte) bool {
	c.mu.Lock()
	q := c.asked
	c.mu.Unlock()
	if q == nil {
		return false
	}
	for _, k := range typed {
		select {
		case q.keys <- k:
		case <-q.over: // what was typed too much is nobody's
			return true
		}
	}
	return true
}

// OpenConsole understands --serial: stdio, file:PATH or none.
func OpenConsole(serial string, stdin *os.File, stdout io.Writer) (*Console, error) {
	c := new(Console)
	name, toFile := strings.CutPrefix(serial, "file:")
	switch {
	case serial == "none":
		c.out = newOutput(io.Discard, func() {})
	case toFile && name != "":
		f, err := os.Create(name)
		if err != nil {
			return nil, fmt.Errorf("--serial: %w", err)
		}
		c.file, c.out = f, newOutput(f, func() {})
	case serial == "stdio":
		c.in = stdin
		if f, ok := stdout.(*os.File); ok {
			t, err := host.OpenTerminal(stdin, f)
			if err == nil {
				c.term, c.out = t, newOutput(t, t.Guard)
				return c, nil
			}
		}
		c.out = newOutput(stdout, func() {})
	default:
		return nil, exit.Errorf(exit.Usage, "--serial %q: stdio, file:PATH or none", serial)
	}
	return c, nil
}

// Terminal is the user's terminal, or nil.
func (c *Console) Terminal() *host.Terminal { return c.term }

// Typed tells whether somebody can type.
func (c *Console) Typed() bool { return c.in != nil }

// Write prints what the guest says.
func (c *Console) Write(p []byte) (int, error) {
	c.out.Write(p)
	return len(p), nil
}

// Close prints the rest and gives the terminal back.
func (c *Console) Close() error {
	err := c.out.Close()
	if c.term != nil {
		c.term.Restore()
	}
	if c.file != nil {
		if e := c.file.Close(); err == nil {
			err = e
		}
	}
	return err
}

// connect makes s the place where typed bytes go.
func (c *Console) connect(s *host.Stream) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stream = s
	if c.in != nil && !c.ended {
		s.Open()
	}
}

func (c *Console) target() *host.Stream {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stream
}

// Pump carries what is typed to the guest, until the reader ends. command is
// told of what follows the escape key, which exists at a terminal only.
func (c *Console) Pump(command func(byte)) {
	if c.term != nil {
		defer c.term.Guard()
	}
	var keys host.Keys
	b := make([]byte, 4096)
	for {
		n, err := c.in.Read(b)
		text := b[:n]
		if c.answer(text) {
			text = nil
		} else if c.term != nil {
			var commands []byte
			text, commands = keys.Feed(b[:n])
			for _, k := range commands {
				command(k)
			}
		}
		if len(text) > 0 {
			// Refused by a machine that is gone, or that takes its script only.
			_, _ = c.target().Write(text)
		}
		if err != nil {
			c.mu.Lock()
			c.ended = true
			if c.asked != nil {
				close(c.asked.keys)
			}
			_ = c.stream.Close()
			c.mu.Unlock()
			return
		}
	}
}
