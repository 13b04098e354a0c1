package protocol

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"vmrecord/bundle/debug"
	"vmrecord/vmm"
	"vmrecord/vmm/gdb"
	"vmrecord/vmm/tape"
)

// A method takes parameters as JSON.
type method func(*Server, context.Context, json.RawMessage) (any, error)

// with decodes a method's parameters.
func with[P any](f func(*Server, context.Context, P) (any, error)) method {
	return func(s *Server, ctx context.Context, raw json.RawMessage) (any, error) {
		var p P
		if raw = bytes.TrimSpace(raw); len(raw) > 0 && string(raw) != "null" {
			d := json.NewDecoder(bytes.NewReader(raw))
			d.DisallowUnknownFields()
			if raw[0] != '{' {
				return nil, wrong(badParams, "parameters are an object, by name")
			}
			if err := d.Decode(&p); err != nil {
				return nil, wrong(badParams, "parameters: %s", strings.TrimPrefix(err.Error(), "json: "))
			}
		}
		return f(s, ctx, p)
	}
}

type none struct{}

func methods() map[string]method {
	return map[string]method{
		"info":            with((*Server).info),
		"where":           with((*Server).where),
		"seek":            with((*Server).seek),
		"step":            with(func(s *Server, ctx context.Context, p steps) (any, error) { return s.step(ctx, p, false) }),
		"stepBack":        with(func(s *Server, ctx context.Context, p steps) (any, error) { return s.step(ctx, p, true) }),
		"continue":        with(func(s *Server, ctx context.Context, _ none) (any, error) { return s.run(ctx, gdb.Order{}) }),
		"reverseContinue": with(func(s *Server, ctx context.Context, _ none) (any, error) { return s.run(ctx, gdb.Order{Back: true}) }),
		"setStops":        with((*Server).setStops),
		"clearStops":      with(func(s *Server, ctx context.Context, _ none) (any, error) { return s.setStops(ctx, stopList{}) }),
		"readMemory":      with((*Server).readMemory),
		"registers":       with((*Server).registers),
		"backtrace":       with((*Server).backtrace),
		"threads":         with((*Server).threads),
		"processes":       with((*Server).processes),
		"symbols":         with((*Server).symbols),
		"resolve":         with((*Server).resolve),
		"hash":            with((*Server).hash),
		"events":          with((*Server).events),
		"console":         with((*Server).console),
		"probe":           with((*Server).probe),
		"monitor":         with((*Server).monitor),
		"close":           with(func(*Server, context.Context, none) (any, error) { return nil, nil }),
	}
}

// A position is one in an answer.
type position struct {
	At     vmm.Instant `json:"at"`
	Inputs uint64      `json:"inputs"`
}

func positionOf(p vmm.Position) position { return position{p.At, p.Inputs} }

func (s *Server) info(context.Context, none) (any, error) {
	type mark struct {
		Mark string `json:"mark"`
		Text string `json:"text"`
		position
	}
	marks := []mark{}
	for _, m := range s.Manifest.Markers {
		marks = append(marks, mark{m.Kind, m.Text, positionOf(m.Pos)})
	}
	t := s.Manifest.Tape
	return map[string]any{"protocol": 1, "file": s.File, "start": positionOf(t.Start), "end": positionOf(t.End),
		"hz": s.Manifest.Machine.Hz, "marks": marks}, nil
}

func (s *Server) where(context.Context, none) (any, error) { return s.Session.Here(), nil }

func (s *Server) seek(ctx context.Context, p struct {
	To string `json:"to"`
}) (any, error) {
	if err := s.Session.Goto(ctx, p.To); err != nil {
		return nil, err
	}
	return s.Session.Here(), nil
}

type steps struct {
	Count  *uint64 `json:"count"`
	Thread uint64  `json:"thread"`
}

const maxSteps = 1 << 48

func (s *Server) step(ctx context.Context, p steps, back bool) (any, error) {
	n := uint64(1)
	if p.Count != nil {
		n = *p.Count
	}
	if n == 0 || n > maxSteps {
		return nil, wrong(badParams, "count is from 1 to %d", uint64(maxSteps))
	}
	return s.run(ctx, gdb.Order{Back: back, Steps: n, Thread: p.Thread})
}

