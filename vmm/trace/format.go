package trace

import (
	"bufio"
	"encoding/json"
	"fmt"
	"strconv"

	"vmrecord/vmm"
)

// A Format is how a trace is written; see the package's comment.
type Format string

// The formats.
const (
	Text     Format = "text"
	NDJSON   Format = "ndjson"
	Perfetto Format = "perfetto"
)

// Formats lists them.
func Formats() []Format { return []Format{Text, NDJSON, Perfetto} }

// An event is one line of a trace.
type event struct {
	kind   string
	at     vmm.Instant
	end    vmm.Instant // of a system call that ended, else 0
	who    *thread
	addr   uint64
	where  string // symbol and offset, "" if there is none
	name   string // the rest of the line
	regs   string
	indent int
	phase  byte // in the Trace Event format; 0: X
	call   *call
}

// A form writes events.
type form interface {
	begin()
	event(*event)
	end()
	err() error
}

func (f Format) new(w *bufio.Writer, hz uint64) form {
	j := jsonForm{sink: sink{w: w}}
	switch f {
	case NDJSON:
		return &j
	case Perfetto:
		return &perfettoForm{jsonForm: j, hz: max(hz, 1), named: map[[2]int]string{}}
	}
	return &textForm{sink{w: w}}
}

// A sink builds lines in b. The writer keeps its first error.
type sink struct {
	w *bufio.Writer
	b []byte
	e error
}

func (s *sink) err() error { return s.e }

func (s *sink) flush() {
	if _, err := s.w.Write(s.b); s.e == nil {
		s.e = err
	}
	s.b = s.b[:0]
}

// A textForm writes columns.
type textForm struct{ sink }

func (f *textForm) begin() {}
func (f *textForm) end()   {}

func (f *textForm) event(e *event) {
	at := e.at
	if e.call != nil && e.call.split && !e.call.part { // resumed: lines are in the order of time
		at = e.end
	}
	b := append(strconv.AppendUint(f.b, uint64(at), 10), ' ')
	b = append(append(b, e.who.label...), ' ')
	if e.call == nil {
		b = append(hex16(b, e.addr), ' ')
		if e.where == "" {
			b = append(b, '-')
		}
		b = append(append(b, e.where...), ' ')
	}
	for range e.indent {
		b = append(b, ' ', ' ')
	}
	b = append(b, e.name...)
	if e.regs != "" {
		b = append(append(b, "  ; "...), e.regs...)
	}
	f.b = append(b, '\n')
	f.flush()
}

// hex16 is fmt's %016x.
func hex16(b []byte, v uint64) []byte {
	for i := 60; i >= 0; i -= 4 {
		b = append(b, "0123456789abcdef"[v>>i&15])
	}
	return b
}

// A jsonForm writes an object a line.
type jsonForm struct{ sink }

func (f *jsonForm) begin() {}
func (f *jsonForm) end()   {}

func (f *jsonForm) event(e *event) {
	if e.call != nil && e.call.part { // it comes whole when it ends
		return
	}
	b := append(strconv.AppendUint(append(f.b, `{"at":`...), uint64(e.at), 10), `,"kind":"`...)
	b = append(append(b, e.kind...), '"')
	if e.who != nobody {
		b = append(quote(append(b, `,"comm":`...), e.who.comm), `,"pid":`...)
		b = append(strconv.AppendInt(b, int64(e.who.pid), 10), `,"tid":`...)
		b = strconv.AppendInt(b, int64(e.who.tid), 10)
	}
	f.b = append(f.details(b, e), "}\n"...)
	f.flush()
}

// details are the members that both JSON formats have.
func (f *jsonForm) details(b []byte, e *event) []byte {
	if c := e.call; c != nil {
		b = quote(append(b, `,"name":`...), c.name)
		b = append(b, `,"args":[`...)
		for i, a := range c.args {
			if i > 0 {
				b = append(b, ',')
			}
			b = quote(b, a)
		}
		b = append(b, ']')
		if e.end != 0 {
			b = quote(append(b, `,"result":`...), c.result)
			b = strconv.AppendUint(append(b, `,"end":`...), uint64(e.end), 10)
		}
		return b
	}
	b = append(hex16(append(b, `,"addr":"0x`...), e.addr), '"')
	if e.where != "" {
		b = quote(append(b, `,"where":`...), e.where)
	}
	b = quote(append(b, `,"text":`...), e.name)
	if e.regs != "" {
		b = quote(append(b, `,"regs":`...), e.regs)
	}
	return b
}

// quote appends s as JSON has it.
func quote(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			q, err := json.Marshal(s)
			if err != nil {
				panic(fmt.Sprintf("trace: no JSON for %q: %v", s, err))
			}
			return append(b, q...)
		}
	}
	return append(append(append(b, '"'), s...), '"')
}

// A perfettoForm writes the Trace Event Format.
type perfettoForm struct {
	jsonForm
	hz    uint64
	named map[[2]int]string // threads whose names were written, by pid and tid
	more  bool
}

func (f *perfettoForm) begin() {
	f.b = append(f.b, `{"displayTimeUnit":"ns","traceEvents":[`...)
	f.flush()
}

func (f *perfettoForm) end() {
	f.b = append(f.b, "\n]}\n"...)
	f.flush()
}

func (f *perfettoForm) event(e *event) {
	if e.call != nil && e.call.part {
		return
	}
	k := e.who
	if id := [2]int{k.pid, k.tid}; f.named[id] != k.comm || k == nobody && !f.more {
		if len(f.named) >= maxThreads {
			clear(f.named)
		}
		f.named[id] = k.comm
		for _, what := range [2]string{"process_name", "thread_name"} {
			if what == "process_name" && k.pid != k.tid {
				continue
			}
			b := f.head(what, 'M', k)
			b = quote(append(b, `,"args":{"name":`...), k.comm)
			f.b = append(b, "}}"...)
			f.flush()
		}
	}
	name, phase := e.name, e.phase
	if e.call != nil {
		name = e.call.name
	}
	if phase == 0 {
		phase = 'X'
	}
	b := f.micros(append(f.head(name, phase, k), `,"ts":`...), uint64(e.at))
	switch phase {
	case 'X':
		end := max(e.end, e.at+1)
		b = f.micros(append(b, `,"dur":`...), uint64(end-e.at))
	case 'i':
		b = append(b, `,"s":"t"`...)
	}
	b = strconv.AppendUint(append(b, `,"args":{"at":`...), uint64(e.at), 10)
	f.b = append(f.details(b, e), "}}"...)
	f.flush()
}

// head begins an event.
func (f *perfettoForm) head(name string, phase byte, k *thread) []byte {
	b := f.b
	if f.more {
		b = append(b, ',')
	}
	f.more = true
	b = append(quote(append(b, "\n{\"name\":"...), name), `,"cat":"guest","ph":"`...)
	b = append(append(b, phase), `","pid":`...)
	b = append(strconv.AppendInt(b, int64(k.pid), 10), `,"tid":`...)
	return strconv.AppendInt(b, int64(k.tid), 10)
}

// micros appends guest time in microseconds, to a tenth of a nanosecond.
func (f *perfettoForm) micros(b []byte, n uint64) []byte {
	const unit = 10_000
	tenths := vmm.MulDiv(n, 1e6*unit, f.hz)
	b = append(strconv.AppendUint(b, tenths/unit, 10), '.')
	return fmt.Appendf(b, "%04d", tenths%unit)
}
