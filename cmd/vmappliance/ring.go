package main

import (
	"errors"
	"fmt"
	"time"

	"vmrecord/backdoor"
	"vmrecord/bundle/recording"
	"vmrecord/cmd/internal/cli"
	"vmrecord/configs"
	"vmrecord/vmm"
)

// A ring records while nothing else is recorded: where a recording starts it gives
// way, and where that has stopped it begins anew.
type ring struct {
	configs.Ring
	run     *recording.Ring   // nil: at rest
	leaving []*recording.Ring // that gave way; there may be news of them
	saves   uint32            // that they did

	// For other goroutines, behind the recorder's mu.
	own   map[string]bool // reasons that the host's user gave to save it
	on    bool            // as On
	reach float64         // seconds back, of a save
	bytes int64           // on disk
}

// ringTold says at the start of a run that the ring records.
func ringTold(c configs.Ring) string {
	return fmt.Sprintf("● RING the last %d s are always recorded; to keep them: vmappliance record save, or Ctrl-] k", c.MinAge)
}

// ringShown is what the status row says of it.
func (r *recorder) ringShown() string {
	s := r.state()
	if s.State != configs.RingName {
		return ""
	}
	return fmt.Sprintf("● RING  %.0f s  %s", s.Seconds, cli.Bytes(s.Bytes))
}

// ringSync is how often the tape of a ring is made durable. Of an idle guest that is
// some bytes, of which the disk writes whole blocks, hour after hour.
const ringSync = 3 * time.Second

func (r *recorder) startRing() {
	c, hz := r.ring.Ring, r.m.Clock().Hz()
	seconds := func(n uint32) vmm.Instant { return vmm.Instant(uint64(n) * hz) }
	o := recording.RingOptions{Options: r.options, MinAge: seconds(c.MinAge), Epoch: seconds(c.Epoch),
		After: seconds(c.Tail), MaxBytes: int64(c.MaxBytes)}
	o.Meta.Feature, o.Every = configs.RingName, ringSync
	run, err := r.StartRing(o)
	if err != nil {
		r.ringFailed(err)
		return
	}
	r.ring.run = run
}

// restRing ends the ring, and the tail of a save that is under way.
func (r *recorder) restRing() {
	if run := r.ring.run; run != nil {
		run.Stop()
		r.ring.run, r.ring.leaving = nil, append(r.ring.leaving, run)
	}
}

// endRing ends it for good, and waits for what comes of it.
func (r *recorder) endRing() {
	r.restRing()
	for _, run := range r.ring.leaving {
		r.ringNews(run.Wait())
	}
	r.ring.leaving = nil
	r.publishRing()
}

// ringFailed says that nothing is recorded any more, and leaves it at that.
func (r *recorder) ringFailed(err error) {
	r.restRing()
	r.turnRing(false)
	r.say("the ring ends here: %v; the guest goes on; %s in %s", err, cli.Remedy(err), r.dir)
	r.events.tell(event{Event: "ring-ended", Text: err.Error()})
}

// ringSlice keeps the ring going between two pieces of the run.
func (r *recorder) ringSlice() {
	g := &r.ring
	if g.On && g.run == nil && r.Recording() == nil {
		r.startRing()
	}
	if g.run != nil {
		pause, err := g.run.Slice()
		if pause > 0 {
			_, bytes := g.run.Held()
			r.events.tell(event{Event: "epoch", Seconds: pause.Seconds(), Bytes: bytes})
		}
		news, _ := g.run.News()
		if r.ringNews(news); err != nil && g.run != nil {
			r.ringFailed(err)
		}
	}
	leaving := g.leaving
	g.leaving = nil
	for _, run := range leaving {
		news, more := run.News()
		if r.ringNews(news); more {
			g.leaving = append(g.leaving, run)
		}
	}
	r.publishRing()
}

