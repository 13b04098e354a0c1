package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"vmrecord/backdoor"
	"vmrecord/backdoor/wire"
	"vmrecord/bundle/recording"
	"vmrecord/cmd/internal/cli"
	"vmrecord/cmd/internal/live"
	"vmrecord/cmd/internal/machine"
	"vmrecord/configs"
	"vmrecord/vmm"
	"vmrecord/vmm/host"
)

// A recorder does what the machine's backdoor says, as far as the configuration
// allows.
type recorder struct {
	live.Recorder
	dir      string
	options  recording.Options // for every recording; Meta lacks its name
	features []string          // names that may be recorded; nil: any
	keepAll  bool
	most     uint32 // recordings, and saves of the ring, that the guest may ask for in a run; 0: no bound
	starts   uint32 // recordings that it did: a machine that reboots counts anew
	byUser   bool   // the one that runs, or ran last, was asked for by the host's user
	triggers *triggers
	policies *policies
	ring     ring
	ahead    *recording.Ahead // nil: only the user here may record
	shown    bool             // a status row tells when something is recorded
	say      func(format string, a ...any)
	events   *events
	m        *vmm.Machine
	owe      func(k *kept) // is told of every recording kept, before anybody else; may be nil
	keep     func(k *kept) // is told of it then

	due      vmm.Instant   // where the tail after a failure ends; 0: there is none
	trailing bool          // the guest has stopped, and its tail runs
	pause    time.Duration // of the guest, where the recording began
	durable  uint64        // frames that were reported so
	dropped  int

	mu   sync.Mutex // for what other goroutines ask about
	door *host.Door
	own  map[string]bool // names that the host's user asked to record
	name string
	uid  uint32
	tale tally
}

// A tally counts what became of requests, for who waits for one.
type tally struct {
	begun, ended, refused int    // recordings
	text                  string // of the last: its folder, or the reason
}

// note counts for the tally.
func (r *recorder) note(n *int, text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	*n++
	r.tale.text = text
}

func (r *recorder) tally() tally {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.tale
}

// A kept is a recording that was kept, and what became of it.
type kept struct {
	Feature string            `json:"feature"`
	Failure string            `json:"failure,omitempty"`
	PauseMS float64           `json:"pause_ms"` // of the guest, where the recording began
	Summary recording.Summary `json:"summary"`
	ID      string            `json:"id,omitempty"` // of its bundle
	UUID    string            `json:"uuid,omitempty"`
	Bytes   int64             `json:"bundle_bytes,omitempty"`
	Level   string            `json:"level,omitempty"`  // of its bundle
	Report  string            `json:"report,omitempty"` // id of the report that went ahead
	Mail    string            `json:"mail,omitempty"`   // how the last try to send it ended
	Parts   int               `json:"parts,omitempty"`
	Reply   string            `json:"reply,omitempty"`
}

// attach makes m the machine that is recorded.
func (r *recorder) attach(m *vmm.Machine, d *host.Door) {
	r.mu.Lock()
	r.door = d
	r.mu.Unlock()
	r.Attach(m)
	r.m = m
	r.triggers.attach(m)
}

// console is told of what the guest prints.
func (r *recorder) console(p []byte) {
	r.Console(p)
	if r.ring.run != nil {
		r.ring.run.Console(p)
	}
	r.triggers.console(p)
}

// work does what was heard since the last boundary.
func (r *recorder) work() {
	r.triggered() // what was seen so far is not about what begins here
	for _, e := range r.Heard() {
		if r.Recording() == nil && e.Kind != backdoor.Started {
			r.heardOutside(e) // or of a recording that could not begin
			continue
		}
		r.Note(e)
		switch e.Kind {
		case backdoor.Started:
			if r.Recording() != nil { // in its tail
				r.stop(true, "stopped by request; the next begins")
			}
			r.start(e)
		case backdoor.Marked, backdoor.Saved: // saved is the recording as a whole
			r.events.tell(event{Event: "mark", Text: e.Text})
		case backdoor.Failed:
			r.failed(e)
		case backdoor.Stopped:
			if r.due > r.m.Now() {
				r.trailing = true // past the end that the guest asked for
				break
			}
			r.stop(e.Text == "keep" || r.keepAll || r.Failed() != "", "stopped by request")
		}
	}
}

