package backdoor

import (
	"strings"

	"vmrecord/backdoor/wire"
	"vmrecord/vmm"
)

func (b *Backdoor) stateLogger(r *vmm.Regs) {
	s := &b.state
	if !b.controlled() {
		r.RAX = wire.LogOff
		return
	}
	switch uint32(r.RBX) {
	case wire.LogReplayable:
		r.RAX = wire.LogAccepted
	case wire.LogStart:
		r.RAX = uint64(b.mayStart(false))
		if r.RAX == wire.LogAccepted {
			b.start()
		}
	case wire.LogStop:
		r.RAX = wire.LogIdle
		if s.Running {
			r.RAX = wire.LogAccepted
			b.stop()
		}
	case wire.LogSnapshotUID:
		r.RAX, r.RBX = wire.LogAccepted, uint64(s.UID)
	case wire.LogPosition:
		r.RAX = wire.LogIdle
		if s.Running {
			now := uint64(b.clock.Now())
			r.RAX, r.RBX, r.RCX = wire.LogAccepted, now&0xFFFFFFFF, now>>32
		}
	case wire.LogReplay:
		r.RAX = wire.LogOff // a machine is replayed from outside
	default:
		r.RAX = wire.Nothing
	}
}

// mayStart is what START_LOGGING would answer.
func (b *Backdoor) mayStart(host bool) uint32 {
	s := &b.state
	switch {
	case s.Running:
		return wire.LogRunning
	case host:
		return wire.LogAccepted
	case !b.controlled():
		return wire.LogOff
	case s.UID >= s.Facts[factMaximum]:
		return wire.LogExhausted
	}
	return wire.LogAccepted
}

// start begins the recording that was prepared.
func (b *Backdoor) start() {
	s := &b.state
	next := s.NextAre
	s.Running, s.Failed, s.Discard = true, false, false
	s.UID++
	s.Name, s.Attrs = s.Next, uint32(len(next)/2)
	s.Next, s.NextAre = "", nil
	b.tell(Event{Kind: Started, UID: s.UID, Text: s.Name})
	for ; len(next) >= 2; next = next[2:] {
		b.tell(Event{Kind: Attr, Key: next[0], Text: next[1]})
	}
}

// stop ends the running recording.
func (b *Backdoor) stop() {
	s := &b.state
	e := Event{Kind: Stopped, Text: "keep"}
	if s.Discard && !s.Failed {
		e.Text = "drop"
	}
	b.ended()
	b.tell(e)
}

// ended is the state after a recording.
func (b *Backdoor) ended() {
	s := &b.state
	s.Running, s.Failed, s.Discard, s.Name, s.Attrs = false, false, false, "", 0
}

func (b *Backdoor) tell(e Event) {
	b.control.Write(e.Format())
	b.slot.Control()
}

// obey does what a request of our extension asks, and replies.
func (b *Backdoor) obey(q wire.Request, host bool) string {
	s := &b.state
	switch {
	case q.Verb == wire.GetVersion:
		return wire.FormatReply(true, wire.VersionText)
	case q.Verb == wire.GetStatus:
		return wire.FormatReply(true, b.status().Format())
	case !host && !b.controlled():
		return wire.FormatReply(false, "the appliance's configuration gives the guest no control of recording")
	case q.Verb == wire.Attr:
		return b.attr(q)
	case q.Verb == wire.Prepare || q.Verb == wire.Start:
		return b.prepare(q, host)
	case !s.Running:
		return b.outside(q)
	}
	return b.during(q)
}

// controlled tells whether the guest may start and stop recording.
func (b *Backdoor) controlled() bool { return b.state.Facts[factControl]&1 != 0 }

// ring tells whether what happens outside of recordings can be saved.
func (b *Backdoor) ring() bool { return b.state.Facts[factControl]&2 != 0 }

// outside obeys what makes sense while at most the ring records.
func (b *Backdoor) outside(q wire.Request) string {
	switch {
	case b.ring() && q.Verb == wire.Mark:
		b.tell(Event{Kind: Marked, Text: q.Text})
	case b.ring() && q.Verb == wire.Fail:
		b.tell(Event{Kind: Failed, Text: q.Text})
	case b.ring() && q.Verb == wire.Save:
		b.tell(Event{Kind: Saved, Text: q.Text})
	default:
		return wire.FormatReply(false, "nothing is recording")
	}
	return wire.FormatReply(true, "")
}

// during obeys what makes sense while recording only.
func (b *Backdoor) during(q wire.Request) string {
	s := &b.state
	switch q.Verb {
	case wire.Mark:
		b.tell(Event{Kind: Marked, Text: q.Text})
	case wire.Fail:
		s.Failed = true
		b.tell(Event{Kind: Failed, Text: q.Text})
	case wire.Keep:
		s.Discard = false
	case wire.Save: // a recording that was asked for is saved as a whole
		s.Discard = false
		b.tell(Event{Kind: Marked, Text: wire.Clean(q.Text, wire.MaxMark)})
	case wire.Drop:
		if s.Failed {
			return wire.FormatReply(false, "a recording that shows a failure is kept")
		}
		s.Discard = true
	case wire.Stop:
		s.Discard = q.Text == "drop"
		b.stop()
	}
	return wire.FormatReply(true, "")
}

func (b *Backdoor) prepare(q wire.Request, host bool) string {
	switch b.mayStart(host) {
	case wire.LogRunning:
		return wire.FormatReply(false, "a recording runs already")
	case wire.LogExhausted:
		return wire.FormatReply(false, "the configured number of recordings is used up")
	}
	b.state.Next, b.state.NextAre = q.Text, nil
	if q.Verb == wire.Start {
		b.start()
	}
	return wire.FormatReply(true, "")
}

func (b *Backdoor) attr(q wire.Request) string {
	s := &b.state
	refused := wire.FormatReply(false, "too many attributes for one recording")
	if s.Running {
		if s.Attrs >= wire.MaxAttrs {
			return refused
		}
		s.Attrs++
		b.tell(Event{Kind: Attr, Key: q.Key, Text: q.Text})
		return wire.FormatReply(true, "")
	}
	if len(s.NextAre) >= 2*wire.MaxAttrs || bytesOf(s.NextAre)+len(q.Key)+len(q.Text) > maxAttrBytes {
		return refused
	}
	s.NextAre = append(s.NextAre, q.Key, q.Text)
	return wire.FormatReply(true, "")
}

func bytesOf(texts []string) (n int) {
	for _, t := range texts {
		n += len(t)
	}
	return n
}

func (b *Backdoor) status() wire.Status {
	s := wire.Status{UID: b.state.UID}
	switch {
	case b.state.Running:
		s.State, s.Name = wire.Recording, b.state.Name
	case !b.controlled():
		s.State = wire.Off
	}
	return s
}

// host takes a frame of the inlet.
func (b *Backdoor) host(p []byte) {
	if len(p) > wire.MaxMessageBytes {
		return
	}
	text := string(p)
	switch {
	case text == "ended":
		b.ended()
	case text == "live":
		b.ended()
		for i := range b.state.Channels {
			c := &b.state.Channels[i]
			c.Checkpoint = c.Open
		}
	case len(p) == len("uuid ")+16 && strings.HasPrefix(text, "uuid "):
		b.name([16]byte(p[len("uuid "):]))
	case text == "policy 0" || text == "policy 1":
		b.state.Facts[factControl] = b.state.Facts[factControl]&^1 | flag(strings.HasSuffix(text, "1"))
	default:
		if q, err := wire.ParseRequest(text); err == nil {
			b.obey(q, true)
		}
	}
}
