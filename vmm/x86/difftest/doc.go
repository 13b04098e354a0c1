// Command difftest compares the reference engine with the computer's own
// processor for as long as it is told to:
//
//	go run ./vmm/x86/difftest -for 1h -seed 7
//
// It prints how many cases each form had in each size and mode, which
// exceptions were met and which not, the differences that have an explanation
// with their manual's section, and those that have none, and fails with exit
// code 1 if there are any of the latter. -resume names a file in which it notes
// how far it is, so that a run can be ended and taken up again; package silicon
// tells what a case is and what is compared.
package main
