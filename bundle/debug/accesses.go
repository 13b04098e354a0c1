package debug

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"

	"vmrecord/bundle/debug/program"
	"vmrecord/vmm"
	"vmrecord/vmm/cpu"
	"vmrecord/vmm/timeline"
	"vmrecord/vmm/x86"
)

// An Access is an instruction that reads or writes what was asked about; where a
// loop does, the last time.
type Access struct {
	Position      vmm.Position `json:"position"`
	Seconds       float64      `json:"seconds"` // guest time from there to where the session stands
	Write         bool         `json:"write"`   // perhaps after a read
	Times         int          `json:"times"`   // one after another
	Address       uint64       `json:"address"` // of what it accesses
	Size          int          `json:"size"`    // bytes
	Was           string       `json:"was"`     // what was asked about, before it; "" if it is not mapped
	Is            string       `json:"is"`      // and behind it
	PID           int          `json:"pid"`     // 0: not known
	Thread        int          `json:"thread"`
	Process       string       `json:"process"`
	RIP           uint64       `json:"rip"`
	Symbol        string       `json:"symbol,omitempty"` // of the kernel's
	program.Place              // in a program's source, if known

	rsp, cr3 uint64
}

// A region is what is asked about.
type region struct {
	la, size uint64
	stops    []vmm.Stop // its writes, and its reads behind them
}

// A NameError says that what a user named is not there.
type NameError struct{ error }

func (e *NameError) Unwrap() error { return e.error }

const maxWhy = 1 << 20 // bytes

// region finds what a user names; size 0: as large as it is, or eight bytes.
// Below the kernel's half, it is in the address spaces of the one program that
// counts, or in the one in use.
func (s *Session) region(what string, size uint64) (r region, err error) {
	var own uint64
	if r.la, own, err = s.address(what); err != nil {
		return r, &NameError{err}
	}
	if r.size = size; size == 0 {
		r.size = min(max(own, 1), maxWhy)
	}
	if r.la+r.size-1 < r.la {
		r.size = -r.la // to the end of the address space
	}
	spaces := []vmm.Stop{{Any: r.la >= kernelHalf, CR3: s.line.Machine().CPU.CR3}}
	if s.only != "" && r.la < kernelHalf {
		if _, err := s.subject(); err != nil {
			return r, &NameError{err}
		}
		if spaces, err = s.restricted(); err != nil {
			return r, err
		}
	}
	for _, on := range []vmm.StopOn{vmm.StopWrite, vmm.StopRead} {
		for _, in := range spaces {
			in.On, in.First, in.Last = on, r.la, r.la+r.size-1
			r.stops = append(r.stops, in)
		}
	}
	return r, nil
}

func (r region) writes() []vmm.Stop { return r.stops[:len(r.stops)/2] }

// Accesses are the last n before here, at most, to what a user names: an address, a
// kernel's symbol, or a program's variable; in order. Go's checks for nil, which
// use nothing of what they read, do not count.
//
// The last n writes are searched for, backwards, and what lies behind them is gone
// through once: all of the last n accesses lie there.
func (s *Session) Accesses(ctx context.Context, what string, n int) (all []Access, err error) {
	r, err := s.region(what, 0)
	if err != nil {
		return nil, err
	}
	here := s.Position()
	defer func() { err = errors.Join(err, s.line.Seek(context.WithoutCancel(ctx), here)) }()
	writes, err := s.writes(ctx, r, n)
	if err != nil {
		return nil, err
	}
	from := s.line.Start()
	if len(writes) == n {
		from = writes[0]
	}
	if err := s.line.Seek(ctx, from); err != nil {
		return nil, err
	}
	visit := func(h vmm.Hit) ([]vmm.Stop, bool) {
		write := h.Write || slices.Contains(writes, s.Position())
		if !write && s.nilCheck() {
			return nil, true
		}
		a := s.access(r, h, here)
		a.Write = write
		all = a.behind(all)
		all = all[max(0, len(all)-n):]
		return nil, true
	}
	if err = s.line.Each(ctx, r.stops, here, visit); err == nil && len(all) > 0 {
		z := &all[len(all)-1]
		at, size := r.shown(z.Address, z.Size)
		b := make([]byte, size)
		z.Is = number(b[:s.read(at, b)])
	}
	return all, err
}

// writes are where the last n writes before here are next, at most, in order. It
// is left at the first of them, or at the start.
func (s *Session) writes(ctx context.Context, r region, n int) (all []vmm.Position, err error) {
	for len(all) < n {
		f, err := s.line.Prev(ctx, timeline.Query{Stops: r.writes()})
		if errors.Is(err, timeline.ErrNone) {
			if err := ignore(err); err != nil {
				return nil, err
			}
			break
		}
		if err != nil {
			return nil, err
		}
		all = append(all, f.Position)
	}
	slices.Reverse(all)
	return all, nil
}

// access describes the one that is about to happen, up to what it leads to.
func (s *Session) access(r region, h vmm.Hit, here vmm.Position) Access {
	m := s.line.Machine()
	a := Access{Position: s.Position(), Seconds: s.seconds(here) - s.seconds(s.Position()), Write: h.Write, Times: 1, Address: h.Addr, Size: int(h.Size),
		RIP: m.CPU.RIP, rsp: m.CPU.R[x86.RSP], cr3: m.CPU.CR3}
	a.Was = s.value(r.shown(a.Address, a.Size))
	l, err := s.guest.at(m)
	if err != nil {
		return a
	}
	if t, err := l.Current(); err == nil {
		a.PID, a.Thread, a.Process = t.TGID, t.PID, printable(t.Comm)
	}
	a.Place = s.place(a.RIP)
	a.Symbol = symbol(l, a.RIP)
	return a
}

