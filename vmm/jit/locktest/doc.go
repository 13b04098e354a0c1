// Command locktest compares the translating engine with the reference engine on
// programs made at random, for as long as it is told to:
//
//	go run ./vmm/jit/locktest -for 1h -seed 7
//
// It prints how many cases it ran and how many there were of each instruction
// form at least, and every difference; it fails with exit code 1 if there is
// one. -resume names a file in which it notes how far it is, so that a run can
// be ended and taken up again. -case runs one case, -bisect shortens the program
// of a case that fails and names the block whose translation it takes.
// -host-features has the translator do without some of what the host has, as
// jit.ParseWithout reads it; -poison has it spoil flags that nothing shall look
// at. Package lockstep tells what a case is.
package main
