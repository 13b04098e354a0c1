// Command lockboot runs a whole machine on the reference engine and on the
// translating engine in lockstep, finds the first instant at which they differ,
// and what made them differ:
//
//	go run ./cmd/internal/lockboot -kernel bare -max 200000000
//	go run ./cmd/internal/lockboot -kernel debian -initrd initramfs.cpio -append "console=ttyS0" -max 3000000000
//
// Package vmm/jit/locktest/lockstep does the same with programs made at random;
// this is for what only a real guest does. Exit status: 0 equal, 1 different,
// 2 it could not be found out.
//
// # How
//
// Both machines run to the same instants, -step apart. There the processor's
// State and the position must be equal, and at each of the -whole-th of these
// also every device, all of RAM and the console. Nothing comes in from outside;
// asleep, the guest's time jumps.
//
// Once they differ, the place is narrowed by halves (narrow.go). A run on the
// translating engine always starts at power-on and stops at the same instants,
// since what it has translated belongs to what went wrong; the reference starts
// at the last place where all was equal. So close to a deadline the translating
// engine leaves all to the reference: a wrong block shows some 130 instants
// after it was entered.
//
// Therefore the instants around that place run once more (trace.go), with a look
// at the state each time translated code is left; blocks are not linked, so that
// is after every block, and if the failure remains with blocks of one
// instruction, after every instruction. The first state that is not the
// reference's names block and field.
//
// With -stops both machines have the same stops (vmm.Stop), others from look to
// look: instructions that ran, loads and stores around the stack, all ports,
// registers, interrupts or exceptions, in any address space or in one. Both must
// be struck at the same positions by the same, in a whole boot (stops.go).
//
// -bisect finds the block by another way, which also does for a failure that
// shows far from its cause: only blocks whose hash lies in a range are
// translated, and the range is halved until one block is left (bisect.go).
package main
