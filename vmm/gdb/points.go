package gdb

import (
	"errors"
	"slices"
	"strings"
)

// maxPoints bounds the list.
const maxPoints = 1024

// A placed is a point as gdb placed it: the same address may have a
// breakpoint of each kind.
type placed struct {
	typ byte // '0' software, '1' hardware breakpoint, '2' to '4' watchpoints
	Point
}

// points are in the order in which they were placed.
type points []placed

// list is what an Order carries.
func (p points) list() (out []Point) {
	for _, e := range p {
		if !slices.Contains(out, e.Point) {
			out = append(out, e.Point)
		}
	}
	return out
}

// parsePoint reads "TYPE,ADDR,SIZE". For breakpoints the size is a kind, which
// means nothing here. Conditions may follow; none were offered, none are sent.
func parsePoint(rest string) (p placed, ok bool) {
	rest, _, _ = strings.Cut(rest, ";")
	typ, where, _ := strings.Cut(rest, ",")
	addr, size, ok := pair(where)
	if !ok || len(typ) != 1 || typ[0] < '0' || typ[0] > '4' {
		return p, false
	}
	p = placed{typ[0], Point{Addr: addr}}
	if typ[0] < '2' {
		return p, true
	}
	p.Size, p.Kind = size, [...]Kind{Write, Read, Access}[typ[0]-'2']
	return p, size > 0 && addr+size-1 >= addr
}

// insert is "Z TYPE,ADDR,SIZE"; one that is there already stays.
func (s *session) insert(rest string) string {
	p, ok := parsePoint(rest)
	switch {
	case !ok:
		return badForm
	case slices.Contains(s.points, p):
		return "OK"
	case len(s.points) == maxPoints:
		return refuse(errors.New("too many breakpoints: delete some"))
	}
	s.points = append(s.points, p)
	return "OK"
}

// remove is "z TYPE,ADDR,SIZE".
func (s *session) remove(rest string) string {
	p, ok := parsePoint(rest)
	if !ok {
		return badForm
	}
	s.points = slices.DeleteFunc(s.points, func(e placed) bool { return e == p })
	return "OK"
}

// reason names a point that was met as a stop reply does. A watchpoint is
// named by its own address, so that gdb knows it again.
func (p points) reason(m Point) string {
	for _, e := range p {
		if e.Point != m {
			continue
		}
		switch e.typ {
		case '0':
			return "swbreak:;"
		case '1':
			return "hwbreak:;"
		}
		return [...]string{"watch", "rwatch", "awatch"}[e.typ-'2'] + ":" + hexNumber(e.Addr) + ";"
	}
	return ""
}
