package recording

import (
	"fmt"
	"os"
	"sync/atomic"

	"vmrecord/bundle/store"
	"vmrecord/vmm"
	"vmrecord/vmm/tape"
)

// A ringWriter is the background half of a ring: it has the epochs that ended.
type ringWriter struct {
	s    *Shelf
	max  int64
	old  []*epoch // without a gap, the oldest first
	err  error    // of the last of them: it is cut off, and none follows
	cut  bool     // by max, and that was told
	lost bool     // the disk failed a save: what there is stays, to be recovered
	news chan<- News
	held atomic.Int64 // bytes on disk of the epochs that ended
}

// run is the goroutine.
func (w *ringWriter) run(jobs <-chan job) {
	defer close(w.news)
	for j := range jobs {
		<-j.e.rec.w.done
		w.take(j.e)
		if w.lost {
			continue
		}
		w.age(j.since)
		if j.joints != nil {
			w.save(j)
		}
		if !w.lost {
			w.bound(j)
			w.sweep()
		}
	}
	if !w.lost {
		w.drop(len(w.old))
	}
}

// take adds an epoch that is on disk, unless one before is cut off.
func (w *ringWriter) take(e *epoch) {
	if w.err != nil {
		w.s.note(remove(e.dir))
		return
	}
	w.err = e.rec.Status().Err
	if _, err := os.Stat(e.dir); err == nil { // else too little of it was durable
		w.old = append(w.old, e)
	}
}

// age drops the epochs that ended before since.
func (w *ringWriter) age(since vmm.Instant) {
	n := 0
	for n+1 < len(w.old) && w.old[n+1].rec.start.At <= since {
		n++
	}
	if n > 0 {
		w.cut = false
	}
	w.drop(n)
}

func (w *ringWriter) drop(n int) {
	var dirs []string
	for _, e := range w.old[:n] {
		e.gone.Store(true)
		dirs = append(dirs, e.dir)
	}
	w.s.note(w.s.dropEpochs(dirs))
	w.old = w.old[n:]
}

// save makes a recording of all epochs.
func (w *ringWriter) save(j job) {
	if len(w.old) == 0 {
		w.news <- News{Err: w.err}
		return
	}
	t := new(tape.Joint)
	if *t = j.joints[w.old[0]]; w.err != nil {
		t = nil // the end is missing
	}
	var dirs []string
	for _, e := range w.old {
		dirs = append(dirs, e.dir)
	}
	if err := w.s.admit(); err != nil {
		w.news <- News{Err: fmt.Errorf("save recording: %w", err)}
		return
	}
	a := j.account
	if a.first = w.old[0].rec.first.Lines(); w.err != nil {
		a.cause = w.err.Error()
	}
	sum, err := w.s.join(dirs, t, a)
	w.lost = err != nil
	w.news <- News{Saved: sum, Err: err}
}

// bound drops the oldest epochs until the others fit; one always stays.
func (w *ringWriter) bound(j job) {
	if w.max == 0 || len(w.old) == 0 {
		return
	}
	first := len(w.old) - 1
	seen := map[store.Hash]bool{store.Zero(): true}
	all := w.weigh(first, seen)
	for ; first > 0; first-- {
		more := w.weigh(first-1, seen)
		if all+more > w.max {
			break
		}
		all += more
	}
	w.held.Store(all)
	if first > 0 && !w.cut {
		w.cut = true
		w.news <- News{Reach: j.now - w.old[first].rec.start.At}
	}
	w.drop(first)
}

// weigh is what epoch i takes on disk beside what was seen of later ones.
func (w *ringWriter) weigh(i int, seen map[store.Hash]bool) int64 {
	n := measure(w.old[i].dir)
	var later []store.Hash
	if i+1 < len(w.old) {
		later = w.old[i+1].rec.w.hashes
	}
	for p, h := range w.old[i].rec.w.hashes {
		if later != nil && later[p] == h || seen[h] { // most pages did not change
			continue
		}
		seen[h] = true
		n += w.s.pages.Cost(h)
	}
	return n
}

// sweep gives back what dropped epochs had for themselves, when it pays.
func (w *ringWriter) sweep() {
	w.s.mu.Lock()
	defer w.s.mu.Unlock()
	if w.max > 0 && w.s.pages.Bytes() > w.s.swept+w.max/4 {
		w.s.sweep()
	}
}
