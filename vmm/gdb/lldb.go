package gdb

import (
	"encoding/hex"
	"strings"
)

const threadStopInfo = "qThreadStopInfo"

// ofThread has f answer a packet. LLDB names the thread that it means behind the
// packets for registers: "p10;thread:2a;".
func (s *session) ofThread(name, rest string, f func(*session, string) string) string {
	before, id, named := strings.Cut(rest, ";thread:")
	if !s.lldb || !named || !strings.Contains("gGpP", name) {
		return f(s, rest)
	}
	v, ok := number(strings.TrimSuffix(id, ";"))
	if !ok || !s.exists(v) {
		return notThere
	}
	defer func(was uint64) { s.thread = was }(s.thread)
	s.thread = v
	return f(s, before)
}

// nameOf is a thread's, in a stop reply.
func (s *session) nameOf(t Thread) string {
	if !s.lldb {
		return ""
	}
	return "hexname:" + hex.EncodeToString([]byte(printable(limit(t.Name, 64)))) + ";"
}

// threadStop is "qThreadStopInfo THREAD": a stop reply for each. Of those that do
// not run there is no signal to tell.
func (s *session) threadStop(rest string) string {
	id, ok := number(rest)
	for i, t := range s.t.Threads() {
		if ok && t.ID == id && i == 0 {
			return s.standing(t, s.stop)
		}
		if ok && t.ID == id {
			return s.standing(t, "00")
		}
	}
	return notThere
}