// failed tells of a failure that stands on the tape, and begins its tail.
func (r *recorder) failed(e backdoor.Event) {
	r.events.tell(event{Event: "fail", Text: e.Text})
	if tail := r.policies.rules[r.name].Tail; tail > 0 && r.due == 0 {
		r.due = r.m.Now() + vmm.Instant(uint64(tail)*r.m.Clock().Hz())
	}
}

func (r *recorder) start(e backdoor.Event) {
	if r.byUser = r.asked(r.own, e.Text); !r.byUser {
		if r.features != nil && !slices.Contains(r.features, e.Text) {
			r.refuse(fmt.Errorf("%q is not among record.features of the configuration", e.Text))
			return
		}
		if r.most > 0 && r.starts >= r.most {
			r.refuse(fmt.Errorf("%d recordings were started in this run, which is record.limits.recordings", r.starts))
			return
		}
		if why := r.policies.start(e.Text); why != "" {
			r.events.tell(event{Event: "skip", Name: e.Text, Text: why})
			r.ended()
			return
		}
		r.starts++
	}
	o := r.options
	o.Meta.Feature = e.Text
	begun := time.Now()
	r.restRing()
	if err := r.Start(e.Text, o); err != nil {
		r.refuse(err)
		return
	}
	r.pause = time.Since(begun)
	r.mu.Lock()
	r.name, r.uid = e.Text, e.UID
	r.mu.Unlock()
	r.durable, r.due, r.trailing = 0, 0, false
	r.note(&r.tale.begun, r.Shelf.Dir(r.Recording().Name()))
	r.events.tell(event{Event: "start", UID: e.UID, Name: e.Text})
	if !r.shown {
		r.say("● REC %s", e.Text)
	}
}

// asked tells whether the user here asked for it, who is above limits and policies, and
// forgets that: the guest may ask for the same.
func (r *recorder) asked(own map[string]bool, text string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	yes := own[text]
	delete(own, text)
	return yes
}

// refuse tells people and the machine that nothing is recorded.
func (r *recorder) refuse(why error) {
	r.say("not recorded: %v%s", why, cli.Hint(why))
	r.note(&r.tale.refused, "not recorded: "+why.Error())
	r.ended()
}

// ended tells the machine that nothing is recorded. At virtual pace the guest is
// not told: the run must not depend on this host.
func (r *recorder) ended() { r.door.Send(machine.Control, []byte("ended")) }

// order passes a request of the user's on to the machine, as an input; false at
// virtual pace.
func (r *recorder) order(q wire.Request) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch q.Verb {
	case wire.Start:
		r.own[wire.Clean(q.Text, wire.MaxName)] = true
	case wire.Save:
		r.ring.own[wire.Clean(q.Text, wire.MaxReason)] = true
	}
	return r.door != nil && r.door.Pace() != host.Virtual && r.door.Send(machine.Control, []byte(q.Format()))
}

// begin records from here on, before the first instruction and the first input.
func (r *recorder) begin(m *vmm.Machine, name string) {
	q := wire.Request{Verb: wire.Start, Text: name}
	r.own[wire.Clean(name, wire.MaxName)] = true
	m.Deliver(vmm.Input{Inlet: machine.Control, Data: []byte(q.Format())})
	r.work()
}

