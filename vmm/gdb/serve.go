package gdb

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
)

// ErrKilled is what Serve returns when the client asked to kill the machine.
// What that means is the caller's to say.
var ErrKilled = errors.New("gdb: killed by the client")

// Serve lets one client debug t, until it detaches, which is no error. A
// client that goes away without a word ends what runs, and is an error.
//
// When ctx is done, Serve ends. It leaves a goroutine behind in rw.Read, which
// ends when the caller closes what rw is.
func Serve(ctx context.Context, rw io.ReadWriter, t Target) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	in := make(chan event)
	go receive(ctx, rw, in)
	first := t.Threads()[0].ID
	state, _ := t.Registers(first)
	s := &session{rw: rw, t: t, in: in, ctx: ctx, regs: registers(longMode(state)), thread: first, stop: "05", packets: packets()}
	for {
		e := s.event()
		if err := s.react(e); err != nil || s.over {
			return err
		}
	}
}

// A session is one client's.
type session struct {
	rw      io.ReadWriter
	t       Target
	in      <-chan event
	ctx     context.Context
	held    *event // came in while the machine ran
	packets map[string]func(*session, string) string

	regs   []register // as the description lists them
	noAck  bool
	lldb   bool   // the client wants what lldb.go says
	last   string // packet sent
	naks   int    // of it
	thread uint64 // whose registers and memory are asked for
	points points
	stop   string // the last stop reply's reason
	over   bool
	err    error // with over
}

// silent is the answer of packets that have none.
const silent = "\x00"

// event waits for the next one.
func (s *session) event() event {
	if e := s.held; e != nil {
		s.held = nil
		return *e
	}
	select {
	case e := <-s.in:
		return e
	case <-s.ctx.Done():
		return event{kind: gone, err: fmt.Errorf("gdb: the session was ended: %w", s.ctx.Err())}
	}
}

// react does what an event asks for. A ^C that finds nothing running came too
// late: the stop that gdb wants is on its way already.
func (s *session) react(e event) error {
	switch e.kind {
	case gone:
		return e.err
	case again:
		if s.noAck {
			return nil // gdb 13 sends it when it has waited for two seconds
		}
		return s.resend()
	case damaged:
		if s.noAck {
			return errors.New("gdb: a packet with a wrong checksum, on a line that was declared to be reliable")
		}
		return s.write("-")
	case packet:
		return s.answer(e.packet)
	}
	return nil
}

// answer acknowledges and answers a packet.
func (s *session) answer(p string) error {
	s.naks = 0
	if !s.noAck {
		if err := s.write("+"); err != nil {
			return err
		}
	}
	name, rest := split(p)
	reply := "" // not supported
	if f := s.packets[name]; f != nil {
		reply = s.ofThread(name, rest, f)
	}
	if reply != silent {
		if err := s.send(reply); err != nil {
			return err
		}
	}
	if name == "QStartNoAckMode" {
		s.noAck = true // from the next packet on
	}
	return s.err
}

// split parts a packet's name from the rest: one letter, two behind b, a word
// behind q, Q and v; behind one of LLDB's words the rest follows at once.
func split(p string) (name, rest string) {
	n := min(1, len(p))
	switch {
	case strings.HasPrefix(p, threadStopInfo):
		n = len(threadStopInfo)
	case p == "":
	case p[0] == 'b':
		n = min(2, len(p))
	case strings.IndexByte("qQv", p[0]) >= 0:
		if n = strings.IndexAny(p, ":,;?"); n < 0 {
			n = len(p)
		}
	}
	return p[:n], p[n:]
}

// packets lists all packets that are answered.
func packets() map[string]func(*session, string) string {
	return map[string]func(*session, string) string{
		"qSupported":      (*session).supported,
		"QStartNoAckMode": func(*session, string) string { return "OK" },
		"qXfer":           (*session).transfer,
		"qSymbol":         func(*session, string) string { return "OK" }, // no symbol is wanted
		"qAttached":       func(*session, string) string { return "1" },  // so that gdb's quit detaches

		"qC":           (*session).current,
		"qfThreadInfo": (*session).listThreads,
		"qsThreadInfo": func(*session, string) string { return "l" },
		"H":            (*session).selectThread,
		"T":            (*session).alive,

		"g": (*session).readAll,
		"G": (*session).writeAll,
		"p": (*session).readOne,
		"P": (*session).writeOne,
		"m": (*session).readHex,
		"x": (*session).readBinary,
		"M": (*session).writeHex,
		"X": (*session).writeBinary,
		"Z": (*session).insert,
		"z": (*session).remove,

		"?":     func(s *session, _ string) string { return s.stopReply() },
		"vCont": (*session).resume,
		"c":     func(s *session, _ string) string { return s.run(Order{}) },
		"s":     func(s *session, _ string) string { return s.run(Order{Steps: 1}) },
		"bc":    func(s *session, _ string) string { return s.run(Order{Back: true}) },
		"bs":    func(s *session, _ string) string { return s.run(Order{Back: true, Steps: 1}) },
		"qRcmd": (*session).monitor,

		"QThreadSuffixSupported": func(s *session, _ string) string { s.lldb = true; return "OK" },
		threadStopInfo:           (*session).threadStop,

		"D":     (*session).detach,
		"k":     func(s *session, _ string) string { s.over, s.err = true, ErrKilled; return silent },
		"vKill": func(s *session, _ string) string { s.over, s.err = true, ErrKilled; return "OK" },
	}
}

// supported answers with what can be done here; what the client can do does
// not matter.
func (s *session) supported(string) string {
	return fmt.Sprintf("PacketSize=%x;QStartNoAckMode+;qXfer:features:read+;qXfer:threads:read+;"+
		"vContSupported+;swbreak+;hwbreak+;ReverseStep+;ReverseContinue+;binary-upload+", packetBytes)
}

// transfer answers "qXfer:OBJECT:read:ANNEX:OFFSET,LENGTH" with a piece of a
// document: m and what is not the end, l and what is.
func (s *session) transfer(rest string) string {
	f := strings.Split(rest, ":")
	if len(f) != 5 || f[2] != "read" {
		return ""
	}
	var text string
	switch {
	case f[1] == "features" && f[3] == "target.xml":
		text = describe(s.regs)
	case f[1] == "threads" && f[3] == "":
		text = s.threadList()
	case f[1] == "features":
		return "E00"
	default:
		return ""
	}
	at, n, ok := pair(f[4])
	if !ok || at > uint64(len(text)) {
		return badForm
	}
	n = min(n, packetBytes/2-1) // each byte may need an escape
	if text = text[at:]; n < uint64(len(text)) {
		return "m" + escape(text[:n])
	}
	return "l" + escape(text)
}

// pair reads "NUMBER,NUMBER".
func pair(s string) (a, b uint64, ok bool) {
	l, r, ok := strings.Cut(s, ",")
	if !ok {
		return 0, 0, false
	}
	a, ok = number(l)
	b, ok2 := number(r)
	return a, b, ok && ok2
}

func (s *session) detach(string) string {
	s.over = true
	return "OK"
}

// badForm is the answer to what cannot be read, notThere to addresses and
// threads that are not. gdb 13 takes no words as answer to some packets.
const (
	badForm  = "E01"
	notThere = "E0e"
)

// refuse answers in words, those of an error.
func refuse(err error) string {
	clean := func(r rune) rune {
		if r < ' ' || r > '~' || strings.ContainsRune("$#}*", r) {
			return ' '
		}
		return r
	}
	return "E." + strings.Map(clean, limit(err.Error(), packetBytes/4))
}

func limit(s string, n int) string { return s[:min(n, len(s))] }
