// Command harm kills our programs at any moment, and lets their system calls fail,
// and looks whether anything is lost that was acknowledged, or is there by halves,
// and whether a later run goes on:
//
//	go run ./cmd/internal/harm                      # 200 kills, a few minutes
//	go run ./cmd/internal/harm -kills 50 -seed 7    # others
//	go run ./cmd/internal/harm -calls               # every call fails: half an hour
//	go run ./cmd/internal/harm -calls -stage inbox  # those of one stage
//
// It builds vmappliance and vmbundle from this checkout and runs them as a user
// would, with guests of our own (package bare); it needs Linux 5.19. It prints a
// table. Exit status: 0 if all is as it should be, 1 if not (what was found stays in
// a folder that is named), 2 if that could not be found out.
//
// # Stages
//
//	           what runs                          what it acknowledges
//	recorder   vmappliance run, recording         frames reported durable; a recording that is "kept"
//	ring       vmappliance run, recording always  "RING saved", and "saved problem", told of each
//	packer     vmbundle pack over a bundle        the bundle that was there, until the name is the new one's
//	spooler    vmappliance run, packing, queueing "kept", and then "saved problem", told of each
//	sender     vmappliance outbox retry           the queued bundle, of which the inbox has begun to take parts
//	inbox      vmbundle inbox serve               the parts in its receipts
//
// What is acknowledged must be there after the program's end: recordings replay to
// the last durable frame or farther, bundles are the same to the byte and replay, a
// part is not asked for again. Then a later run, undisturbed, does what was left:
// makes another recording, packs, queues what was kept, sends the rest, takes it; of
// a bundle that was sent one copy has arrived, identical. The columns LOST, HALF and
// STUCK count what is not so; FAILED is trouble that is none of these, such as a
// program that does not say what is wrong.
//
// # Kills
//
// A kill is SIGKILL, at a random time after the program has acknowledged something;
// every sixth at a random time after its start. Programs that came to their end
// before do not count. ACKNOWLEDGED is in how many something was at stake. A kill
// leaves what was written in the host's cache: that it is durable, too, is what the
// syncs are for, of which each fails below.
//
// # Failing calls
//
// With -calls the N-th call fails, for all N, that creates, writes, syncs, cuts,
// links or renames a file in the program's folder: once with EIO, and with ENOSPC
// that stays. A filter (seccomp(2), SECCOMP_RET_USER_NOTIF) asks us for leave for
// each such call; strace -e inject would count per thread, of which Go's runtime has
// several, and could not tell a file from the runtime's own event descriptor, a
// failing write to which ends the program. TOLD are those where the program says what
// the system said and what to do about it; DONE ALL THE SAME are those where it did
// everything, and the failure was of no consequence.
package main
