package cpu

import (
	"encoding/binary"

	"vmrecord/vmm/x86"
)

// The processor's identity: an AMD of family 0x19, whose undefined flags and
// vendor rules we follow (AMD APM vol. 3, appendix E). doc.go lists what is
// claimed.
const (
	signature  = 0x00a10f11 // family 0x19, model 0x11, stepping 1
	patchLevel = 0x0a101148
)

// Feature bits, CPUID 1 EDX and ECX.
const (
	f1EDX = 1<<0 | 1<<2 | 1<<3 | 1<<4 | 1<<5 | 1<<6 | 1<<7 | 1<<8 | 1<<9 | // FPU DE PSE TSC MSR PAE MCE CX8 APIC
		1<<11 | 1<<12 | 1<<13 | 1<<14 | 1<<15 | 1<<16 | 1<<17 | // SEP MTRR PGE MCA CMOV PAT PSE36
		1<<19 | 1<<23 | 1<<24 | 1<<25 | 1<<26 // CLFSH MMX FXSR SSE SSE2
	f1ECX = 1<<0 | 1<<1 | 1<<9 | 1<<13 | 1<<17 | 1<<19 | 1<<20 | 1<<21 | 1<<22 | 1<<23 | 1<<24 | 1<<25 | 1<<26 | 1<<30 | 1<<31 // SSE3 PCLMULQDQ SSSE3 CX16 PCID SSE41 SSE42 X2APIC MOVBE POPCNT TSCDEADLINE AES XSAVE RDRAND HYPERVISOR

	f7EBX = 1<<0 | 1<<7 | 1<<9 | 1<<10 | 1<<18 | 1<<19 | 1<<20 | 1<<23 | 1<<24 | 1<<29 // FSGSBASE SMEP ERMS INVPCID RDSEED ADX SMAP CLFLUSHOPT CLWB SHA
	f7ECX = 1<<2 | 1<<22                                                               // UMIP RDPID

	fxEDX = f1EDX&^(1<<11|1<<19|1<<25|1<<26) | 1<<11 | 1<<20 | 1<<22 | 1<<25 | 1<<26 | 1<<27 | 1<<29 // SYSCALL NX MMXEXT FFXSR PDPE1GB RDTSCP LM
	fxECX = 1<<0 | 1<<8 | 1<<22                                                                      // LAHF 3DNOWPREFETCH TOPOEXT
)

// CPUID executes the instruction's function: leaf EAX, subleaf ECX.
func (c *Core) CPUID(leaf, sub uint32) (a, b, cx, d uint32) {
	switch leaf {
	case 0:
		b, d, cx = vendor("AuthenticAMD")
		return 0xd, b, cx, d
	case 1:
		ecx := uint32(f1ECX)
		if c.CR4&CR4OSXSAVE != 0 {
			ecx |= 1 << 27
		}
		return signature, 1<<16 | 8<<8, ecx, f1EDX
	case 6:
		return 1 << 2, 0, 0, 0 // ARAT: the APIC timer runs in all states
	case 7:
		if sub == 0 {
			return 0, f7EBX, f7ECX, 0
		}
	case 0xd:
		return xsaveLeaf(sub)
	case 0x40000000:
		b, cx, d = vendorHV("VMwareVMware")
		return 0x40000010, b, cx, d
	case 0x40000010:
		return uint32(c.Bus.Hz() / 1000), BusHz / 1000, 0, 0
	case 0x80000000:
		b, d, cx = vendor("AuthenticAMD")
		return 0x80000021, b, cx, d
	case 0x80000001:
		return signature, 0, fxECX, fxEDX
	case 0x80000002, 0x80000003, 0x80000004:
		return brand(leaf - 0x80000002)
	case 0x80000005: // L1: 32 KiB, 8-way, 64-byte lines; TLBs
		return 0xff40ff40, 0xff40ff40, 0x20080140, 0x20080140
	case 0x80000006: // L2: 1 MiB, 8-way
		return 0x5c002200, 0x6c004200, 0x04006140, 0
	case 0x80000007:
		return 0, 0, 0, 1 << 8 // invariant TSC
	case 0x80000008:
		return 48<<8 | PhysBits, 1<<2 | 1<<26 | 1<<29, 0, 0 // XSAVEERPTR, SSB_NO, BTC_NO
	case 0x8000001d:
		return cache(sub)
	case 0x8000001e:
		return 0, 0, 0, 0 // APIC 0, one thread of core 0 of node 0
	case 0x80000021:
		// LFENCE serialises, null selectors clear the base, automatic IBRS,
		// SRSO_NO; TSA_SQ_NO, TSA_L1_NO: nothing for a guest to mitigate.
		return 1<<2 | 1<<6 | 1<<8 | 1<<29, 0, 1<<1 | 1<<2, 0
	}
	return 0, 0, 0, 0
}

// cache is leaf 8000_001D: the caches of leaves 8000_0005 and 8000_0006 again,
// numbers less one, and inclusive L2 (bit 1 of EDX).
func cache(sub uint32) (a, b, c, d uint32) {
	const initialised, line, ways = 1 << 8, 64 - 1, (8 - 1) << 22
	switch sub {
	case 0, 1: // L1 of data, of instructions
		return initialised | 1<<5 | (sub + 1), ways | line, 32<<10/64/8 - 1, 0
	case 2: // L2, of both
		return initialised | 2<<5 | 3, ways | line, 1<<20/64/8 - 1, 1 << 1
	}
	return 0, 0, 0, 0
}

// BusHz is the clock of the local APIC's timer.
const BusHz = 1_000_000_000

func words(s string) (x, y, z uint32) {
	b := []byte(s)
	return binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint32(b[4:]), binary.LittleEndian.Uint32(b[8:])
}

// vendor splits a vendor string over EBX, EDX, ECX.
func vendor(s string) (b, d, c uint32) { return words(s) }

// vendorHV splits a hypervisor's string over EBX, ECX, EDX.
func vendorHV(s string) (b, c, d uint32) { return words(s) }

func brand(part uint32) (a, b, c, d uint32) {
	name := make([]byte, 48)
	copy(name, "vmrecord software CPU")
	p := name[16*part:]
	w := func(i int) uint32 { return binary.LittleEndian.Uint32(p[i:]) }
	return w(0), w(4), w(8), w(12)
}

// Claims tells whether CPUID claims the feature that a row of the instruction
// table needs.
func Claims(f x86.Feature) bool {
	return f != x86.FeatMonitor
}
