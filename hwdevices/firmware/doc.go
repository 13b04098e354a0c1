// Package firmware puts a machine into the state in which a boot loader leaves
// it: that of the Linux/x86 boot protocol (Linux Documentation, arch/x86/boot.rst
// "64-bit BOOT PROTOCOL", "32-bit BOOT PROTOCOL" and zero-page.rst), or that of
// the Multiboot specification, version 0.6.96.
//
// # Linux
//
// The image is a bzImage of protocol 2.12 or later. It is entered in 64-bit mode
// if it says XLF_KERNEL_64, else in 32-bit protected mode without paging.
// Not done: the 16-bit entry, kernels loaded low (zImage), EFI handover,
// setup_data lists, initial ramdisks above 4 GiB, screen_info (all zero: the
// kernel finds no display).
//
// Where things go:
//
//	0x06000  GDT: null, null, code (0x10), data (0x18)
//	0x07000  boot_params, the "zero page"
//	0x08000  for the 64-bit entry, page tables: PML4, PDPT, four page
//	         directories; the first 4 GiB identity-mapped by 2 MiB pages
//	0x10000  command line with its final NUL
//	pref_address, or the lowest aligned address from 1 MiB with room
//	         the kernel: init_size bytes belong to it
//	top      initial ramdisk, page aligned, below initrd_addr_max
//
// # Multiboot
//
// The image is a 32-bit ELF executable, or any file whose header has address
// fields, with a Multiboot header in its first 8192 bytes:
//
//	 0  4  magic, 1BADB002h
//	 4  4  flags: bit 0 modules on page boundaries, 1 memory information,
//	       2 video mode (refused), 16 address fields; 3 to 15 refused
//	 8  4  checksum: the three add up to 0
//	12  4  header_addr     where the header is to be
//	16  4  load_addr       where what is loaded begins; not above header_addr
//	20  4  load_end_addr   and ends; 0: with the file
//	24  4  bss_end_addr    zeros up to here; 0: none
//	28  4  entry_addr
//
// Segments go to their physical addresses, and an entry point in a segment goes
// with it. The kernel starts in 32-bit protected mode without paging, EAX =
// 2BADB002h, EBX = the boot information, which has memory sizes, command line
// (what was given, without a file name), modules, memory map and the loader's
// name. There is at most one module, the initial ramdisk; its string is empty.
// Not done: symbols, drives, BIOS, APM and VBE tables, 64-bit ELF.
//
//	0x06000  GDT: null, null, 32-bit code (0x10), data (0x18)
//	0x07000  boot information
//	0x07100  memory map
//	0x07f00  the module's entry and string; 0x7f80 the loader's name
//	0x10000  command line with its final NUL
//	top      module, page aligned, below 4 GiB
//
// # Both
//
// All of it lies in ranges that the memory map calls RAM.
//
// An image is untrusted: each length in its header is checked against the
// image and the guest's memory before it is used.
package firmware
