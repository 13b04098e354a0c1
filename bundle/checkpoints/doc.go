// Package checkpoints keeps a timeline's checkpoints on disk from one look into
// a recording to the next, so that the second need not replay what the first
// did. All of it can be made again: what is damaged, or another recording's or
// program's, is removed.
//
// # Format
//
// A folder holds a file for each recording, NAME.ckpt: one zstd frame (RFC 8878)
// of what timeline.Save writes, whose version rule is the only one. NAME is the
// SHA-256, in hex, of the UUID of the recording's bundle, which stands for the
// bundle's manifest and through it for each of its parts. A file's time of
// modification is when it was last used.
//
// A file is written beside, synced, and renamed: whatever ends the program, the
// old one or the new is there. What such an end leaves beside goes an hour later.
// Of all files together only so many bytes stay, those used last.
package checkpoints
