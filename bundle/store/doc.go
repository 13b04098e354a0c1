// Package store keeps pages of memory by content, and holds the block format
// in which recordings and bundles keep everything that is large.
//
// # Blocks, version 1
//
// A block is a self-checking piece of a file; numbers are little-endian:
//
//	 0  4 bytes  "vmb1"
//	 4  4 bytes  length h of the head, at most 4096
//	 8  4 bytes  length r of the content, at most 16 MiB
//	12  4 bytes  length z of the content as it stands here, at most r + 64 KiB
//	16  4 bytes  CRC-32C of the content as it stands here
//	20  4 bytes  CRC-32C of bytes 0-19 and of the head
//	24  h bytes  head: what a reader wants to know without unpacking
//	..  z bytes  content: one zstd frame (RFC 8878) that gives r bytes
//
// A file of blocks is nothing but blocks, so a file cut off anywhere is good to
// its last whole block.
//
// # Packs
//
// A pack is a file of blocks whose content is up to 16 pages of 4096 bytes. In
// the store of an appliance the head holds their SHA-256, 32 bytes each: the
// index is found by reading the heads. In a bundle the head is empty: pages
// are numbered there, and the pack is known by its own SHA-256.
//
// A page of zeros is never stored. A Store is a directory of packs named
// NNNNNN.vmp, shared by all recordings of an appliance, so that what did not
// change between two recordings is stored once. A pack is written once, from
// front to back; a store that is opened again begins a new one.
//
// Version rule: a reader refuses blocks that do not begin with "vmb1". Whoever
// changes the block changes the magic.
package store
