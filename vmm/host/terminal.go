package host

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"golang.org/x/term"
)

// A Terminal is the user's terminal while it belongs to a guest: raw, with
// its bottom row reserved while there is a status to show.
type Terminal struct {
	in   int
	size func() (cols, rows int, err error)
	dumb bool // it knows no escape sequences

	guest sync.Mutex // held while the guest may not print

	mu     sync.Mutex
	out    io.Writer
	old    *term.State
	status string
	rows   int // of the screen when the bottom row was reserved; 0: it is not
	scan   scanner
}

// ErrNotTerminal says that there is nobody to type.
var ErrNotTerminal = errors.New("not a terminal")

// OpenTerminal makes a terminal raw. Restore must be called, by a defer in each
// goroutine that may panic too: see Guard.
func OpenTerminal(in, out *os.File) (*Terminal, error) {
	if !term.IsTerminal(int(in.Fd())) || !term.IsTerminal(int(out.Fd())) {
		return nil, ErrNotTerminal
	}
	old, err := term.MakeRaw(int(in.Fd()))
	if err != nil {
		return nil, fmt.Errorf("make the terminal raw: %w", err)
	}
	size := func() (int, int, error) { return term.GetSize(int(out.Fd())) }
	return &Terminal{in: int(in.Fd()), out: out, old: old, size: size, dumb: os.Getenv("TERM") == "dumb"}, nil
}

// HasStatus tells whether the terminal can show a status: TERM=dumb stands for one that
// knows no escape sequences, so lines must do.
func (t *Terminal) HasStatus() bool { return !t.dumb }

// Restore gives the terminal back as it was found. It may be called twice.
func (t *Terminal) Restore() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.release()
	if t.old != nil {
		_ = term.Restore(t.in, t.old)
		t.old = nil
	}
}

// Guard is deferred first thing in a goroutine: it gives the terminal back
// before a panic prints its trace.
func (t *Terminal) Guard() {
	if r := recover(); r != nil {
		t.Restore()
		panic(r)
	}
}

// Write shows what the guest prints.
func (t *Terminal) Write(p []byte) (int, error) {
	t.guest.Lock()
	defer t.guest.Unlock()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.scan.feed(p)
	return t.out.Write(p)
}

// Hold has what the guest prints wait until release is called.
func (t *Terminal) Hold() (release func()) {
	t.guest.Lock()
	return sync.OnceFunc(t.guest.Unlock)
}

// Note prints a line of ours on a line of its own.
func (t *Terminal) Note(line string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	fmt.Fprintf(t.out, "\r\n%s\r\n", line)
}

// Status shows a text on the reserved bottom row and in the window title; ""
// gives both back. In the middle of an escape sequence or a character of the
// guest's nothing is drawn: the next call will. Without HasStatus nothing ever is.
func (t *Terminal) Status(s string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.dumb {
		return
	}
	if s == "" {
		t.release()
		return
	}
	cols, rows, err := t.size()
	if err != nil || rows < 4 || t.scan.inside() || s == t.status && rows == t.rows {
		return
	}
	if t.rows != rows {
		// A line feed at the bottom scrolls, so the cursor's line stays visible
		// above the row taken. 22;0t keeps the title.
		fmt.Fprintf(t.out, "\x1b[22;0t\x1bD\x1b[A\x1b7\x1b[1;%dr\x1b8", rows-1)
		t.rows = rows
	}
	t.status = s
	r := []rune(s)
	fmt.Fprintf(t.out, "\x1b]0;%s\x07\x1b7\x1b[%d;1H\x1b[0;7m%s\x1b[K\x1b[0m\x1b8", s, rows, string(r[:min(len(r), max(cols-1, 0))]))
}

// release gives the bottom row back.
func (t *Terminal) release() {
	if t.rows != 0 {
		fmt.Fprintf(t.out, "\x1b7\x1b[r\x1b[%d;1H\x1b[2K\x1b8\x1b[23;0t", t.rows)
		t.rows, t.status = 0, ""
	}
}

// A scanner knows whether output ends inside an escape sequence (ECMA-48) or a
// UTF-8 character.
type scanner struct {
	state scanState
	more  int // bytes of a character still to come
}

type scanState uint8

const (
	ground  scanState = iota
	escape            // after ESC
	csi               // after ESC [
	text              // OSC, DCS and their kin, until BEL or ST
	textEsc           // ESC within text
)

func (s *scanner) inside() bool { return s.state != ground || s.more > 0 }

func (s *scanner) feed(p []byte) {
	for _, c := range p {
		switch {
		case c == 0x18 || c == 0x1a: // CAN and SUB abort whatever there is
			*s = scanner{}
		case s.state == textEsc && c == '\\', s.state == text && c == 7:
			s.state = ground
		case s.state == text || s.state == textEsc:
			s.state = text
			if c == 0x1b {
				s.state = textEsc
			}
		case c == 0x1b:
			*s = scanner{state: escape}
		case s.state == escape:
			s.state = afterEscape(c)
		case s.state == csi:
			if c >= 0x40 && c <= 0x7e {
				s.state = ground
			}
		default:
			s.character(c)
		}
	}
}

func afterEscape(c byte) scanState {
	switch {
	case c == '[':
		return csi
	case c == ']' || c == 'P' || c == '_' || c == '^' || c == 'X':
		return text
	case c >= 0x20 && c <= 0x2f: // intermediate bytes
		return escape
	}
	return ground
}

func (s *scanner) character(c byte) {
	switch {
	case c&0xc0 == 0x80 && s.more > 0:
		s.more--
	case c >= 0xf0 && c < 0xf8:
		s.more = 3
	case c >= 0xe0 && c < 0xf0:
		s.more = 2
	case c >= 0xc2 && c < 0xe0:
		s.more = 1
	default:
		s.more = 0
	}
}