// publishRing tells other goroutines how it stands.
func (r *recorder) publishRing() {
	g := &r.ring
	var reach vmm.Instant
	var bytes int64
	if g.run != nil {
		reach, bytes = g.run.Held()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	g.reach, g.bytes = r.seconds(reach), bytes
}

// turnRing lets the ring run where nothing else does, or not.
func (r *recorder) turnRing(on bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ring.On, r.ring.on = on, on
}

// seconds is how long so many instants are for the guest.
func (r *recorder) seconds(n vmm.Instant) float64 { return float64(n) / float64(r.m.Clock().Hz()) }

// heardOutside does what the backdoor said, or a trigger found, outside of a
// recording.
func (r *recorder) heardOutside(e backdoor.Event) {
	run := r.ring.run
	if run == nil {
		return
	}
	switch e.Kind {
	case backdoor.Attr:
		run.Attr(e.Key, e.Text)
	case backdoor.Marked:
		run.Mark(e.Text)
		r.events.tell(event{Event: "mark", Text: e.Text})
	case backdoor.Saved:
		run.Mark(e.Text)
		r.save(e.Text)
	case backdoor.Failed:
		run.Fail(e.Text)
		r.events.tell(event{Event: "fail", Text: e.Text})
		r.save(e.Text)
	}
}

// save has the ring saved with its tail, unless this is in the tail of another save
// or comes too often.
func (r *recorder) save(why string) {
	if r.ring.run.Saving() {
		return
	}
	if over := r.tooOften(why); over != "" {
		r.events.tell(event{Event: "skip", Name: configs.RingName, Text: over})
		return
	}
	r.ring.run.Save(why)
	r.events.tell(event{Event: "save", Text: why})
	if !r.shown {
		r.say("● RING %s: it is being saved, with %d s of what follows", why, r.ring.Tail)
	}
}

// tooOften tells why the ring is not to be saved now; empty: it is, and that counts.
// The user here is above limits and policies.
func (r *recorder) tooOften(why string) string {
	if r.asked(r.ring.own, why) {
		return ""
	}
	if r.ring.saves >= r.most {
		return fmt.Sprintf("record.limits.recordings is %d", r.most)
	}
	if over := r.policies.start(configs.RingName); over != "" {
		return over
	}
	over, err := r.policies.keep(configs.RingName, why)
	if err != nil {
		r.say("how often recordings were kept: %v", err)
	}
	if over == "" {
		r.ring.saves++
	}
	return over
}

// ringNews tells what came of the ring. Where the disk failed a save the ring ends,
// so that nothing of what was to be saved is dropped: it is recovered later.
func (r *recorder) ringNews(news []recording.News) {
	for _, n := range news {
		switch {
		case n.Err != nil:
			r.say("not saved: %v%s", n.Err, cli.Hint(n.Err))
			r.events.tell(event{Event: "lost", Name: configs.RingName, Text: n.Err.Error()})
			if limit := (*recording.LimitError)(nil); r.ring.run != nil && !errors.As(n.Err, &limit) {
				r.ringFailed(n.Err)
			}
		case n.Reach > 0:
			r.say("the ring reaches back %.0f s, not %d: record.ring.max_bytes is %v", r.seconds(n.Reach), r.ring.MinAge, r.ring.MaxBytes)
		default:
			r.saved(n.Saved)
		}
	}
}

func (r *recorder) saved(s recording.Summary) {
	k := &kept{Feature: configs.RingName, Failure: s.Failure, Summary: s}
	if r.owe != nil {
		r.owe(k)
	}
	took := r.seconds(s.End.At - s.Start.At)
	r.say("● RING saved as %s: %.1f s, %s%s", r.Shelf.Dir(s.Name), took, cli.Bytes(s.Bytes), truncation(s))
	r.events.tell(event{Event: "saved", Name: s.Name, Text: s.Why, Kept: true, Seconds: took, Bytes: s.Bytes})
	r.keep(k)
}

// beat is a Session's.
func (r *recorder) beat() {
	if r.ring.run != nil {
		r.ring.run.Beat()
		return
	}
	r.Beat()
}
