package recording

import (
	"crypto/sha256"
	"hash"
	"slices"
	"sync/atomic"
	"time"

	"vmrecord/vmm"
	"vmrecord/vmm/mem"
	"vmrecord/vmm/tape"
)

// RingOptions say how to record always.
type RingOptions struct {
	Options
	MinAge   vmm.Instant // what a save reaches back at least, once so much was recorded
	Epoch    vmm.Instant // how often a snapshot is taken, of a guest that works
	After    vmm.Instant // how long recording goes on behind a save
	MaxBytes int64       // on disk, of tapes and pages together; 0: no bound. It wins over MinAge
	Renew    func(*Meta) // brings Meta up to date where an epoch begins and where a save ends
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
	ahead ahead
	heard []*epoch // cur and before it those that are still wanted
	asked *order   // a save whose tail is being recorded
	err   error    // why nothing more is recorded
	w     *ringWriter
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
	account
}

// StartRing begins to record always. Until its Stop no recording can be started.
func (s *Shelf) StartRing(m *vmm.Machine, o RingOptions) (*Ring, error) {
	r := &Ring{s: s, m: m, o: o, jobs: make(chan job, queueJobs), news: make(chan News, 64)}
	if r.begin(); r.err != nil {
		return nil, r.err
	}
	r.w = &ringWriter{s: s, max: o.MaxBytes, news: r.news}
	s.work.Go(func() { r.w.run(r.jobs) })
	return r, nil
}

// meta describes what is recorded as it is at this boundary.
func (r *Ring) meta() Meta {
	m := r.o.Meta
	if r.o.Renew != nil {
		r.o.Renew(&m)
	}
	return m
}

// begin begins an epoch at this boundary.
func (r *Ring) begin() {
	o := r.o.Options
	o.Meta = r.meta()
	rec, err := r.s.begin(r.m, o, ringExt)
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
		j.account, j.joints = account{why: r.asked.why, facts: r.meta().Facts}, map[*epoch]tape.Joint{}
		if r.o.Tail != nil {
			j.last = r.o.Tail.Lines()
		}
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

// Save has what the ring holds kept as one recording, which ends when its tail was
// recorded. A save whose tail is being recorded takes further ones in.
func (r *Ring) Save(why string) {
	if r.cur != nil && r.asked == nil {
		now := r.m.Now()
		r.asked = &order{why, now - min(now, r.o.MinAge), now + r.o.After}
	}
}

// Saving tells whether the tail of a save is being recorded.
func (r *Ring) Saving() bool { return r.asked != nil }

// Due is an instant at which Slice must be called even if the guest sleeps then:
// where a tail ends, or a little later while the disk lags behind; vmm.Never: at none.
func (r *Ring) Due() vmm.Instant {
	if r.asked == nil {
		return vmm.Never
	}
	return max(r.asked.until, r.m.Now()+vmm.Instant(r.m.Clock().Hz()/100))
}

// Fail marks a failure, of which nothing is saved yet.
func (r *Ring) Fail(text string) {
	if r.cur != nil {
		r.cur.rec.Fail(text)
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
// is over and whose snapshot was handed to the writer; pause is how long the guest
// waited for that, 0 if there was none to end. An error is why the ring stands
// still; Stop is all that is left then.
func (r *Ring) Slice() (pause time.Duration, err error) {
	if r.cur != nil {
		r.cur.rec.Slice()
	}
	for _, e := range r.heard { // one that ended is still being written
		if st := e.rec.Status(); st.Err != nil && r.err == nil {
			r.err = st.Err
		}
	}
	if r.err != nil || r.cur.rec.frozen != nil || len(r.jobs) == queueJobs {
		return 0, r.err
	}
	save := r.asked != nil && r.m.Now() >= r.asked.until
	if !save && !r.over() {
		return 0, nil
	}
	if begun := time.Now(); r.ahead.settle(r.m.Mem) {
		r.end(save)
		r.begin()
		pause = time.Since(begun)
	}
	return pause, r.err
}

// over tells whether the epoch's time is over. That of a guest that hardly did
// anything, less than 1 instruction in idleWork instants of Epoch, goes on as long as
// a save reaches back: it will be replayed soon enough, and a snapshot costs at least
// the list of its pages.
func (r *Ring) over() bool {
	age, work := r.m.Now()-r.cur.rec.start.At, r.m.Retired()-r.cur.rec.from
	return age >= r.o.Epoch && (work >= uint64(r.o.Epoch)/idleWork || age >= r.o.MinAge)
}

const idleWork = 32

const (
	aheadPages  = 1024 // hashed while the guest waits: a few milliseconds
	aheadPasses = 3
)

// An ahead hashes memory before an epoch ends, so that the guest need not wait for
// all of it at once: some pages in each Slice, then those that were stored to
// meanwhile, until hardly any are.
type ahead struct {
	page   uint32 // where the pass has come
	hashed int    // in it
	passes int
}

// settle goes on, and tells when the epoch may end.
func (a *ahead) settle(m *mem.RAM) bool {
	next, n := m.Refresh(a.page, aheadPages)
	if a.page, a.hashed = next, a.hashed+n; next != 0 {
		return false
	}
	a.passes++
	if a.hashed > aheadPages && a.passes < aheadPasses {
		a.hashed = 0
		return false
	}
	*a = ahead{}
	return true
}

// Stop ends the ring at this boundary, and with it the tail of a save. The machine
// may be recorded otherwise from here on, while News tells what comes of the save.
func (r *Ring) Stop() {
	switch {
	case r.asked == nil && r.cur != nil:
		_, _ = r.cur.rec.Stop(false, "") // dropping never fails
	case r.cur != nil:
		r.end(true)
	case r.asked != nil:
		r.news <- News{Err: r.err}
	}
	r.cur = nil
	close(r.jobs)
}

// News is what there is to tell since it was asked last; behind Stop, more is false
// when that was the last of it: what was saved is durable, and the rest is dropped.
func (r *Ring) News() (news []News, more bool) {
	for {
		select {
		case n, ok := <-r.news:
			if !ok {
				return news, false
			}
			news = append(news, n)
		default:
			return news, true
		}
	}
}

// Wait is News, behind Stop, when there is no more.
func (r *Ring) Wait() (news []News) {
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

// Held is how far a save would reach back now, and what the ring takes on disk, if
// MaxBytes bounds it.
func (r *Ring) Held() (reach vmm.Instant, bytes int64) {
	i := slices.IndexFunc(r.heard, func(e *epoch) bool { return !e.gone.Load() })
	if r.cur == nil || i < 0 {
		return 0, 0
	}
	return r.m.Now() - r.heard[i].rec.start.At, r.w.held.Load() + r.Status().Bytes
}
