// Package backdoor models the VMware backdoor: ports 5658h and 5659h, through
// which a guest asks its machine for the time, exchanges messages with it, and
// starts and stops its recording. Numbers, register layouts and our own requests
// are described in package wire; here is what stands behind them.
//
// Sources: the open-vm-tools headers named there, Linux arch/x86/kernel/cpu/vmware.c
// (GETHZ, GET_VCPU_INFO) and kvm-unit-tests x86/vmware_backdoors.c. Not modelled:
// the absolute pointer (commands 39 to 41 and 86 answer as unknown ones), the
// host's clipboard and file commands, and TCLO beyond its first "reset".
//
// # Determinism
//
// Each answer is a function of this device's state, of the configuration, which
// is part of the state, and of the Instant. Time is the real-time clock's epoch
// plus guest time. What the host wants (a recording begun by its user, a recording
// ended by a full disk, going live) arrives at the inlet and becomes state.
//
// # Outlet and inlet
//
// Outlet "control" carries one [Event] a frame, in the order things happen, and
// after it the host is asked for work at the boundary behind the instruction.
// There the host takes the snapshot of a start, or ends the tape of a stop:
//
//	start UID NAME     a recording begins; its attributes follow as attr events
//	attr KEY VALUE
//	mark TEXT
//	fail REASON        it will be kept
//	stop keep|drop
//
// A guest's text reaches an event only clean and within its bounds. Outlet "log"
// carries one line of text for each "log" request.
//
// Inlet "control" takes one frame each of:
//
//	vmrecord.VERB ...  a request as package wire has it, made by the host: always
//	                   allowed, and without an answer; what it changes is an event
//	ended              the running recording has ended by the host's doing
//	live               the machine goes on live from a state that was saved: as
//	                   ended, and each open channel says StatusCheckpoint once
//	uuid, 16 bytes     the machine's id from now on
//	policy 0, policy 1 the guest loses or gets control of recording
//
// Anything else is ignored.
package backdoor
