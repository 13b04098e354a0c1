// Package timeline goes to any position of a recording, forwards and backwards:
// a replay with checkpoints. Nothing of what is replayed changes, and what a
// tape compares goes on being compared, whatever the way: a *tape.Divergence is
// returned where it is seen. The package opens no files; what it keeps between
// one opening and the next it writes to an io.Writer and reads from an
// io.Reader.
//
// # Checkpoints
//
// A checkpoint is the state of processor, board and devices, the player's place
// on the tape, and a table of the contents of all pages of RAM. Contents are
// found by their SHA-256, so that each is kept once; tables share what is equal
// in pieces of 64 pages. Of RAM only pages that were stored to since the last
// checkpoint are looked at. To restore one, the pages in which two tables
// differ, and those stored to since, are compared line by line, and only what
// differs is stored: engines keep the code that is still true.
//
// Lasting checkpoints stand on a grid of retired instructions (Options.Every),
// so that a seek replays at most so many, and sleep costs nothing. Those of a
// guest that starts programs or is interrupted much take ten times as long as
// others: where the processor time since the last checkpoint (Options.Used) has
// come to a quarter of a second, the next stands at the next sixteenth of the
// grid. Where they stand so depends on the host; what is replayed does not. When
// they take more than Options.Memory, contents are packed (S2, which halves a
// kernel's); when that is not enough, every second checkpoint goes, and grid and
// time double; the start always stays, and from it everything can be reached.
//
// On the way to a position the timeline leaves rungs: where half of the way is
// left, half of that, and so on, down to Options.Every/2048 instructions, about
// what restoring costs. They make the next steps back cheap, and that they are
// few makes them cheap to leave; the one farthest away goes first.
//
// # Positions
//
// A position that exists is a boundary between two steps, with the inputs
// delivered so far. A leap of guest time passes over positions; there Seek goes
// to the first one behind. Step counts instants, StepInsn retired instructions:
// to a debugger, the delivery of an interrupt is part of the step that ends
// with the handler's first instruction, and a string instruction is one.
//
// # Searching
//
// Prev runs the segments between checkpoints forwards, the latest first, and
// takes the last match of the first segment that has one. Where that is more
// than one stretch of the grid, further machines each run another segment.
// Matches are strictly before the position where one stands, as those of Next
// are strictly behind; at the same position with inputs still to come, more
// inputs make a later position. A stop's position is right before the step that
// it names (vmm.Stop), an input's right before its delivery, a mark's where it
// stands on the tape, a text's right before the instruction that writes its last
// byte, or right after the timer that does.
//
// Each visits all matches of stops on a way in one run, where a search for each
// would have the engine translate the guest's code again each time.
//
// # Side by side
//
// Relay has a stretch of the recording run in legs, each by a machine of its own:
// the timeline's goes ahead, on the translating engine many times as fast as
// somebody who looks at every instruction, and hands its state over at the
// beginning of each leg.
//
// # Two executions
//
// Bisect finds where two recordings that start alike part: by halves, since
// whatever differs goes on differing, comparing all sections and all of RAM at
// each look. It names the instruction and the fields.
//
// # Format of saved checkpoints, version 2
//
// "varint" is an unsigned LEB128 (encoding/binary); other numbers are
// little-endian.
//
//	8 bytes   "VMCKPT2\n"
//	32 bytes  key: SHA-256 over the recording's id, then for each section its
//	          name, schema and data at the start, each as decimal length, space
//	          and bytes, then the hashes of all pages of RAM at the start
//	varint    instructions between lasting checkpoints
//	varint    number of checkpoints, at most 65 536; they follow
//	32 bytes  SHA-256 of all before, with the SHA-256 of each content in its place
//
// Each checkpoint is written as its difference from the one before; the first,
// from the start:
//
//	varint    instants since; varint inputs delivered since instant 0
//	varint    instructions retired since
//	varint    length, at most 64 KiB, and the player's place (tape.Place.Append)
//	varint    length, at most 64 KiB, and the last bytes of console text
//	          for each section: varint length, at most 1 MiB, and its data
//	varint    number of pages with other content, and for each, ascending:
//	varint    page number, less that of the page before it; varint content: 0:
//	          4096 bytes follow, which are numbered from 0 in this file; 2k+1:
//	          number k of these; 2p+2: that of page p at the start
//
// Version rule: a reader accepts exactly this version; any other file is made
// again. Where a checkpoint is not what the recording says, the heartbeats
// behind it tell.
package timeline
