package gdb

import (
	"context"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// during has f do what takes long. What comes in meanwhile ends it: ^C is
// meant to; a packet comes from a client that waits no longer; a line that
// broke has nobody who does. But '-' is only how gdb shows impatience. It tells
// whether it was a packet, which then waits to be answered.
func (s *session) during(f func(context.Context)) (abandoned bool) {
	ctx, cancel := context.WithCancel(s.ctx)
	defer cancel()
	over, seen := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(seen)
		defer cancel()
		for {
			select {
			case e := <-s.in:
				if e.kind == again {
					continue
				}
				if e.kind != interrupt {
					s.held = &e
				}
				return
			case <-over:
				return
			}
		}
	}()
	f(ctx)
	close(over)
	<-seen
	return s.held != nil && s.held.kind == packet
}

// run moves the machine and answers with where and why it stopped.
func (s *session) run(o Order) string { return s.runWhile(o, func() bool { return false }) }

// runWhile repeats an order while it ends as it should and on says so.
func (s *session) runWhile(o Order, on func() bool) string {
	o.Points = s.points.list()
	var stop Stop
	var err error
	s.during(func(ctx context.Context) {
		for stop, err = s.t.Run(ctx, o); err == nil && stop.Reason == Done && on(); stop, err = s.t.Run(ctx, o) {
			if ctx.Err() != nil {
				stop.Reason = Interrupted
				return
			}
		}
	})
	if stop.Note != "" {
		s.print(stop.Note + "\n")
	}
	s.thread = s.t.Threads()[0].ID
	s.stop = s.reason(stop)
	if err != nil {
		s.stop = "05"
		return refuse(err)
	}
	return s.stopReply()
}

// reason is a stop reply's beginning: a signal, SIGINT or SIGTRAP, and more.
func (s *session) reason(stop Stop) string {
	switch stop.Reason {
	case Met:
		return "05" + s.points.reason(stop.Point)
	case Interrupted:
		return "02"
	case Begin:
		return "05replaylog:begin;"
	case End:
		return "05replaylog:end;"
	}
	return "05"
}

// stopReply says why the machine stands, and which thread runs.
func (s *session) stopReply() string { return s.standing(s.t.Threads()[0], s.stop) }

// standing is a stop reply for a thread, with the registers that gdb asks for at
// every stop, if they are known: RBP, RSP, RIP.
func (s *session) standing(t Thread, reason string) string {
	out := "T" + reason + "thread:" + hexNumber(t.ID) + ";" + s.nameOf(t)
	state, known := s.t.Registers(t.ID)
	for i, r := range s.regs {
		if r.expedite && known&r.known != 0 {
			out += fmt.Sprintf("%x:%s;", i, r.hex(state, known))
		}
	}
	return out
}

// print shows text on gdb's console. It may be used only while gdb waits for
// a stop or for a command's end.
func (s *session) print(text string) {
	for len(text) > 0 && s.err == nil {
		n := min(len(text), (packetBytes-1)/2)
		s.err = s.send("O" + hex.EncodeToString([]byte(text[:n])))
		text = text[n:]
	}
}

// resume is vCont: a query for the actions known, or actions, each for one
// thread or for all that no earlier one names. One processor runs one thread:
// it does what the first action says.
func (s *session) resume(rest string) string {
	if rest == "?" {
		return "vCont;c;C;s;S;r"
	}
	f := strings.Split(rest, ";")
	if len(f) < 2 {
		return badForm
	}
	action, id, named := strings.Cut(f[1], ":")
	o := Order{Steps: 1}
	if named && id != "-1" {
		o.Thread, named = number(id)
		switch {
		case !named || !s.lldb && !s.exists(o.Thread):
			return notThere
		case !s.exists(o.Thread):
			o.Thread = 0 // "monitor goto" went without its client to where it is not
		}
	}
	switch {
	case action == "":
		return badForm
	case action[0] == 'c', action[0] == 'C': // a signal means nothing to a machine
		return s.run(Order{})
	case action[0] == 's', action[0] == 'S':
		return s.run(o)
	case action[0] == 'r':
		return s.stepRange(o, action[1:])
	}
	return badForm
}

// stepRange steps "START,END" until RIP is outside, that is not in
// [START,END), or at a breakpoint.
func (s *session) stepRange(o Order, bounds string) string {
	from, to, ok := pair(bounds)
	if !ok {
		return badForm
	}
	return s.runWhile(o, func() bool {
		id := o.Thread
		if id == 0 {
			id = s.t.Threads()[0].ID
		}
		state, _ := s.t.Registers(id)
		pc := linearIP(state)
		return pc >= from && pc < to && !s.points.at(pc)
	})
}

// at tells whether there is a breakpoint.
func (p points) at(la uint64) bool {
	for _, e := range p {
		if e.Kind == Exec && e.Addr == la {
			return true
		}
	}
	return false
}

func hexNumber(v uint64) string { return strconv.FormatUint(v, 16) }
