package replay

import "vmrecord/vmm/timeline"

// Timeline hands machine and tape over to a timeline; the replay itself is of no
// use any more. done is called when the timeline is done with them: a bundle,
// like all in it, belongs to one goroutine at a time, so each of a timeline's
// machines comes from a bundle opened for it. What the guest writes to its
// console is not compared with the recording.
func (r *Replay) Timeline(done func() error) *timeline.Run {
	return &timeline.Run{Machine: r.m, Player: r.p, Console: r.b.Manifest().Machine.Console, Close: done}
}
