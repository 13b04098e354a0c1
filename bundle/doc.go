// Package bundle makes and reads .vmb files: one immutable file that holds a
// recording whole, for replay on any other computer. A recording that was not
// packed is read where it stands, as if it had been.
//
// # Format, version 1
//
// The file is a POSIX ustar archive (IEEE Std 1003.1, pax, "ustar Interchange
// Format") without compression around it, of regular files only, mode 0644,
// owner, group and time 0, no names of owner or group, ended by two blocks of
// zeros and nothing more. Every header has exactly the bytes that this package
// would write for the name and size, and padding is zeros; a reader refuses
// anything else. Names are of [a-z0-9._/-]; none is absolute, has an empty, "."
// or ".." element, or occurs twice.
//
//	vmbundle.txt       what this file is, for people; its bytes follow from the id
//	envelope.json      Envelope: id, format, every other part with size and SHA-256
//	manifest.json      Manifest: machine, tape, snapshot, marks, parts
//	manifest.minisig   if the manifest names a signer: its signature of the manifest
//	packs/SHA256.vmp   pages of memory, blocks of up to 16 (package store), up to
//	                   about 6 MiB; named by their own SHA-256
//	report.txt         instead of all that follows, if the manifest names it
//	snapshot/map       which page is where, one block
//	snapshot/absent    if the manifest names it: which pages are left out, one block
//	snapshot/likeness  if the manifest names bases: what pages in packs are
//	                   differences from, one block
//	snapshot/sections  the state at the start, one block (package recording)
//	tape/NNNNNN.seg    the tape (package tape), blocks of up to 1 MiB, up to about 6 MiB
//
// After these, parts stand by name. The manifest names the packs in
// the order in which their pages are numbered, and the segments in order. The
// SHA-256 of manifest.json is the bundle's identity: a UUID of version 8 (RFC
// 9562, 5.8) from its first 16 bytes, and the report id, R-XXXX-XXXX, from its
// first 40 bits in Crockford's base 32. Since the manifest lists all parts with
// their digests, the id stands for every byte of the recording.
//
// Bounds, beyond which a reader refuses: 16384 parts; 8 MiB and 2^18 objects in the
// envelope and in the manifest; 64 keys; 16 MiB in any other part; 32 MiB of content in
// one that is unpacked whole, which are those of snapshot/. Blocks in packs have no head.
//
// The content of snapshot/map: varint number of pages of memory, then runs
// until all are told, in ascending order: varint 2n for n pages of zeros, or
// varint 2n+1 for n pages that are numbered in sequence in the packs, followed
// by a varint d: the first one's number is the number expected next plus d,
// zigzag-encoded (0, -1, 1, -2 … as 0, 1, 2, 3 …). Expected is 0 at first, then
// the last number given plus 1.
//
// The manifest's consent, where somebody was asked, is what was decided about sending
// when the bundle was made: the mode, the version of the text that was shown, and when
// (consent.Record). A yes to one bundle comes after it, and stays with the sender.
//
// # Levels
//
// A bundle of level L0 is a report for a first look: its manifest requires "report"
// and names report.txt, at most 32 KiB of text in UTF-8. It describes machine and tape
// as every manifest does, but for the seed, which is 0; of the marks it has the failure
// alone. The tape has no segments, and there is no snapshot but for the number of pages.
//
// A bundle of level L3 holds every page. One of level L2 is thin: its manifest
// requires "bases" and lists bases in the snapshot (package base), at most 64; who
// reads it has their files. Page numbers count first through the pages of the bases,
// in the manifest's order, then through those in the packs; all are below 2^30.
//
// A page in a pack may be a difference: the exclusive or of the page and of one page
// of a base, so differences never lead to differences. The content of
// snapshot/likeness tells of each page in the packs, in order: varint 0 if it stands
// as it is, or varint 1 plus d, zigzag-encoded as above, where the number of the
// base's page is the number expected plus d. Expected is 0 at first, then the last
// number given plus 1. The content ends with the last page.
//
// A bundle of level L1 leaves out pages that its replay does not use (package
// slice): its manifest requires "absent" and names snapshot/absent, whose content is
// runs until it ends, each a varint of pages that are not left out and a varint, at
// least 1, of pages that are. To the replay a page left out is zeros, and the roots
// on the tape are of such memory; who looks at it is told that it is not there. It
// may have bases too. What can be done with a level stands in capabilities: "golive"
// and "memory" are not possible with L1.
//
// Which page of a base is taken is the packer's choice: the one with the most bytes
// in common, of those that share most pieces of 128 bytes at the same place. With
// address randomisation that is most of a kernel's text and data.
//
// # Goldens
//
// A golden is a base made of the memory of an appliance that has booted. Behind its
// pages stands a Start, from which a machine goes on in that state.
//
// # Version rule
//
// The envelope's and manifest's format is "vmbundle/1". A reader refuses
// another number before it looks at anything else. Whatever a reader must
// understand to replay correctly is named in the manifest's requires; a reader
// refuses names that it does not know, and ignores fields that it does not
// know, among them everything in ext. This reader knows "bases", "absent" and "report". The model number
// is checked by whoever replays; a bundle of another model can be inspected and
// verified.
//
// Bundles and recordings of earlier programs stand in cmd/vmbundle/testdata/formats,
// and a test reads and replays them. Whoever changes what is written adds some first.
package bundle
