package gdb

import (
	"encoding/hex"
	"errors"
	"strings"
)

// errReplay refuses changes.
var errReplay = errors.New("this is a replay, which cannot be changed: 'monitor golive' makes a live machine of it from here")

// read is "ADDR,LENGTH"; max bounds what is given, which may be less than was
// asked for.
func (s *session) read(rest string, max uint64) ([]byte, bool) {
	la, n, ok := pair(rest)
	if !ok {
		return nil, false
	}
	b := make([]byte, min(n, max))
	return b[:s.t.Read(s.thread, la, b)], true
}

// readHex is "m ADDR,LENGTH".
func (s *session) readHex(rest string) string {
	b, ok := s.read(rest, packetBytes/2)
	switch {
	case !ok:
		return badForm
	case len(b) == 0:
		return notThere
	}
	return hex.EncodeToString(b)
}

// readBinary is "x ADDR,LENGTH", answered with b and bytes.
func (s *session) readBinary(rest string) string {
	b, ok := s.read(rest, packetBytes/2-1)
	switch {
	case !ok:
		return badForm
	case len(b) == 0 && !strings.HasSuffix(rest, ",0"):
		return notThere
	}
	return "b" + escape(string(b))
}

// writeHex is "M ADDR,LENGTH:DIGITS".
func (s *session) writeHex(rest string) string {
	where, digits, _ := strings.Cut(rest, ":")
	b, err := hex.DecodeString(digits)
	if err != nil {
		return badForm
	}
	return s.store(where, b)
}

// writeBinary is "X ADDR,LENGTH:BYTES".
func (s *session) writeBinary(rest string) string {
	where, b, _ := strings.Cut(rest, ":")
	return s.store(where, []byte(b))
}

// store writes memory. Nothing can always be written: gdb asks so whether X
// is known.
func (s *session) store(where string, b []byte) string {
	la, n, ok := pair(where)
	switch {
	case !ok || n != uint64(len(b)):
		return badForm
	case n == 0:
		return "OK"
	}
	w, ok := s.t.(Writer)
	if !ok {
		return refuse(errReplay)
	}
	if err := w.Write(s.thread, la, b); err != nil {
		return refuse(err)
	}
	return "OK"
}
