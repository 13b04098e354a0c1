package vmm

import (
	"slices"

	"vmrecord/vmm/snap"
)

// StopOn is what a Stop waits for.
type StopOn uint8

const (
	StopExec      StopOn = iota // RIP at a boundary; not between two iterations of REP
	StopRead                    // an access to memory; one that reads and writes is met as both
	StopWrite                   //
	StopPortIn                  // IN and INS
	StopPortOut                 // OUT and OUTS
	StopMSR                     // RDMSR and WRMSR
	StopVector                  // delivery of an interrupt, NMI (2), or INT n
	StopException               // delivery of an exception, INT3, INTO and INT1 among them
)

// A Stop has Machine.Run return Struck before a step does what it names. Stops
// belong to whoever looks on: they are not saved, they change no count and
// nothing that the guest can see.
//
// An instruction that would be met more than once is met at the first of its
// accesses; one that is met and would fault after that, or at a port or MSR for
// any reason but privilege, is met all the same. A fault that an access raises
// itself comes before its stop. With RF set, a REP instruction counts as going
// on from an iteration before.
//
// What a step does after it accessed a device's memory is not met, since that
// cannot be taken back: a store by MOVS of what it read there, a fault after it.
//
// Memory is met where instructions and deliveries access it: descriptor tables,
// task state and frames too, not fetches, page walks, or devices.
type Stop struct {
	On          StopOn
	First, Last uint64 // inclusive: linear addresses, ports, MSRs, vectors
	CR3         uint64 // whose table address counts
	Any         bool   // in every address space, not only in CR3's
}

// A Hit is what struck.
type Hit struct {
	Stop  int    // its index in the list
	Addr  uint64 // linear address, port, MSR or vector
	Size  uint8  // bytes of the access, at most 255
	Write bool   // also of WRMSR
}

// stops is what a Board knows of them.
type stops struct {
	list   []Stop
	gen    uint32
	hit    Hit
	struck bool
}

// SetStops replaces the list of stops; it copies the argument. With another
// list, engines forget all cached translations of addresses, and where stops of
// StopExec change all code too, to make it again as it is run.
func (b *Board) SetStops(list []Stop) {
	b.stops.list = slices.Clone(list)
	b.stops.gen++
}

// Stops is the list, and a number that changes with it; engines look at it.
func (b *Board) Stops() (list []Stop, gen uint32) { return b.stops.list, b.stops.gen }

// Strike is the engine's: h is what it is about to return Struck for.
func (b *Board) Strike(h Hit) { b.stops.hit, b.stops.struck = h, true }

// Hit is what the last Run returned Struck for; false if it did not.
func (b *Board) Hit() (Hit, bool) { return b.stops.hit, b.stops.struck }

// Keep returns what puts wires and interrupt controllers back as they are now,
// for a delivery that may be struck after its vector was acknowledged.
func (b *Board) Keep() (undo func()) {
	parts := []named{{"board", &b.w}}
	for _, r := range b.reqs {
		if r.dev != nil {
			parts = append(parts, named{"", r.dev.State()})
		}
	}
	saved := make([][]byte, len(parts))
	for i, p := range parts {
		saved[i] = snap.Append(nil, p.st)
	}
	return func() {
		for i, p := range parts {
			if err := snap.Decode(saved[i], p.st); err != nil {
				panic("vmm: a state does not read what it wrote: " + err.Error())
			}
		}
		for _, r := range b.reqs {
			if d, ok := r.dev.(Restorer); ok {
				d.Restored()
			}
		}
		b.rearmed()
	}
}
