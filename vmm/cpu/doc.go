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
// and D bits nor stale entries can be seen. INVLPG and loads of CR3 therefore
// have no effect of their own.
//
// RF is set in the flags pushed for faults, not for traps and interrupts.
// SYSRET gives SS a whole flat descriptor. Null selectors clear the hidden base.
//
// # Identity
//
// AuthenticAMD family 0x19 model 0x11, x86-64-v2: SSE to SSE4.2, POPCNT,
// MOVBE, CMPXCHG16B, and FSGSBASE, SMEP, UMIP, ADX, RDRAND, RDSEED (a generator
// seeded by the machine's maker), RDTSCP, RDPID, NX, 1-GByte pages, x2APIC,
// TSC-deadline, invariant TSC. Bits say that the processor needs no mitigation:
// SSB_NO, BTC_NO, SRSO_NO, TSA_*_NO and automatic IBRS, so that a guest spends
// no time on any. Not claimed, and #UD: VEX, XSAVE, AES, PCLMULQDQ, SHA, SMAP,
// PCID, MONITOR. The hypervisor leaf is VMware's, with the TSC's frequency, so
// that Linux does not calibrate.
//
// # Left out
//
// Real mode, virtual-8086 mode, interrupts and exceptions outside long mode,
// call gates and task switches stop the machine with a message (Unbuilt). Debug
// registers are kept but raise nothing.
package cpu
