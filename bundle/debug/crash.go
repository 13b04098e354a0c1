package debug

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"vmrecord/bundle/debug/program"
	"vmrecord/vmm/guestos"
)

// A Crash is where a program failed, in words that are the same for each failure
// of the same code: no addresses of this one run, no numbers of processes.
type Crash struct {
	Program string
	BuildID string   // of its file, hex; "" if that is not in memory
	Frames  []string // the innermost first: functions, or FILE+0xOFFSET in it
}

// sdk are functions of the SDK by which a program tells of its failure.
const sdk = `^(.*/)?(vmrecordsdk|guestagent)/recorder\.|^vmrecord_`

// Crash is what runs where the session stands, and its callers, from the program's
// own frame on as OwnFrame has it. Names of functions come from files, which may
// be nil, and in the kernel from its own list. It has at most n frames.
func (s *Session) Crash(files *program.Folder, n int) (c Crash) {
	w := s.asking()
	m := s.line.Machine()
	pcs := []uint64{m.CPU.RIP}
	for _, call := range w.stack(m.CPU, w.isFirst(m.CPU.RIP)) {
		pcs = append(pcs, uint64(call.Addr)-1) // of the call, behind which another function may begin
	}
	var maps []guestos.Mapping
	var t guestos.Task
	if w.linux != nil {
		if now, err := w.linux.Current(); err == nil {
			t, c.Program = now, now.Comm
			if !t.Kernel {
				maps, _ = t.Maps() // as far as it can be read
			}
		}
	}
	for _, pc := range pcs {
		c.Frames = append(c.Frames, s.frame(w, files, t, maps, pc))
	}
	if i := slices.IndexFunc(maps, func(m guestos.Mapping) bool { return strings.HasPrefix(m.Path, "/") && m.Offset == 0 }); i >= 0 {
		c.BuildID = program.BuildIDAt(t, maps[i])
	}
	c.Frames = ownFrames(c.Frames)
	c.Frames = c.Frames[:min(n, len(c.Frames))]
	return c
}

// frame names the function that an address is in.
func (s *Session) frame(w *prober, files *program.Folder, t guestos.Task, maps []guestos.Mapping, pc uint64) string {
	if pc >= kernelHalf && w.linux != nil {
		if y, _, ok := w.linux.SymbolAt(pc); ok {
			return y.Name
		}
	}
	for _, m := range maps {
		if pc < m.Start || pc >= m.End || !strings.HasPrefix(m.Path, "/") {
			continue
		}
		if files != nil {
			if names := files.Names(t, maps, m); names != nil {
				if name, _, ok := names(pc); ok {
					return name
				}
			}
		}
		return fmt.Sprintf("%s+%#x", path.Base(m.Path), pc-m.Start+m.Offset)
	}
	return fmt.Sprintf("%#x", pc)
}

// ownFrames drops the SDK's and, behind a panic, the Go runtime's frames at the
// inner end, and those with which the runtime begins a thread at the outer.
func ownFrames(all []string) []string {
	ours := regexp.MustCompile(sdk)
	runtime := func(f string) bool { return strings.HasPrefix(f, "runtime.") }
	if i := slices.IndexFunc(all, ours.MatchString); i >= 0 {
		j := slices.IndexFunc(all[i:], func(f string) bool { return !ours.MatchString(f) && !runtime(f) })
		if j >= 0 {
			all = all[i+j:]
		}
	}
	for len(all) > 1 && runtime(all[len(all)-1]) {
		all = all[:len(all)-1]
	}
	return all
}
