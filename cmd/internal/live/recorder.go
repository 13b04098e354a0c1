package live

import (
	"fmt"
	"sync"
	"time"

	"vmrecord/backdoor"
	"vmrecord/bundle/recording"
	"vmrecord/cmd/internal/cli"
	"vmrecord/cmd/internal/machine"
	"vmrecord/vmm"
	"vmrecord/vmm/host"
)

// A Recorder is the host's side of recording: it hears what a machine's backdoor
// says about it, and keeps the one recording that runs. When that begins, and
// what becomes of it, is the caller's. All but Now and Show belongs to the
// goroutine that runs the machine.
type Recorder struct {
	Shelf *recording.Shelf
	Idle  func() string // what Show says while no recording runs; nil: nothing

	m      *vmm.Machine
	heard  []backdoor.Event
	failed string // what the running recording was marked with
	broken bool   // the disk failed, and that was told
	tail   recording.Tail

	mu    sync.Mutex // for what other goroutines ask about
	cur   *recording.Recording
	title string
	since time.Time
}

// Attach makes m the machine that is recorded.
func (r *Recorder) Attach(m *vmm.Machine) {
	r.m, r.heard, r.tail = m, nil, recording.Tail{}
	m.OnOutput(machine.Control, func(p []byte) {
		e, err := backdoor.ParseEvent(p)
		if err != nil {
			panic("live: event of our own backdoor: " + err.Error())
		}
		r.heard = append(r.heard, e)
	})
}

// Heard is what the backdoor said since it was asked last, to be done at this
// boundary.
func (r *Recorder) Heard() []backdoor.Event {
	r.m.TakeControl()
	heard := r.heard
	r.heard = nil
	return heard
}

// Start begins a recording at this boundary. title is what Show calls it.
func (r *Recorder) Start(title string, o recording.Options) error {
	r.complete(&o)
	cur, err := r.Shelf.Start(r.m, o)
	if err != nil {
		return err
	}
	r.mu.Lock()
	r.cur, r.title, r.since = cur, title, time.Now()
	r.mu.Unlock()
	r.failed, r.broken = "", false
	return nil
}

// StartRing begins to record always.
func (r *Recorder) StartRing(o recording.RingOptions) (*recording.Ring, error) {
	r.complete(&o.Options)
	o.Renew = r.date
	return r.Shelf.StartRing(r.m, o)
}

// complete adds what is the same for all recordings, and date what is not.
func (r *Recorder) complete(o *recording.Options) {
	o.Keys, o.Tail = keys, &r.tail
	o.Meta.Console, o.Meta.Source = machine.ConsoleOut, cli.Revision()
	r.date(&o.Meta)
}

func (r *Recorder) date(m *recording.Meta) {
	m.Created = int64(r.m.Clock().Epoch() + uint64(r.m.Now())/r.m.Clock().Hz())
	m.Facts = facts(r.m)
}

// facts are what the guest told of itself so far; nil: nothing.
func facts(m *vmm.Machine) map[string]string {
	var all map[string]string
	if b, ok := m.Device(machine.Backdoor).(*backdoor.Backdoor); ok {
		for list := b.Facts(); len(list) > 0; list = list[2:] {
			if all == nil {
				all = map[string]string{}
			}
			all[list[0]] = list[1]
		}
	}
	return all
}

// keys is how many keys an input stands for.
func keys(in vmm.Input) uint64 {
	if in.Inlet == machine.ConsoleIn {
		return uint64(len(in.Data))
	}
	return 0
}

// Recording is the one that runs, or nil.
func (r *Recorder) Recording() *recording.Recording { return r.cur }

// Failed is what the recording, or the one before, was marked with.
func (r *Recorder) Failed() string { return r.failed }

// Note puts an attribute, a mark or a failure on the tape; other events, and all
// while nothing is recorded, are left alone.
func (r *Recorder) Note(e backdoor.Event) {
	switch {
	case r.cur == nil:
	case e.Kind == backdoor.Attr:
		r.cur.Attr(e.Key, e.Text)
	case e.Kind == backdoor.Marked, e.Kind == backdoor.Saved:
		r.cur.Mark(e.Text)
	case e.Kind == backdoor.Failed:
		r.failed = e.Text
		r.cur.Fail(e.Text)
	}
}

// Beat is a Session's.
func (r *Recorder) Beat() { r.cur.Beat() }

// Console is told of what the guest prints.
func (r *Recorder) Console(p []byte) {
	r.tail.Write(p)
	if r.cur != nil {
		r.cur.Console(p)
	}
}

// Slice keeps the recording going between two pieces of the run. err is why it
// ends here, truncated, while the guest goes on; it is returned once.
func (r *Recorder) Slice() (st recording.Status, err error) {
	if r.cur == nil {
		return st, nil
	}
	r.cur.Slice()
	if st = r.cur.Status(); st.Err != nil && !r.broken {
		r.broken, err = true, st.Err
	}
	return st, err
}

// Stop ends the recording, and tells how long it ran on the wall clock.
func (r *Recorder) Stop(keep bool, why string) (sum recording.Summary, took time.Duration, err error) {
	took = time.Since(r.since)
	sum, err = r.cur.Stop(keep, why)
	r.mu.Lock()
	r.cur = nil
	r.mu.Unlock()
	return sum, took, err
}

// A Now is what a recorder does at a moment.
type Now struct {
	Running bool
	Title   string
	Name    string // of the recording, on its shelf
	Took    time.Duration
	recording.Status
}

// Now may be asked by any goroutine.
func (r *Recorder) Now() Now {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cur == nil {
		return Now{}
	}
	return Now{true, r.title, r.cur.Name(), time.Since(r.since), r.cur.Status()}
}

// Show keeps the terminal's status row up to date until stop is called.
func (r *Recorder) Show(t *host.Terminal) (stop func()) {
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
			if r.Idle != nil {
				line = r.Idle()
			}
			if n := r.Now(); n.Running {
				line = fmt.Sprintf("● REC %s  %.0f s  %s", n.Title, n.Took.Seconds(), cli.Bytes(n.Bytes))
			}
			t.Status(line)
		}
	}()
	return sync.OnceFunc(func() { close(done) })
}
