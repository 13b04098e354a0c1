package trace

import (
	"encoding/json"
	"fmt"
	"io"
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
	kind    string
	at      vmm.Instant
	end     vmm.Instant // of a system call that ended, else 0
	who     *thread
	addr    uint64
	where   string // symbol and offset, "" if there is none
	name    string // the rest of the line
	columns []byte // what form.columns makes of addr, where and name, if it was asked already
	regs    string
	mem     string
	indent  int
	phase   byte // in the Trace Event format; 0: X
	call    *call
}

// A form writes events.
type form interface {
	into(full func([]byte) []byte) // where its output goes: full takes a buffer and gives an empty one
	begin()
	event(*event)
	columns(b []byte, e *event) []byte // of an instruction: what is the same each time
	end()
}

func (f Format) new(hz uint64) form {
	switch f {
	case NDJSON:
		return new(jsonForm)
	case Perfetto:
		return &perfettoForm{hz: max(hz, 1), named: map[[2]int]string{}}
	}
	return new(textForm)
}

// A sink gathers lines in b.
type sink struct {
	full func([]byte) []byte
	b    []byte
}

// bufferBytes is about how much is written at once.
const bufferBytes = 1 << 20

// wrote has a line on its way that was appended to b.
func (s *sink) wrote(b []byte) {
	if s.b = b; len(b) >= bufferBytes {
		s.b = s.full(b)
	}
}

func (s *sink) into(full func([]byte) []byte) { s.full = full }

func (s *sink) end() { s.b = s.full(s.b) }

// A direct output is written at once. Its first error stays.
type direct struct {
	w   io.Writer
	err error
}

func (d *direct) full(b []byte) []byte {
	if d.err == nil {
		_, d.err = d.w.Write(b)
	}
	return b[:0]
}

// A textForm writes columns.
type textForm struct {
	sink
	instant counter
}

// A counter writes numbers that mostly are one more than the one before.
type counter struct {
	n      uint64
	digits []byte
}

func (c *counter) append(b []byte, n uint64) []byte {
	last := len(c.digits) - 1
	if n == c.n+1 && last >= 0 && c.digits[last] < '9' {
		c.digits[last]++
	} else {
		c.digits = strconv.AppendUint(c.digits[:0], n, 10)
	}
	c.n = n
	return append(b, c.digits...)
}

func (f *textForm) begin() {}

func (f *textForm) event(e *event) {
	at := e.at
	if c := e.call; c != nil && c.split && !c.part || c == nil && e.end != 0 { // lines are in the order of their ends then
		at = e.end
	}
	b := append(f.instant.append(f.b, uint64(at)), ' ')
	b = append(append(b, e.who.label...), ' ')
	if e.columns != nil {
		b = append(b, e.columns...)
	} else {
		b = f.columns(b, e)
	}
	for i, s := range [2]string{e.regs, e.mem} {
		if s != "" {
			b = append(append(b, [2]string{"  ; ", "  @ "}[i]...), s...)
		}
	}
	f.wrote(append(b, '\n'))
}

func (f *textForm) columns(b []byte, e *event) []byte {
	if e.placed() {
		b = append(hex16(b, e.addr), ' ')
		if e.where == "" {
			b = append(b, '-')
		}
		b = append(append(b, e.where...), ' ')
	}
	for range e.indent {
		b = append(b, ' ', ' ')
	}
	return append(b, e.name...)
}

// placed tells whether an event has an address.
func (e *event) placed() bool { return e.kind != string(Syscall) && e.kind != string(Sched) }

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

func (f *jsonForm) event(e *event) {
	if e.call != nil && e.call.part { // it comes whole when it ends
		return
	}
	b := append(strconv.AppendUint(append(f.b, `{"at":`...), uint64(e.at), 10), `,"kind":"`...)
	b = append(append(b, e.kind...), '"')
	if e.who.known() {
		b = append(quote(append(b, `,"comm":`...), e.who.comm), `,"pid":`...)
		b = append(strconv.AppendInt(b, int64(e.who.pid), 10), `,"tid":`...)
		b = strconv.AppendInt(b, int64(e.who.tid), 10)
	}
	f.wrote(append(f.details(b, e), "}\n"...))
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
	if e.columns != nil {
		b = append(b, e.columns...)
	} else {
		b = f.columns(b, e)
	}
	if e.end != 0 {
		b = strconv.AppendUint(append(b, `,"end":`...), uint64(e.end), 10)
	}
	if e.regs != "" {
		b = quote(append(b, `,"regs":`...), e.regs)
	}
	if e.mem != "" {
		b = quote(append(b, `,"mem":`...), e.mem)
	}
	return b
}

func (f *jsonForm) columns(b []byte, e *event) []byte {
	if e.placed() {
		b = append(hex16(append(b, `,"addr":"0x`...), e.addr), '"')
	}
	if e.where != "" {
		b = quote(append(b, `,"where":`...), e.where)
	}
	return quote(append(b, `,"text":`...), e.name)
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
	f.wrote(append(f.b, `{"displayTimeUnit":"ns","traceEvents":[`...))
}

func (f *perfettoForm) end() {
	f.b = append(f.b, "\n]}\n"...)
	f.jsonForm.end()
}

func (f *perfettoForm) event(e *event) {
	switch {
	case e.call != nil && e.call.part:
	case e.call != nil:
		f.on(e.who, e.call.name, e)
	case e.kind == string(Sched) && e.phase == 'X':
		f.on(e.who, "runs", e)
		f.on(processor, e.who.label, e)
	default:
		f.on(e.who, e.name, e)
	}
}

// processor is the track of what the processor runs. Numbers of Linux's
// processes are below 1<<22.
var processor = &thread{pid: 1 << 22, tid: 1 << 22, comm: "processor", addr: 1}

// on writes an event to somebody's track.
func (f *perfettoForm) on(k *thread, name string, e *event) {
	id := [2]int{k.pid, k.tid}
	if was, ok := f.named[id]; !ok || was != k.comm {
		if len(f.named) >= maxThreads {
			clear(f.named)
		}
		f.named[id] = k.comm
		f.name(k)
	}
	phase := e.phase
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
	f.wrote(append(f.details(b, e), "}}"...))
}

// name names a thread, and if it is a process's first, the process.
func (f *perfettoForm) name(k *thread) {
	for _, what := range [2]string{"process_name", "thread_name"} {
		if what == "process_name" && k.pid != k.tid {
			continue
		}
		b := quote(append(f.head(what, 'M', k), `,"args":{"name":`...), k.comm)
		f.wrote(append(b, "}}"...))
	}
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