func (r *recorder) stop(keep bool, why string) {
	if keep && !r.byUser {
		over, err := r.policies.keep(r.name, r.Failed())
		if err != nil {
			r.say("how often recordings were kept: %v", err)
		}
		if over != "" {
			keep = false
			r.say("● REC %s: not kept: %s", r.name, over)
		}
	}
	sum, took, err := r.Stop(keep, why)
	if err != nil {
		r.say("%v; %s in %s", err, cli.Remedy(err), r.dir)
		r.events.tell(event{Event: "lost", Name: r.name, Text: err.Error()})
		r.note(&r.tale.refused, err.Error())
		return
	}
	k := &kept{Feature: r.name, Failure: r.Failed(), PauseMS: float64(r.pause.Microseconds()) / 1e3, Summary: sum}
	what, folder := "dropped", ""
	if keep {
		what, folder = "kept", r.Shelf.Dir(sum.Name)
		if r.owe != nil {
			r.owe(k)
		}
	}
	r.note(&r.tale.ended, folder)
	r.events.tell(event{Event: "stop", UID: r.uid, Name: r.name, Kept: keep, Seconds: took.Seconds(), Bytes: sum.Bytes, Text: r.Failed()})
	if keep || !r.shown {
		r.say("● REC %s: %.1f s, %s, %s%s", r.name, took.Seconds(), cli.Bytes(sum.Bytes), what, truncation(sum))
	}
	if !keep {
		r.dropped++
		return
	}
	r.keep(k)
}

func truncation(s recording.Summary) string {
	how := ", truncated: "
	switch {
	case s.Cause == "":
		return ""
	case !s.Truncated:
		how = ", whole in spite of: "
	}
	return how + s.Cause + "; to look at the disk: vmappliance doctor"
}

// slice keeps the recording going between two pieces of the run.
func (r *recorder) slice() {
	r.triggers.look(r.m)
	r.triggered()
	if r.Recording() != nil && r.due != 0 && r.m.Now() >= r.due {
		if !r.trailing {
			r.ended()
		}
		r.stop(true, "the time after a failure is over")
	}
	r.ringSlice()
	if r.ahead != nil && r.Recording() == nil && r.ring.run == nil {
		r.ahead.Slice(r.m)
	}
	st, err := r.Slice()
	if st.Durable > r.durable {
		r.durable = st.Durable
		r.events.tell(event{Event: "durable", Name: r.Recording().Name(), Frames: st.Durable})
	}
	if err != nil {
		r.say("the recording ends here, truncated: %v; the guest goes on; %s in %s", err, cli.Remedy(err), r.dir)
		r.events.tell(event{Event: "truncated", Name: r.name, Text: err.Error()})
	}
}

// dueAt is where the tail of what is recorded ends.
func (r *recorder) dueAt() vmm.Instant {
	switch {
	case r.ring.run != nil:
		return r.ring.run.Due()
	case r.Recording() == nil || r.due == 0:
		return vmm.Never
	}
	return r.due
}

// end ends what is recorded because the machine ends. A guest that went down
// while it was recorded has failed; one that the user stopped has not.
// failure is what the machine itself died of; empty: of nothing.
func (r *recorder) end(byUser bool, failure, why string) {
	r.triggered()
	if r.Recording() != nil {
		if failure != "" {
			r.fail(failure)
		}
		r.stop(!byUser || r.Failed() != "" || r.keepAll, why)
	} else if failure != "" {
		r.heardOutside(backdoor.Event{Kind: backdoor.Failed, Text: failure})
	}
	r.endRing()
}

// A state is what "record status" tells.
type state struct {
	Schema  string  `json:"schema"` // vmappliance.record/1
	State   string  `json:"state"`  // recording, ring or idle
	Name    string  `json:"name,omitempty"`
	UID     uint32  `json:"uid,omitempty"`
	Seconds float64 `json:"seconds,omitempty"`
	Bytes   int64   `json:"bytes,omitempty"`
	Folder  string  `json:"folder,omitempty"`
	Frames  uint64  `json:"frames,omitempty"`
	Durable uint64  `json:"durable,omitempty"` // of these, readable after a power cut
}

// state may be asked for by any goroutine.
func (r *recorder) state() state {
	n := r.Now()
	s := state{Schema: "vmappliance.record/1", State: "idle"}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !n.Running && r.ring.on {
		s.State, s.Seconds, s.Bytes = configs.RingName, r.ring.reach, r.ring.bytes
	}
	if !n.Running {
		return s
	}
	return state{s.Schema, "recording", n.Title, r.uid, n.Took.Seconds(), n.Bytes, filepath.Join(r.dir, n.Name), n.Frames, n.Durable}
}
