// Package cpio writes and checks the archives that Linux unpacks as its first
// root file system, in the "newc" format (Linux Documentation,
// driver-api/early-userspace/buffer-format.rst).
//
// # An entry
//
// A header of 110 characters: the magic "070701" and thirteen fields of eight
// hexadecimal digits each:
//
//	ino mode uid gid nlink mtime filesize devmajor devminor
//	rdevmajor rdevminor namesize check
//
// Then namesize bytes of name with its final NUL, zeros up to a multiple of 4
// bytes counted from the archive's start, filesize bytes, zeros up to a
// multiple of 4. The last entry is named "TRAILER!!!".
//
// # What we write
//
// The same files give the same bytes: entries sorted by name, ino counting from
// 1, uid, gid and mtime 0, check 0, digits in upper case. Directories that lead
// to a file are added. Hard links are not written.
package cpio
