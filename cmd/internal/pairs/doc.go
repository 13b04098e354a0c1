// Command pairs measures what recording costs: one guest runs with and without
// it in turn, and each pair of runs gives a ratio of processor seconds.
//
//	go run ./cmd/internal/pairs -n 15 -rounds 5
//
// With -ring 10 the machine records as a ring, with epochs of so many guest seconds.
//
// It builds vmappliance from this checkout and drives it as a user would. It
// needs Debian's kernel in the cache (vmappliance build --kernel debian).
//
// The guest boots, computes hashes, makes system calls, speaks to itself through
// a pipe, executes programs, touches new memory, and powers off. With a seed
// and virtual pace every run is the same: a pair whose runs do not retire the
// same number of instructions is an error. Recorded is all of it, from power-on;
// the first of a pair is with recording in every second pair. One more pair goes
// before the others and does not count.
//
// A run's processor seconds are those of all its threads and children, from start
// to end: booting, the snapshot at the start, the last hash of memory and the
// tape's way to the disk are in them. What a recording costs once weighs less the
// more rounds there are.
//
// The report has the median of the ratios with its 95 % interval, from 10 000
// samples of the pairs drawn with replacement (B. Efron, Bootstrap Methods:
// Another Look at the Jackknife, 1979), and the exits from translated code for a
// million instructions, with recording and without.
package main
