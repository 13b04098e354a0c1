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
