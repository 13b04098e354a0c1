package recording

import (
	"crypto/sha256"
	"hash"
	"sync/atomic"

	"vmrecord/vmm"
	"vmrecord/vmm/tape"
)

// RingOptions say how to record always.
type RingOptions struct {
	Options
	MinAge   vmm.Instant // what a save reaches back at least, once so much was recorded
	Epoch    vmm.Instant // how often a snapshot is taken
	Tail     vmm.Instant // how long recording goes on behind a save
	MaxBytes int64       // on disk, of tapes and pages together; 0: no bound. It wins over MinAge
}

// News is what a ring has to tell: that a recording was saved, or that it could
// not be, or that MaxBytes has just cut the ring's reach.
type News struct {
	Saved Summary     // with a name: the recording is durable
	Err   error       // nothing was saved, for this reason
	Reach vmm.Instant // not 0: a save reaches back so far only
}

// A Ring records always and keeps the last while: an epoch after the other, each
// a recording of its own (package comment). Its methods belong to the goroutine
// that runs the machine and are called at boundaries.
type Ring struct {
	s     *Shelf
	m     *vmm.Machine
	o     RingOptions
	cur   *epoch
	heard []*epoch // cur and before it those that are still wanted
	asked *order   // a save whose tail is being recorded
	err   error    // why nothing more is recorded
	jobs  chan job
	news  chan News
}

// An epoch is one recording of a ring.
type epoch struct {
	rec  *Recording
	dir  string
	text hash.Hash // of all console output since it began, that of later epochs included
	size uint64
	gone atomic.Bool
}

// An order is a save under way.
type order struct {
	why   string
	since vmm.Instant // what it reaches back to
	until vmm.Instant // end of its tail
}

// queueJobs is how many epochs may wait for the disk; then one just gets longer.
const queueJobs = 4

// A job hands an epoch that ended to the background.
type job struct {
	e      *epoch
	now    vmm.Instant
	since  vmm.Instant           // epochs that ended before are not needed
	joints map[*epoch]tape.Joint // for a save that begins with an epoch; nil: no save
	why    string
}

// StartRing begins to record always. Meanwhile no recording can be started.
func (s *Shelf) StartRing(m *vmm.Machine, o RingOptions) (*Ring, error) {
	r := &Ring{s: s, m: m, o: o, jobs: make(chan job, queueJobs), news: make(chan News, 64)}
	if r.begin(); r.err != nil {
		return nil, r.err
	}
	w := &ringWriter{s: s, max: o.MaxBytes, news: r.news}
	s.work.Go(func() { w.run(r.jobs) })
	return r, nil
}

// begin begins an epoch at this boundary.
func (r *Ring) begin() {
	rec, err := r.s.begin(r.m, r.o.Options, ringExt)
	if err != nil {
		r.err = err
		return
	}
	r.cur = &epoch{rec: rec, dir: rec.w.dir, text: sha256.New()}
	wanted := r.heard[:0]
	for _, e := range r.heard {
		if !e.gone.Load() {
			wanted = append(wanted, e)
		}
	}
	r.heard = append(wanted, r.cur)
}

// end ends the epoch at this boundary, and what is asked for with it if save.
func (r *Ring) end(save bool) {
	now := r.m.Now()
	j := job{e: r.cur, now: now, since: now - min(now, r.o.MinAge)}
	if r.asked != nil {
		j.since = r.asked.since
	}
	if save {
		j.why, j.joints = r.asked.why, map[*epoch]tape.Joint{}
		for _, e := range r.heard {
			t := tape.Joint{ConsoleBytes: e.size, Why: j.why}
			e.text.Sum(t.Console[:0])
			j.joints[e] = t
		}
		r.asked = nil
	}
	// A failure to write is in the recording's status, for both sides.
	_, _ = r.cur.rec.seal(false, "end of an epoch")
	r.cur = nil
	r.jobs <- j
}

// Save marks this moment, and the failure if it is one, and has what the ring
// holds kept as one recording, which ends when its tail was recorded. A save
// whose tail is being recorded takes further ones in.
func (r *Ring) Save(why string, failure bool) {
	if r.cur == nil {
		return
	}
	if failure {
		r.cur.rec.Fail(why)
	} else {
		r.cur.rec.Mark(why)
	}
	if r.asked == nil {
		now := r.m.Now()
		r.asked = &order{why, now - min(now, r.o.MinAge), now + r.o.Tail}
	}
}

// Mark marks this position.
func (r *Ring) Mark(text string) {
	if r.cur != nil {
		r.cur.rec.Mark(text)
	}
}

// Attr notes a fact.
func (r *Ring) Attr(key, value string) {
	if r.cur != nil {
		r.cur.rec.Attr(key, value)
	}
}

// Console is told of the bytes that the guest writes to its console.
func (r *Ring) Console(p []byte) {
	if r.cur == nil {
		return
	}
	r.cur.rec.Console(p)
	for _, e := range r.heard {
		e.text.Write(p)
		e.size += uint64(len(p))
	}
}

// Beat is called when the machine's Run returned vmm.Beat.
func (r *Ring) Beat() {
	if r.cur != nil {
		r.cur.rec.Beat()
	}
}

// Slice is called between two runs of the machine. It ends an epoch whose time
// is over and whose snapshot was handed to the writer, and returns what there is
// to tell. An error is why the ring stands still; Stop is all that is left then.
func (r *Ring) Slice() (news []News, err error) {
	if r.cur != nil {
		r.cur.rec.Slice()
	}
	for _, e := range r.heard { // one that ended is still being written
		if st := e.rec.Status(); st.Err != nil && r.err == nil {
			r.err = st.Err
		}
	}
	if r.err == nil && r.cur.rec.frozen == nil && len(r.jobs) < queueJobs {
		save := r.asked != nil && r.m.Now() >= r.asked.until
		if save || r.m.Now()-r.cur.rec.start.At >= r.o.Epoch {
			r.end(save)
			r.begin()
		}
	}
	for {
		select {
		case n := <-r.news:
			news = append(news, n)
		default:
			return news, r.err
		}
	}
}

// Stop ends the ring, and what was asked for with it: that is durable when Stop
// returns. The rest is dropped.
func (r *Ring) Stop() (news []News) {
	switch {
	case r.asked == nil && r.cur != nil:
		_, _ = r.cur.rec.Stop(false, "") // dropping never fails
	case r.cur != nil:
		r.end(true)
	case r.asked != nil:
		news = append(news, News{Err: r.err})
	}
	r.cur = nil
	close(r.jobs)
	for n := range r.news {
		news = append(news, n)
	}
	return news
}

// Status tells how far the epoch has come that is being recorded.
func (r *Ring) Status() Status {
	if r.cur == nil {
		return Status{Err: r.err}
	}
	return r.cur.rec.Status()
}
