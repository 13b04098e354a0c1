// Package recorder lets a program say when the machine it runs in records
// itself. Inside a recording appliance the machine takes a snapshot at Start and
// from then on notes everything that reaches it; a recording that is kept can be
// replayed, instruction for instruction, on any other computer.
//
// Wrap the feature that fails now and then:
//
//	err := recorder.Guard("transfer-batch", func() error {
//		return postBatch(batch)
//	})
//
// The guest is Linux, in 64 bits or in 32. Anywhere else (bare metal, KVM, Hyper-V,
// VMware, another operating system or processor) each function does nothing and
// returns nil, and Guard only runs its function: a program may ship with the calls
// in place.
//
// # How the appliance is recognised
//
// CPUID.1:ECX bit 31 must be set and leaf 0x40000000 must carry the signature
// "VMwareVMware"; only then is port 0x5658 touched, because elsewhere the access
// faults. GETVERSION must answer, and then the request vmrecord.version, because
// a real VMware has that port and signature too. Should the port fault after
// all, the fault is caught. The outcome is found once and kept.
//
// # Order of port accesses
//
//	Start  vmrecord.prepare, vmrecord.attr for each option, START_LOGGING
//	Stop   vmrecord.keep or vmrecord.drop, STOP_LOGGING
//
// Each request opens a MESSAGE channel of its own and closes it, so goroutines and
// processes may use the package at the same time and never wait for each other.
// There is one recording for the whole machine, however: a second Start is refused
// while it runs. START_LOGGING and STOP_LOGGING are one instruction each. The recording
// begins behind the first and ends with the second, so that none of the package's
// own messages lies at its edges.
//
// # How long a call takes
//
// A function makes one port access for four bytes of text and a few more, and no
// system call; it waits for nobody. The longest request, an attribute of 1088 bytes,
// takes 290 of them: far less than a millisecond of the guest's time. The snapshot
// at Start takes none: the machine stands still meanwhile.
//
// # What Guard cannot see
//
// A program that ends inside the guarded function (os.Exit, a fatal signal, a
// runtime throw) leaves the recording running. `vmagent exec --guarded -- program`
// around the whole program turns that into a kept recording, and [CatchCrashes]
// keeps the one that a panic elsewhere in the program ends, with the panic's text.
//
// The package depends on the standard library and on package wire alone.
package recorder