// run goes somewhere, up to a stop.
func (s *Server) run(ctx context.Context, o gdb.Order) (any, error) {
	o.Points = s.points
	stop, err := s.Session.Run(ctx, o)
	if err != nil {
		return nil, err
	}
	reason := map[gdb.Reason]string{gdb.Done: "done", gdb.Met: "stop", gdb.Interrupted: "cancelled", gdb.Begin: "start", gdb.End: "end"}
	a := map[string]any{"reason": reason[stop.Reason], "place": s.Session.Here()}
	if stop.Reason == gdb.Met {
		a["stop"] = slices.Index(s.points, stop.Point)
	}
	if stop.Note != "" {
		a["note"] = stop.Note
	}
	return a, nil
}

type stopList struct {
	Stops []struct {
		On   string `json:"on"`
		At   string `json:"at"`
		Size uint64 `json:"size"`
	} `json:"stops"`
	Process string `json:"process"`
}

// Limits on stops.
const (
	maxStops     = 256
	maxStopBytes = 1 << 20
)

func (s *Server) setStops(_ context.Context, p stopList) (any, error) {
	type place struct {
		On    string    `json:"on"`
		Addr  debug.Hex `json:"addr"`
		Size  uint64    `json:"size,omitempty"`
		Where string    `json:"where,omitempty"`
		Of    int       `json:"of"`
	}
	kinds := map[string]gdb.Kind{"": gdb.Exec, "exec": gdb.Exec, "write": gdb.Write, "read": gdb.Read, "access": gdb.Access}
	var points []gdb.Point
	all := []place{}
	for i, w := range p.Stops {
		kind, ok := kinds[w.On]
		if !ok || w.Size > maxStopBytes {
			return nil, wrong(badParams, "stop %d: on is exec, read, write or access, size at most %d", i, maxStopBytes)
		}
		where, err := s.Session.Resolve(w.At)
		if err != nil {
			return nil, fmt.Errorf("stop %d: %w", i, err)
		}
		point := gdb.Point{Kind: kind}
		if kind == gdb.Exec {
			w.On = "exec"
		} else if point.Size = w.Size; w.Size == 0 {
			point.Size = 8
		}
		for _, at := range where {
			point.Addr = uint64(at.Addr)
			points = append(points, point)
			all = append(all, place{w.On, at.Addr, point.Size, at.Where, i})
		}
		if len(points) > maxStops {
			return nil, wrong(badParams, "more than %d stops", maxStops)
		}
	}
	s.points = points
	s.Session.Only(p.Process)
	return map[string]any{"stops": all}, nil
}

const maxRead = 1 << 20 // bytes

func (s *Server) readMemory(_ context.Context, p struct {
	At     string `json:"at"`
	Size   int    `json:"size"`
	Thread uint64 `json:"thread"`
}) (any, error) {
	if p.Size < 1 || p.Size > maxRead {
		return nil, wrong(badParams, "size is from 1 to %d", maxRead)
	}
	thread, err := s.thread(p.Thread)
	if err != nil {
		return nil, err
	}
	at, err := s.Session.Resolve(p.At)
	if err != nil {
		return nil, err
	}
	b := make([]byte, p.Size)
	out := map[string]any{"addr": at[0].Addr}
	s.Session.OnLack(func(text string) { out["missing"] = text })
	defer s.Session.OnLack(nil)
	n := s.Session.Read(thread, uint64(at[0].Addr), b)
	out["data"] = hex.EncodeToString(b[:n])
	return out, nil
}

// thread is one that is here; 0 is what runs.
func (s *Server) thread(id uint64) (uint64, error) {
	all := s.Session.Threads()
	if id == 0 {
		return all[0].ID, nil
	}
	if !slices.ContainsFunc(all, func(t gdb.Thread) bool { return t.ID == id }) {
		return 0, &debug.ProbeError{Why: fmt.Sprintf("there is no thread %d here", id)}
	}
	return id, nil
}

type ofThread struct {
	Thread uint64 `json:"thread"`
}

func (s *Server) registers(_ context.Context, p ofThread) (any, error) {
	thread, err := s.thread(p.Thread)
	if err != nil {
		return nil, err
	}
	return s.Session.Values(thread), nil
}

func (s *Server) backtrace(context.Context, none) (any, error) {
	return map[string]any{"callers": listed(s.Session.Backtrace())}, nil
}

