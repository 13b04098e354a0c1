// Package cpu is what both engines share of one x86-64 processor: its
// architectural state, paging, segmentation, exceptions and interrupts, control
// registers, model-specific registers and identity. Documents: Intel SDM (order
// no. 325462-081) and AMD APM volumes 2 and 3 (24593, 24594); where the vendors
// differ we follow AMD, whose identity we take.
//
// State is flat and plain and belongs to the Machine. A Core is a State at
// work; engines embed one. Guest faults travel as panics with the Core's own
// Fault and never leave the engine.
//
// # Choices
//
// A page walk sets accessed and dirty bits in all its entries when, and only
// when, the access is allowed; entries outside RAM read as all ones. Every
// translation counts as walked anew: engines may cache, but must drop a cached
// translation when any entry it came through is stored to, so that neither A
// and D bits nor stale entries can be seen. INVLPG, INVPCID and loads of CR3
// therefore have no effect of their own, and a PCID is a number that is checked
// and kept.
//
// Data breakpoints see descriptor tables, task state and frames as they see any
// memory, and trap after the instruction or the delivery; neither vendor's manual
// excepts them.
//
// RF is set in the flags pushed for faults, but for code breakpoints, and for
// interrupts between two iterations of REP; traps and other interrupts push it
// as it is. Reserved low bits of CR0 stay zero, those of CR3, CR4, EFER and MSRs
// raise #GP(0), as does every MSR not listed in msr.go. SYSRET gives SS a whole flat descriptor. Null selectors clear the hidden base.
// SYSENTER and SYSEXIT raise #UD in long mode, and SYSRET outside 64-bit mode
// takes no flags from R11, as AMD documents. LAR gives bits 19:16 of the
// descriptor too, as processors do. INT1 sets EXT in error codes. A return to a
// 16-bit stack leaves bits 31:16 of ESP as they were.
//
// # Onlookers
//
// A Watcher is told of each access that a Core makes of its own accord, of each
// exception, and of each change to RAM, before it happens. A View reads memory
// by linear address without a trace.
//
// # Identity
//
// AuthenticAMD family 0x19 model 0x11, x86-64-v2: SSE to SSE4.2, POPCNT,
// MOVBE, CMPXCHG16B, and FSGSBASE, SMEP, SMAP, UMIP, ADX, AES, PCLMULQDQ, SHA,
// XSAVE to XSAVES for x87 and SSE, RDRAND, RDSEED (a generator seeded by the
// machine's maker, and stirred when it goes live), RDTSCP, RDPID, NX, 1-GByte pages, x2APIC, TSC-deadline,
// invariant TSC, PCID, INVPCID, MMXEXT (which SSE has in it), TOPOEXT. Bits say that the
// processor needs no mitigation:
// SSB_NO, BTC_NO, SRSO_NO, TSA_*_NO and automatic IBRS, so that a guest spends
// no time on any. SPEC_CTRL, PRED_CMD, TSC_ADJUST, MPERF and APERF are not there.
//
// Not claimed, and #UD: VEX; protection keys (RDPKRU and WRPKRU; CR4.PKE is
// reserved), which would make every access ask for one more right; MONITOR and
// MWAIT, since with one processor nothing but a device could wake a waiter, and
// HLT says the same without a line to watch; LOCK MOV CR0 for CR8. The hypervisor leaf is VMware's, with the TSC's frequency, so
// that Linux does not calibrate.
//
// # Left out
//
// Real mode, virtual-8086 mode and task switches, by gates, far transfers or
// IRET, stop the machine with a message (Unbuilt). DebugCtl's branch recording
// and branch stepping do nothing.
package cpu
