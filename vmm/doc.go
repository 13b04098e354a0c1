// Package vmm holds the contracts of the machine: Device, Slot, Board, Door,
// Engine, Machine. The machine is a pure function of a snapshot and a tape:
// what is inside knows nothing of the host, and what is outside reaches in
// through one Door only.
//
// A boundary is what lies between two instructions. There, in this order:
// timers that are due fire, by deadline and claim order; inputs are delivered,
// in tape order, each followed by timers; the host does its work (heartbeats,
// snapshots, stops); the processor samples its pins. An Instant is one step: a
// retired instruction, a delivery of a fault or interrupt, an iteration of REP.
// Only a halted processor, or the input board/leap, lets time pass without
// steps.
//
// Board state (wires, timers, windows) and each device's state are plain
// values; package snap turns them into bytes. Bulk memory is package mem.
//
// Whoever looks on may set stops (Stop): Machine.Run then returns Struck at the
// boundary before the step that does what one names, and Board.Pass lets it go
// on. They belong to no state: a machine with stops is at every instant what it
// is without.
//
// Model numbers what a guest can tell: raise it with any change of timing,
// devices, CPUID or undefined-flag choices, and say so here.
//
//	1  the first model
package vmm
