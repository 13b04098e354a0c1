// Package tape is the log of a recording: every input with the instant at
// which the machine saw it, and heartbeats, which are hashes of the machine's
// state. From a snapshot and its tape everything that happened follows; the
// heartbeats are there to notice when it does not.
//
// A Recorder writes a tape while a machine runs. A Reader returns its frames
// and treats them as hostile. A Player is the door through which a tape enters
// a machine again; it compares what stands on the tape with the machine and
// returns a *Divergence where they differ. Nothing here opens files, starts
// goroutines or looks at a clock.
//
// # Format, version 1
//
// Numbers are unsigned LEB128 varints ("varint", encoding/binary) unless a
// width is given; those are little-endian. A text is a varint length and so
// many bytes of UTF-8. The file is:
//
//	8 bytes   "VMTAPE1\n"
//	frames    a header, then any number of others, then a footer
//
// and a frame is:
//
//	1 byte    kind
//	varint    length n of the payload, at most 4 MiB
//	n bytes   payload
//	4 bytes   CRC-32C over kind, length and payload, begun with the value of
//	          the frame before (the first: the CRC-32C of the 8 bytes of
//	          magic), so that a frame cannot go missing unseen
//
// Instants are written as the difference from the frame before that has one;
// the header's start instant is the first. Kinds and payloads:
//
// 1, header: varint version (1); model; heartbeat period in retired
// instructions; instants per guest second; epoch in Unix seconds at instant 0;
// seed; bytes of memory; start instant; inputs delivered before the start;
// instructions retired before the start; 32 bytes SHA-256 of the machine's
// configuration text; varint number of sections and their names as texts, in
// the order of vmm.Machine.Save; varint number of inlets and their names. They
// are those of the board, and last the processor's (vmm.InletEntropy) if the
// tape may have inputs for it.
//
// 2, input: varint instant difference; varint number of the inlet, counted
// from 0 in the header's list; 4 bytes vmm.RegDigest right before delivery;
// the rest is the data.
//
// 3, heartbeat: varint instant difference; 1 byte kind (0 start, 1 periodic, 2
// mark, 3 fail, 4 stop); varint inputs delivered since the start; varint
// instructions retired since the start; varint number of sections whose digest
// changed since the last heartbeat (before the first, all are 0) and for each,
// ascending, varint section number and its 8-byte digest (vmm.Digest); 8 bytes
// chained total; 1 byte 1 and 32 bytes RAM root, or 1 byte 0. The total is the
// first 8 bytes of SHA-256 over the total before and the 8-byte digests of all
// sections; before the first heartbeat it is the first 8 bytes of SHA-256 over
// the header's payload.
//
// 4, mark: varint instant difference; 1 byte kind (0 mark, 1 fail, 2
// attribute, "key=value"); the rest is the text. A heartbeat follows a mark or
// fail at the same position.
//
// 5, sync: varint number of frames before it. A writer that makes its tape
// durable from time to time ends each such piece with one.
//
// 6, state: varint instant difference; for each section, in order, varint
// length and the bytes of vmm.Section.Data. It stands before a heartbeat of
// the same position and lets a divergence name a field.
//
// 7, footer: varint instant difference; varint inputs and varint instructions
// since the start; 32 bytes end hash; 32 bytes SHA-256 of all console output;
// varint console bytes; varint inputs, heartbeats and keys on this tape; 1
// byte 1 if the recording was meant to be kept; 1 byte 1 if it is truncated;
// text why.
//
// The end hash is SHA-256 over, for each section, its name as text, the varint
// length of its data and the data; then the 32 bytes of RAM root. It is taken
// from the live machine.
//
// Sync frames and attributes change nothing in a replay. A tape without footer
// is truncated: it is good to its last whole frame.
//
// Version rule: a reader accepts exactly the versions it knows, and refuses
// frame kinds it does not know: every frame may matter to what follows.
package tape
