package recording

import (
	"time"

	"vmrecord/vmm"
)

// An Ahead hashes memory while nothing is recorded, so that where a recording
// starts the guest waits for what it wrote in the last second or so, and not for
// all that it wrote since it was switched on. The zero value is ready.
type Ahead struct {
	page uint32    // where the pass over memory has come; 0: there is none
	rest time.Time // the guest is left alone until then
}

// Of a guest that works this takes two parts in a hundred at most, and much less
// once the first pass is over.
const (
	aheadSlice = time.Millisecond
	aheadEvery = 50 * aheadSlice
	aheadRest  = time.Second // between two passes

	aheadBatch = 64 // pages hashed between two looks at the clock
)

// Slice is called between two runs of a machine that is not recorded, some hundred
// times a second. A guest that sleeps waits for nothing: there a pass goes on at once.
func (a *Ahead) Slice(m *vmm.Machine) {
	begun := time.Now()
	if begun.Before(a.rest) && (a.page == 0 || !m.CPU.Halted) {
		return
	}
	a.rest = begun.Add(aheadEvery)
	for {
		if a.page, _ = m.Mem.Refresh(a.page, aheadBatch); a.page == 0 {
			a.rest = begun.Add(aheadRest)
			return
		}
		if time.Since(begun) >= aheadSlice {
			return
		}
	}
}
