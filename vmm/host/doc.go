// Package host is the machine's live surroundings: the door through which keys,
// control and host time enter a running guest, the terminal, and memory for
// RAM. It is the one room under vmm that knows clocks, files and the system.
//
// # Pace
//
// Guest time is Instants at Hz a second. A Door relates it to the wall clock:
//
//	real     A guest that lags is moved forward by an input board/leap, at most
//	         2 ms at a time and one for each turn, so that no tick of the guest's
//	         own is lost. One that slept and was woken up to 10 ms late does not
//	         leap for that: its next sleep is shorter. A guest that runs ahead is
//	         never held back: the two clocks are tied together anew there. HLT
//	         waits for the wall clock or an input, whichever is first.
//	free     HLT jumps to the next timer. Nothing waits, nothing leaps; inputs
//	         from the host enter when they come.
//	virtual  As free, without inputs from the host: only what stands in the
//	         script, at fixed Instants. Such a run repeats itself.
//
// A turn is the stretch between two questions to the door: about 1 ms of host
// work, as measured on the way. Its length shows on a tape only through when
// inputs and leaps happen to be delivered, which the tape notes.
//
// # Sources
//
// Send puts one input in the queue. A Stream carries bytes to an inlet that
// announces how much it can take (a UART's rx) and never sends more. Scripts
// put keys into a stream at wall times or at Instants. All may be used while
// the machine runs, from any goroutine; the machine's own calls only take.
package host
