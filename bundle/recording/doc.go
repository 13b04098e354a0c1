// Package recording keeps recordings on the disk of the host on which they are
// made: a shelf with one directory for each, written while the guest runs on,
// and good to its last durable frame whatever happens to the host.
//
// # Layout
//
//	SHELF/lock                  held by the one program that writes here
//	SHELF/pages/NNNNNN.vmp      pages of memory of all recordings (package store)
//	SHELF/NNNNNN/recording.json Meta, as JSON: what was recorded
//	SHELF/NNNNNN/sections       the state at the start, without memory
//	SHELF/NNNNNN/pages          the page list: memory at the start, by hash
//	SHELF/NNNNNN/tape/NNNNNN.seg   the tape (package tape), in segments
//	SHELF/NNNNNN/tape/NNNNNN.part  the segment that is being written
//	SHELF/NNNNNN/summary.json   Summary, as JSON, once the recording is sealed;
//	                            for listings: all but the console's last lines at the
//	                            start and at the end stands elsewhere, too
//	SHELF/NNNNNN/label.json     Label, as JSON, once somebody wrote one
//	SHELF/NNNNNN.drop           a recording that is being removed
//	SHELF/NNNNNN.ring           an epoch of a ring: a recording in its own right
//	SHELF/NNNNNN.save           a recording that is being made of epochs
//
// sections, pages and segments are files of blocks (package store). The content
// of all segments in order is one tape; a frame may continue in the next block
// or segment.
//
// The content of sections: varint number of sections; for each its name, its
// schema (package snap) and its data, each a varint length and so many bytes.
//
// The content of pages: varint number of pages; then runs until every page is
// told, in ascending order: varint n*2 for n pages of zeros, or varint n*2+1
// and n hashes of 32 bytes.
//
// # What is durable when
//
// Pages go from the guest's memory to the disk in the background: the engine's
// goroutine copies a few in every Slice, one writer goroutine packs and writes
// them. The same goroutine writes the tape every second or 4 MiB and syncs it.
// When the whole snapshot and its names are durable, Status begins to report
// frames as durable, up to the last sync of the tape. Stop seals the tape:
// footer, sync, rename of .part to .seg, sync of the directory.
//
// After a crash OpenShelf cuts the tape behind its last whole block and renames
// it; such a tape has no footer and the recording is truncated. When the disk
// fails or fills while a recording is made the guest goes on, and what was
// durable until then stays, truncated.
//
// # How long the guest waits at a start
//
// For the hashes of the pages that it wrote since they were last known, each once;
// then for the root over all of them. After a boot that is most of what a kernel has
// in memory, and so while nothing is recorded an Ahead hashes it a little at a time.
// It works on the goroutine that runs the machine, since only that may read memory,
// and for a millisecond at most; it leaves nothing that the guest or a recording
// could tell. Pages that were stored to in between are hashed again, in its next pass.
//
// Measured with Debian's kernel and init_on_free, which clears all memory, on a host
// with SHA instructions and nothing else to do; least, median and most of so many
// milliseconds of waiting, at the first start since power-on:
//
//	memory  the recording starts         without        with an Ahead
//	256 MB  2 s behind the boot          47, 52, 72     4, 8, 15    (12 boots)
//	256 MB  with the first program       48, 53, 65     30, 36, 45  (12)
//	2 GB    4 s behind the boot          181, 194, 244  31, 38, 45  (6)
//
// What is left at 2 GB is the root and the lists. The Ahead took 54 ms of processor
// time in the first case, 45 of which the start no longer takes, and 0.2 ms in a second
// from then on, of a guest that sleeps.
//
// # The ring
//
// A Ring records always and keeps the last while. It is nothing but recordings
// that follow each other without a gap, its epochs: at the boundary where one
// ends, sealed with a footer, the next begins, with a snapshot that costs the
// pages that changed since the last. Most of these are hashed in the slices before
// that boundary. An epoch of an idle guest is longer. An epoch is dropped when the
// next one, too, begins before what a save would reach back to; and earlier where
// the ring would take more than its bytes, which are added up whenever an epoch
// ends: its tapes and each page once. Pages that only dropped epochs had are given
// back when they are a quarter of those bytes, a pack at a time (package store).
//
// A save ends the epoch, once the tail was recorded, and makes one recording of
// those that the ring has: the snapshot of the first and one tape of all (tape.Join),
// which replays as if the machine had been recorded in one go. Its Meta is that of
// the first, with the facts that the guest told until the end. It is written beside,
// under the number of the last epoch, and gets its name when all of it is durable.
// The epochs stay, for the next save.
//
// After a crash OpenShelf makes a truncated recording of the epochs that are there,
// from the first whose snapshot is whole, unless the shelf has one by that number:
// then the crash came behind a save and before anything new. The epochs are
// removed behind that, the oldest first. A ring that ends in peace drops them, but
// if the disk failed a save they stay to be recovered.
//
// Version rule: recording.json names the format; a reader refuses another.
package recording
