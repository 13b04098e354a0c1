// Package firmware puts a machine into the state in which a boot loader leaves
// it: so far that of the Linux/x86 boot protocol, 64-bit entry (Linux
// Documentation, arch/x86/boot.rst "64-bit BOOT PROTOCOL" and zero-page.rst).
//
// The image is a bzImage of protocol 2.12 or later that says XLF_KERNEL_64.
// Not done: the 16- and 32-bit entries, kernels loaded low (zImage), EFI
// handover, setup_data lists, initial ramdisks above 4 GiB, screen_info (all
// zero: the kernel finds no display).
//
// # Where things go
//
//	0x06000  GDT: null, null, 64-bit code (0x10), data (0x18)
//	0x07000  boot_params, the "zero page"
//	0x08000  page tables: PML4, PDPT, four page directories; the first 4 GiB
//	         identity-mapped by 2 MiB pages
//	0x10000  command line with its final NUL
//	pref_address, or the lowest aligned address from 1 MiB with room
//	         the kernel: init_size bytes belong to it
//	top      initial ramdisk, page aligned, below initrd_addr_max
//
// All of it lies in ranges that the memory map calls RAM.
//
// An image is untrusted: each length in its header is checked against the
// image and the guest's memory before it is used.
package firmware
