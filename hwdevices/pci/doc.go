// Package pci models the PCI bus.
//
// I440FX is a host bridge that looks like the 82441FX (PMC, 290549-001): it
// forwards configuration mechanism #1 (PCI Local Bus Specification 3.0,
// 3.2.2.3.2) to bus 0, where it is function 00:00.0 and, as yet, alone: reads of
// other functions answer all ones. DRAM, PAM and SMRAM control do not exist:
// the first megabyte is RAM, and those registers read 0.
package pci
