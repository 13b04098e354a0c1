package gdb

import (
	"context"
	_ "embed"
	"encoding/hex"
)

// Commands is a script for gdb that gives the monitor's commands names of
// their own. Those that move the machine also have gdb forget what it read
// before, which it does not do by itself behind "monitor".
//
//go:embed commands.gdb
var Commands string

// LLDBCommands is a script for LLDB that gives it patience, and the word monitor.
//
//go:embed commands.lldb
var LLDBCommands string

// A console is where a command's output goes.
type console struct {
	s   *session
	ctx context.Context
}

// Write shows text on gdb's console; nobody reads it when the command was interrupted.
func (c console) Write(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	c.s.print(string(p))
	return len(p), c.s.err
}

// monitor is "qRcmd,DIGITS". A client that sends the next packet before the
// answer has given the command up, and would take the answer for that packet's.
//
// gdb 13 has no way to be told an error in words here: they go to the console
// before an error code, at which gdb ends a script.
func (s *session) monitor(rest string) string {
	if rest == "" {
		return badForm
	}
	text, err := hex.DecodeString(rest[1:])
	if err != nil {
		return badForm
	}
	abandoned := s.during(func(ctx context.Context) { err = s.t.Monitor(ctx, string(text), console{s, ctx}) })
	s.thread, s.stop = s.t.Threads()[0].ID, "05"
	switch {
	case abandoned:
		return silent
	case err != nil:
		s.print(err.Error() + "\n")
		return badForm
	}
	return "OK"
}
