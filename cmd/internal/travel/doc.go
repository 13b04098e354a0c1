// Command travel goes back and forth in a recording, to check that and to time
// it:
//
//	go run ./cmd/internal/travel FILE                 # 100 000 operations at random
//	go run ./cmd/internal/travel -ops 1000 -seed 7 FILE
//	go run ./cmd/internal/travel -times FILE          # how long going somewhere takes
//
// FILE is a bundle. Exit status: 0 all was equal, 1 not, 2 that could not be found
// out.
//
// # Operations
//
// Each is drawn at random: going anywhere, some instants or instructions on or
// back, to the next or the last match of a search. What is searched for is an
// instruction that ran before, stores and loads close to the stack, ports, model
// specific registers, interrupts, exceptions, inputs, marks and letters on the
// console. From right behind what a search forwards found, the same search
// backwards must find it again.
//
// After each, everything there is to see is noted: position, instructions, the
// hashes of all devices and of memory, the console. At the end another machine,
// on the reference engine, replays the recording straight through, and must show
// the same at all these positions.
//
// # Times
//
// Times are measured beside those of running straight on, in seconds of the wall
// and of the processor:
//
//   - straight: the whole recording, by the tape's player alone;
//   - first: the whole recording by a timeline, which leaves checkpoints;
//   - seek: to 50 positions drawn at random, then;
//   - stepback: one instruction back, 20 times at each of 20 positions;
//   - back: 10^9 instructions backwards for a breakpoint that is not met, beside
//     the same instructions forwards without one;
//   - armed: 10^9 instructions forwards with a breakpoint, or a watchpoint, that is
//     not met, beside the same without. Which goes first changes each time.
package main
