// Package export writes a recording, or an instant of it, in forms that tools
// which people have open. Each is made by replaying, so that what is compared
// with the recording is compared here too; what is written is the same bytes
// each time. Nothing here opens files.
//
// A window is from a position to another; what happens at the first, behind the
// inputs that it counts, is part of it. Seconds are guest time, to a microsecond.
//
// # asciicast
//
// Version 2 of asciinema's format: lines of JSON. First an object: version (2),
// width and height of the terminal in characters, timestamp (the machine's clock
// at the window's start, in Unix seconds, by the epoch it was switched on with),
// duration (seconds), title (the bundle's id, and what the recording is of).
// Then an array for each event: seconds since the window's start, "o" or "i",
// text. "o" is what the guest wrote to its console: bytes that follow within a
// millisecond of the first are one event. "i", on wish, is what was typed,
// at its delivery to the guest. A character of UTF-8 is in one event; bytes that
// are not UTF-8 are U+FFFD, since JSON has no other way. No recording knows how
// large the user's terminal was, and what was on the screen before the window is
// not written.
package export