// listed is a list that is not null.
func listed[T any](l []T) []T { return append([]T{}, l...) }

func (s *Server) threads(context.Context, none) (any, error) {
	type thread struct {
		ID   uint64 `json:"id"`
		Name string `json:"name"`
		Note string `json:"note"`
	}
	all := []thread{}
	for _, t := range s.Session.Threads() {
		all = append(all, thread(t))
	}
	return map[string]any{"threads": all}, nil
}

func (s *Server) processes(context.Context, none) (any, error) {
	all, err := s.Session.Processes()
	if err != nil && len(all) == 0 {
		return nil, &debug.ProbeError{Why: err.Error()}
	}
	a := map[string]any{"processes": all}
	if err != nil {
		a["error"] = err.Error()
	}
	return a, nil
}

func (s *Server) symbols(_ context.Context, p struct {
	Dir string `json:"dir"`
}) (any, error) {
	if p.Dir == "" {
		return nil, wrong(badParams, "dir is the folder with programs' ELF files")
	}
	return map[string]any{}, s.Session.Symbols(p.Dir)
}

func (s *Server) resolve(_ context.Context, p struct {
	At string `json:"at"`
}) (any, error) {
	all, err := s.Session.Resolve(p.At)
	return map[string]any{"places": all}, err
}

func (s *Server) hash(context.Context, none) (any, error) {
	return map[string]any{"sha256": s.Session.Hash()}, nil
}

// few is a small number of things asked for.
func few(n *int) (int, error) {
	const usual, most = 10, 10_000
	switch {
	case n == nil:
		return usual, nil
	case *n < 1 || *n > most:
		return 0, wrong(badParams, "want a number from 1 to %d", most)
	}
	return *n, nil
}

func (s *Server) events(_ context.Context, p struct {
	Count *int `json:"count"`
}) (any, error) {
	n, err := few(p.Count)
	if err != nil {
		return nil, err
	}
	before, after, err := s.Session.Events(n)
	return map[string]any{"before": eventsOf(before), "after": eventsOf(after)}, err
}

func eventsOf(all []tape.Frame) []map[string]any {
	list := []map[string]any{}
	for _, f := range all {
		e := map[string]any{"at": f.Pos.At, "inputs": f.Pos.Inputs}
		if f.Kind == tape.KindMark {
			e["mark"], e["text"] = f.MarkKind.String(), f.Text
		} else {
			e["inlet"], e["data"] = f.Input.Inlet, hex.EncodeToString(f.Input.Data)
		}
		list = append(list, e)
	}
	return list
}

func (s *Server) console(_ context.Context, p struct {
	Lines *int `json:"lines"`
}) (any, error) {
	n, err := few(p.Lines)
	if err != nil {
		return nil, err
	}
	return map[string]any{"lines": listed(s.Session.Console(n))}, nil
}

func (s *Server) probe(ctx context.Context, p struct {
	At      string   `json:"at"`
	Print   []string `json:"print"`
	Symbols string   `json:"symbols"`
	Process string   `json:"process"`
	Return  bool     `json:"return"`
	From    string   `json:"from"`
	To      string   `json:"to"`
	Limit   uint64   `json:"limit"`
}) (any, error) {
	o := debug.Probe{At: p.At, Print: p.Print, Symbols: p.Symbols, Process: p.Process, Return: p.Return,
		From: s.Manifest.Tape.Start, To: s.Manifest.Tape.End}
	for _, at := range []struct {
		text string
		p    *vmm.Position
	}{{p.From, &o.From}, {p.To, &o.To}} {
		if at.text == "" {
			continue
		}
		var err error
		if *at.p, err = s.Session.Parse(at.text); err != nil {
			return nil, err
		}
	}
	n := uint64(0)
	err := s.Session.Probe(ctx, o, func(shot *debug.Shot) (bool, error) {
		n++
		return n != p.Limit, s.notify("shot", shot)
	})
	return map[string]any{"shots": n}, err
}

func (s *Server) monitor(ctx context.Context, p struct {
	Command string `json:"command"`
}) (any, error) {
	var text strings.Builder
	err := s.Session.Monitor(ctx, p.Command, &text)
	return map[string]any{"text": text.String()}, err
}
