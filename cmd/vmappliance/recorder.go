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
	"vmrecord/cmd/internal/machine"
	"vmrecord/vmm"
	"vmrecord/vmm/host"
)

// A recorder is the host's side of recording. It hears what the machine's
// backdoor says, and does it at the boundary that follows.
type recorder struct {
	shelf    *recording.Shelf
	dir      string
	options  recording.Options // for every recording; Meta lacks its name and date
	features []string          // names that may be recorded; nil: any
	keepAll  bool
	shown    bool // a status row tells when something is recorded
	say      func(format string, a ...any)
	events   *events
	keep     func(k *kept) // is told of every recording kept

	m       *vmm.Machine
	heard   []backdoor.Event
	failed  string // what the running recording was marked with
	warned  bool   // that the disk fails
	durable uint64 // frames that were reported so
	dropped int

	mu    sync.Mutex // for what other goroutines ask about
	door  *host.Door
	own   map[string]bool // names that the host's user asked to record
	cur   *recording.Recording
	name  string
	uid   uint32
	since time.Time
	tale  tally
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
	Summary recording.Summary `json:"summary"`
	ID      string            `json:"id,omitempty"` // of its bundle
	UUID    string            `json:"uuid,omitempty"`
	Bytes   int64             `json:"bundle_bytes,omitempty"`
	Mail    string            `json:"mail,omitempty"` // how the last try to send it ended
	Parts   int               `json:"parts,omitempty"`
	Reply   string            `json:"reply,omitempty"`
}

// attach makes m the machine that is recorded.
func (r *recorder) attach(m *vmm.Machine, d *host.Door) {
	r.mu.Lock()
	r.door = d
	r.mu.Unlock()
	r.m, r.heard = m, nil
	m.OnOutput(machine.Control, func(p []byte) {
		e, err := backdoor.ParseEvent(p)
		if err != nil {
			panic("vmappliance: event of our own backdoor: " + err.Error())
		}
		r.heard = append(r.heard, e)
	})
}

// work does what was heard since the last boundary.
func (r *recorder) work() {
	r.m.TakeControl()
	heard := r.heard
	r.heard = nil
	for _, e := range heard {
		if r.cur == nil && e.Kind != backdoor.Started {
			continue // of a recording that could not begin
		}
		switch e.Kind {
		case backdoor.Started:
			r.start(e)
		case backdoor.Attr:
			r.cur.Attr(e.Key, e.Text)
		case backdoor.Marked:
			r.cur.Mark(e.Text)
			r.events.tell(event{Event: "mark", Text: e.Text})
		case backdoor.Failed:
			r.failed = e.Text
			r.cur.Fail(e.Text)
			r.events.tell(event{Event: "fail", Text: e.Text})
		case backdoor.Stopped:
			r.stop(e.Text == "keep" || r.keepAll, "stopped by request")
		}
	}
}

func (r *recorder) start(e backdoor.Event) {
	if !r.allowed(e.Text) {
		r.refuse(fmt.Errorf("%q is not among record.features of the configuration", e.Text))
		return
	}
	o := r.options
	o.Meta.Feature = e.Text
	o.Meta.Created = int64(r.m.Clock().Epoch() + uint64(r.m.Now())/r.m.Clock().Hz())
	cur, err := r.shelf.Start(r.m, o)
	if err != nil {
		r.refuse(err)
		return
	}
	r.mu.Lock()
	r.cur, r.name, r.uid, r.since = cur, e.Text, e.UID, time.Now()
	r.mu.Unlock()
	r.failed, r.warned, r.durable = "", false, 0
	r.note(&r.tale.begun, r.shelf.Dir(cur.Name()))
	r.events.tell(event{Event: "start", UID: e.UID, Name: e.Text})
	if !r.shown {
		r.say("● REC %s", e.Text)
	}
}

// allowed tells whether the configuration, or the user here, wants it recorded.
func (r *recorder) allowed(name string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.features == nil || r.own[name] || slices.Contains(r.features, name)
}

// refuse tells the machine that nothing is recorded. At virtual pace the guest
// is not told: the run must not depend on this host.
func (r *recorder) refuse(why error) {
	r.say("not recorded: %v", why)
	r.note(&r.tale.refused, "not recorded: "+why.Error())
	r.door.Send(machine.Control, []byte("ended"))
}

