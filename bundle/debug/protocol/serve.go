package protocol

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"vmrecord/bundle"
	"vmrecord/bundle/debug"
	"vmrecord/vmm/gdb"
)

// Limits on what comes in.
const (
	maxLine  = 1 << 20 // bytes
	maxQueue = 64      // requests
)

// A Server is what requests are answered with.
type Server struct {
	Session  *debug.Session
	Manifest *bundle.Manifest
	File     string
	Code     func(error) int  // what a failed request's error is in JSON-RPC; not 0
	Now      func() time.Time // nil: as time has it; for progress alone

	out    *json.Encoder
	flush  func() error
	points []gdb.Point
}

// An Error is an error as JSON-RPC writes it.
type Error struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

func (e *Error) Error() string { return e.Message }

// JSON-RPC's own codes.
const (
	notJSON   = -32700
	noRequest = -32600
	noMethod  = -32601
	badParams = -32602
)

func wrong(code int, format string, a ...any) *Error { return &Error{code, fmt.Sprintf(format, a...)} }

// A request is a line that came in.
type request struct {
	id     json.RawMessage // nil: nobody waits for an answer
	method string
	params json.RawMessage
	bad    *Error
	ctx    context.Context
	done   context.CancelFunc
}

type message struct {
	JSONRPC string          `json:"jsonrpc"`
	ID      json.RawMessage `json:"id"`
	Method  string          `json:"method"`
	Params  json.RawMessage `json:"params"`
}

// parse reads a line. An answer to what is none has id null.
func parse(line []byte) (r request) {
	var m message
	r.id = json.RawMessage("null")
	if err := json.Unmarshal(line, &m); err != nil {
		if r.bad = wrong(notJSON, "that is no JSON: %v", err); json.Valid(line) {
			r.bad = wrong(noRequest, "that is no request: an object with jsonrpc, id, method, params")
		}
		return r
	}
	switch m.ID = bytes.TrimSpace(m.ID); {
	case len(m.ID) > 0 && (len(m.ID) > 256 || bytes.IndexByte([]byte(`"-0123456789n`), m.ID[0]) < 0):
		r.bad = wrong(noRequest, "an id is a number or a short text")
	case m.JSONRPC != "2.0":
		r.bad = wrong(noRequest, `that is no request: it has no "jsonrpc":"2.0"`)
	case m.Method == "":
		r.bad = wrong(noRequest, "that is no request: it has no method")
	}
	if r.bad == nil || len(m.ID) > 0 && len(m.ID) <= 256 {
		r.id = m.ID
	}
	if len(m.ID) == 0 && r.bad == nil {
		r.id = nil
	}
	r.method, r.params = m.Method, m.Params
	return r
}

// readLine reads a line without its end; of one that is too long, nothing.
func readLine(r *bufio.Reader) (line []byte, long bool, err error) {
	for {
		part, err := r.ReadSlice('\n')
		if long = long || len(line)+len(part) > maxLine; !long {
			line = append(line, part...)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case err != nil && len(part) == 0 && len(line) == 0 && !long:
			return nil, false, err
		}
		return bytes.TrimSpace(line), long, nil
	}
}

// An inbox takes requests in while one is carried out, so that it can be
// cancelled.
type inbox struct {
	mu   sync.Mutex
	open map[string]context.CancelFunc // by id
	in   chan request
}

func newInbox() *inbox {
	return &inbox{open: map[string]context.CancelFunc{}, in: make(chan request, maxQueue)}
}

// read takes requests in until they end.
func (b *inbox) read(ctx context.Context, from io.Reader) {
	defer close(b.in)
	r := bufio.NewReaderSize(from, 64<<10)
	for {
		line, long, err := readLine(r)
		if err != nil {
			return
		}
		if len(line) == 0 && !long {
			continue
		}
		q := request{id: json.RawMessage("null"), bad: wrong(noRequest, "a line has more than %d bytes", maxLine)}
		if !long {
			q = parse(line)
		}
		if q.bad == nil && q.method == "cancel" {
			b.cancel(q.params)
			continue
		}
		q.ctx, q.done = context.WithCancel(ctx)
		b.mu.Lock()
		b.open[string(q.id)] = q.done
		b.mu.Unlock()
		select {
		case b.in <- q:
		case <-ctx.Done():
			return
		}
	}
}

func (b *inbox) cancel(params json.RawMessage) {
	var p struct {
		ID json.RawMessage `json:"id"`
	}
	if json.Unmarshal(params, &p) != nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if done, ok := b.open[string(bytes.TrimSpace(p.ID))]; ok {
		done()
	}
}

func (b *inbox) forget(q request) {
	q.done()
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.open, string(q.id))
}

// Serve answers requests until they end, or one closes the session. Its errors
// are the context's, and w's. A reader that blocks stays behind when it returns.
func (s *Server) Serve(ctx context.Context, r io.Reader, w io.Writer) error {
	if s.Now == nil {
		s.Now = time.Now
	}
	out := bufio.NewWriter(w)
	s.out, s.flush = json.NewEncoder(out), out.Flush
	s.out.SetEscapeHTML(false)
	defer s.Session.OnProgress(nil)
	ctx, over := context.WithCancel(ctx)
	defer over()
	b := newInbox()
	go b.read(ctx, r)
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case q, more := <-b.in:
			if !more {
				return nil
			}
			err := s.answer(q)
			b.forget(q)
			if err != nil || q.method == "close" && q.bad == nil {
				return err
			}
		}
	}
}

// answer carries a request out.
func (s *Server) answer(q request) error {
	var result any
	bad := q.bad
	if bad == nil {
		s.watch(q)
		var err error
		if result, err = s.call(q); err != nil && !errors.As(err, &bad) {
			bad = &Error{s.Code(err), err.Error()}
		}
	}
	switch {
	case q.id == nil:
		return nil
	case bad != nil:
		return s.send(map[string]any{"jsonrpc": "2.0", "id": q.id, "error": bad})
	}
	return s.send(map[string]any{"jsonrpc": "2.0", "id": q.id, "result": result})
}

func (s *Server) send(v any) error { return errors.Join(s.out.Encode(v), s.flush()) }

// watch tells of a request's progress, if it takes long.
func (s *Server) watch(q request) {
	const patience, often = time.Second, time.Second / 2
	last := s.Now().Add(patience - often)
	s.Session.OnProgress(func(done, total uint64) {
		if now := s.Now(); q.id != nil && now.Sub(last) >= often {
			last = now
			_ = s.notify("progress", map[string]any{"id": q.id, "done": done, "total": total}) // the answer fails too
		}
	})
}

func (s *Server) notify(method string, params any) error {
	return s.send(map[string]any{"jsonrpc": "2.0", "method": method, "params": params})
}

// call finds the method.
func (s *Server) call(q request) (any, error) {
	m, ok := methods()[q.method]
	if !ok {
		return nil, wrong(noMethod, "there is no method %.80q", q.method)
	}
	if err := q.ctx.Err(); err != nil {
		return nil, err
	}
	return m(s, q.ctx, q.params)
}