// behind puts an access at the end of a list. It says what the one before led to,
// and is one with it if the same instruction of the same call did it.
func (a Access) behind(all []Access) []Access {
	if len(all) == 0 {
		return append(all, a)
	}
	z := &all[len(all)-1]
	if z.RIP == a.RIP && z.rsp == a.rsp && z.cr3 == a.cr3 && z.Write == a.Write && z.Address == a.Address {
		a.Times, a.Was = z.Times+1, z.Was
		*z = a
		return all
	}
	z.Is = a.Was
	return append(all, a)
}

// nilCheck tells whether what is next is TESTB AL, (pointer), by which Go's
// compiler has a nil pointer fault (SDM vol. 2B, TEST: 84 /r).
func (s *Session) nilCheck() bool {
	m := s.line.Machine()
	b := make([]byte, 3)
	b = b[:s.peek(m.CPU.RIP, b)]
	if len(b) > 0 && b[0]&0xf0 == 0x40 { // REX
		b = b[1:]
	}
	return m.CPU.EFER&cpu.EFERLMA != 0 && len(b) >= 2 && b[0] == 0x84 && b[1]>>6 != 3 && b[1]>>3&7 == 0
}

// shown is what of a region an access shows: all of a small one, else what it
// accesses itself.
func (r region) shown(la uint64, size int) (at, n uint64) {
	if r.size <= 8 {
		return r.la, r.size
	}
	return la, min(uint64(size), 16)
}

// value is memory as what runs sees it.
func (s *Session) value(la, n uint64) string {
	b := make([]byte, n)
	return number(b[:s.peek(la, b)])
}

// read copies memory as the program that counts sees it, or what runs.
func (s *Session) read(la uint64, p []byte) int {
	if t, err := s.subject(); err == nil && s.only != "" && la < kernelHalf {
		return t.Read(la, p)
	}
	return s.Read(s.Threads()[0].ID, la, p)
}

// number is memory as a user reads it: a small integer, or another number of a
// usual size, or bytes.
func number(b []byte) string {
	var v int64
	switch len(b) {
	case 1:
		v = int64(int8(b[0]))
	case 2:
		v = int64(int16(binary.LittleEndian.Uint16(b)))
	case 4:
		v = int64(int32(binary.LittleEndian.Uint32(b)))
	case 8:
		v = int64(binary.LittleEndian.Uint64(b))
	default:
		return fmt.Sprintf("% x", b)
	}
	if v != int64(int32(v)) {
		return fmt.Sprintf("%#x", uint64(v))
	}
	return strconv.FormatInt(v, 10)
}

// Line is the access as a row of a list: time, thread, what happened, where.
func (a Access) Line() string {
	what := "read  " + a.Is
	if a.Write {
		what = "write " + a.Was + " -> " + a.Is
	}
	if a.Times > 1 {
		what += fmt.Sprintf(", %d times", a.Times)
	}
	where := a.Place.String()
	if where == "" {
		where = a.Symbol
	}
	if where == "" {
		where = fmt.Sprintf("%#x", a.RIP)
	}
	return fmt.Sprintf("%9.3f ms  %7d %-15s  %-22s  %s", -a.Seconds*1e3, a.Thread, a.Process, what, where)
}

// WriteAccesses writes such rows, of at most n that were asked for.
func WriteAccesses(out io.Writer, all []Access, n int) error {
	if len(all) < n {
		fmt.Fprintf(out, "before these %d, none since the recording's start\n", len(all))
	}
	fmt.Fprintf(out, "%12s  %7s %-15s  %-22s  %s\n", "BEFORE", "THREAD", "PROCESS", "ACCESS", "BY")
	for _, a := range all {
		if _, err := fmt.Fprintln(out, a.Line()); err != nil {
			return err
		}
	}
	return nil
}

// who lists accesses of both kinds.
func (s *Session) who(ctx context.Context, args []string, out io.Writer) error {
	if len(args) == 0 {
		return errors.New("who takes an address, a symbol or a variable, and how many accesses (10 if not told)")
	}
	n, err := count(args[1:], 10)
	if err != nil {
		return err
	}
	all, err := s.Accesses(ctx, args[0], n)
	return errors.Join(err, WriteAccesses(out, all, n))
}

// why tells of the last write.
func (s *Session) why(ctx context.Context, args []string, out io.Writer) (err error) {
	if len(args) == 0 || len(args) > 2 {
		return errors.New("why takes an address, a symbol or a variable, and how many bytes (if not told, all of a variable, or 8)")
	}
	size := uint64(0)
	if len(args) == 2 {
		if size, err = strconv.ParseUint(args[1], 0, 32); err != nil || size == 0 || size > maxWhy {
			return fmt.Errorf("%q is no number of bytes from 1 to %d", args[1], maxWhy)
		}
	}
	r, err := s.region(args[0], size)
	if err != nil {
		return err
	}
	here := s.Position()
	defer func() { err = errors.Join(err, s.line.Seek(context.WithoutCancel(ctx), here)) }()
	f, err := s.line.Prev(ctx, timeline.Query{Stops: r.writes()})
	if errors.Is(err, timeline.ErrNone) && ignore(err) == nil {
		_, err = fmt.Fprintf(out, "No instruction between the recording's start and here writes to %#x, %d bytes.\n", r.la, r.size)
		return err
	}
	if err != nil {
		return err
	}
	a, by := s.access(r, f.Hit, here), s.at()
	if err := s.line.StepInsn(ctx, 1); err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%#x, %d bytes, was last written at %s\n  by %s\n  was %s\n  is  %s\n  to go there: goto %s\n",
		a.Address, a.Size, s.where(a.Position), by, a.Was, s.value(r.shown(a.Address, a.Size)), a.Position)
	return err
}