// order passes a request of the user's on to the machine, as an input; false at
// virtual pace.
func (r *recorder) order(q wire.Request) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if q.Verb == wire.Start {
		r.own[wire.Clean(q.Text, wire.MaxName)] = true
	}
	return r.door != nil && r.door.Pace() != host.Virtual && r.door.Send(machine.Control, []byte(q.Format()))
}

// begin records from power-on, before the first instruction.
func (r *recorder) begin(name string) {
	q := wire.Request{Verb: wire.Start, Text: name}
	r.own[wire.Clean(name, wire.MaxName)] = true
	r.m.Deliver(vmm.Input{Inlet: machine.Control, Data: []byte(q.Format())})
}

func (r *recorder) stop(keep bool, why string) {
	cur, took := r.cur, time.Since(r.since)
	sum, err := cur.Stop(keep, why)
	r.mu.Lock()
	r.cur = nil
	r.mu.Unlock()
	if err != nil {
		r.say("%v; free some disk space in %s", err, r.dir)
		r.events.tell(event{Event: "lost", Name: r.name, Text: err.Error()})
		r.note(&r.tale.refused, err.Error())
		return
	}
	what, folder := "dropped", ""
	if keep {
		what, folder = "kept", r.shelf.Dir(sum.Name)
	}
	r.note(&r.tale.ended, folder)
	r.events.tell(event{Event: "stop", UID: r.uid, Name: r.name, Kept: keep, Seconds: took.Seconds(), Bytes: sum.Bytes, Text: r.failed})
	if keep || !r.shown {
		r.say("● REC %s: %.1f s, %s, %s%s", r.name, took.Seconds(), cli.Bytes(sum.Bytes), what, truncation(sum))
	}
	if !keep {
		r.dropped++
		return
	}
	r.keep(&kept{Feature: r.name, Failure: r.failed, Summary: sum})
}

func truncation(s recording.Summary) string {
	if !s.Truncated {
		return ""
	}
	return fmt.Sprintf(", truncated: %s", s.Cause)
}

// slice keeps the recording going between two pieces of the run.
func (r *recorder) slice() {
	if r.cur == nil {
		return
	}
	r.cur.Slice()
	st := r.cur.Status()
	if st.Durable > r.durable {
		r.durable = st.Durable
		r.events.tell(event{Event: "durable", Name: r.cur.Name(), Frames: st.Durable})
	}
	if st.Err != nil && !r.warned {
		r.warned = true
		r.say("the recording ends here, truncated: %v; the guest goes on; free some disk space in %s", st.Err, r.dir)
		r.events.tell(event{Event: "truncated", Name: r.name, Text: st.Err.Error()})
	}
}

// end ends what is recorded because the machine ends. A guest that went down
// while it was recorded has failed; one that the user stopped has not.
func (r *recorder) end(byUser bool, why string) {
	if r.cur != nil {
		r.stop(!byUser || r.failed != "" || r.keepAll, why)
	}
}

// A state is what "record status" tells.
type state struct {
	Schema  string  `json:"schema"` // vmappliance.record/1
	State   string  `json:"state"`  // recording or idle
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
	r.mu.Lock()
	defer r.mu.Unlock()
	s := state{Schema: "vmappliance.record/1", State: "idle"}
	if r.cur == nil {
		return s
	}
	st := r.cur.Status()
	return state{s.Schema, "recording", r.name, r.uid, time.Since(r.since).Seconds(), st.Bytes,
		filepath.Join(r.dir, r.cur.Name()), st.Frames, st.Durable}
}

// show keeps the status row up to date until stop is called.
func (r *recorder) show(t *host.Terminal) (stop func()) {
	done := make(chan struct{})
	go func() {
		defer t.Guard()
		for tick := time.NewTicker(250 * time.Millisecond); ; {
			select {
			case <-done:
				tick.Stop()
				return
			case <-tick.C:
			}
			line := ""
			if s := r.state(); s.State == "recording" {
				line = fmt.Sprintf("● REC %s  %.0f s  %s", s.Name, s.Seconds, cli.Bytes(s.Bytes))
			}
			t.Status(line)
		}
	}()
	return sync.OnceFunc(func() { close(done) })
}

// console is told of what the guest prints.
func (r *recorder) console(p []byte) {
	if r.cur != nil {
		r.cur.Console(p)
	}
}
