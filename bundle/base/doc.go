// Package base keeps bases: pages of memory that a vendor and its users both
// have, so that bundles can name them instead of holding them. A base is made of a
// published file, or of the memory of an appliance that has booted: a golden.
//
// # What is a page of a base
//
// A golden has the pages of a machine's memory, in the order of their addresses.
// Any other file has those of its contents, each cut into pages from its
// beginning, the last filled up with zeros:
//
//	a Linux bzImage   what the boot loader puts into memory (Linux boot protocol,
//	                  "Loading The Rest of The Kernel"), then the ELF file that its
//	                  payload unpacks to, if gzip, bzip2, LZ4, XZ or zstd packed it
//	an initramfs      the whole file, then the content of each regular file in its
//	                  cpio archives, as the page cache will hold them; the last
//	                  archive may be packed in the same ways
//	anything else     the whole file
//
// Pages of zeros are left out, and so is what occurred before. The first page that
// is left has number 0. A base's id is the SHA-256 of "vmbase/1", a line feed and
// the SHA-256 of each page, in order: whoever makes a base of the same file gets
// the same id, whatever its blocks look like.
//
// # Format, versions 1 and 2
//
// A base is a file of blocks (package store), with the extension .vmg. The head of
// the first is empty, its content is Info as JSON, at most 64 KiB. The others hold
// pages, at most 16, in order; their heads are the SHA-256 of these pages, 32 bytes
// each. Format vmbase/2 is a golden with a start (package bundle) behind the pages:
// blocks of content with empty heads, at most 64 MiB together; its id is that of its
// pages alone. A reader refuses a base whose id is not that of its heads, and a page
// whose SHA-256 is not the one in the head.
//
// # Folders
//
// A Folder holds bases, each in a file named by its id. Bases of others, read where they
// lie, are checked like its own: by their id, which stands for the SHA-256 of each page.
//
// Version rule: Info names the format; a reader refuses one that it does not know. A
// change of what the pages of a file are is another format.
package base
