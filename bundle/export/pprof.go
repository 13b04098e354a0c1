package export

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/google/pprof/profile"

	"vmrecord/bundle/debug"
	"vmrecord/vmm"
	"vmrecord/vmm/cpu"
	"vmrecord/vmm/guestos"
	"vmrecord/vmm/tape"
)

// DefaultPeriod is how many instructions pass between samples, usually.
const DefaultPeriod = 100_000

// kernelID numbers the kernel's mapping; those of files follow.
const kernelID = 1

// A profiler gathers samples.
type profiler struct {
	j       *job
	linux   *guestos.Linux // once it was found
	unwind  *debug.Unwinder
	prof    *profile.Profile
	samples map[string]*profile.Sample
	places  map[place]*profile.Location
	names   map[string]*profile.Function
	files   map[guestos.Mapping]*file
	kernel  *profile.Mapping
	maps    map[uint64][]guestos.Mapping // by page tables
	lacks   map[place]bool               // pages that were in none of them
}

// A place is an address of a program's, or of the kernel's (space 0).
type place struct{ space, la uint64 }

// A file is one that a program has mapped.
type file struct {
	profile.Mapping
	name func(la uint64) (name string, off uint64, ok bool) // nil: nobody does
}

// pprof writes what the processor did, as a profile.
func pprof(j *job) error {
	if err := j.play(j.From, ears{}); err != nil {
		return err
	}
	p := &profiler{j: j, samples: map[string]*profile.Sample{}, places: map[place]*profile.Location{}, names: map[string]*profile.Function{},
		files: map[guestos.Mapping]*file{}, maps: map[uint64][]guestos.Mapping{}, lacks: map[place]bool{}}
	p.kernel = &profile.Mapping{ID: kernelID, Start: imageFirst, Limit: 1<<64 - 1, File: "[kernel]", HasFunctions: true}
	kind := &profile.ValueType{Type: "instructions", Unit: "count"}
	p.prof = &profile.Profile{SampleType: []*profile.ValueType{{Type: "samples", Unit: "count"}, kind}, DefaultSampleType: kind.Type,
		PeriodType: kind, Period: int64(j.Period),
		DurationNanos: int64(1e9 * j.seconds(j.m.Now(), max(j.To.At, j.m.Now()))), Comments: []string{j.ID}}
	if err := p.run(); err != nil {
		return err
	}
	if p.linux == nil {
		return &NoLinuxError{errNoSamples}
	}
	p.prof.Mapping = append(p.prof.Mapping, p.kernel) // last: the first is taken for the program
	if err := p.prof.CheckValid(); err != nil {
		return fmt.Errorf("make a profile: %w", err)
	}
	return p.prof.Write(j.w)
}

var errNoSamples = errors.New("no Linux that could be read was found in the guest's memory in this window, so there is nobody to name; try a later window")

// run samples up to the window's end.
func (p *profiler) run() error {
	const piece = 1 << 24 // instants between looks at the context
	j, m := p.j, p.j.m
	r := j.Replay.Timeline(nil)
	start := m.Now()
	m.Beat = m.Retired() + j.Period
	defer func() { m.Beat = 0 }()
	for !r.Player.Ended() && (m.Now() < j.To.At || m.Now() == j.To.At && m.Inputs() < j.To.Inputs) {
		next := j.To
		if at := m.Now() + piece; at < next.At {
			next = vmm.Position{At: at, Inputs: tape.All}
		}
		e, err := r.Player.Run(next)
		if err != nil {
			return err
		}
		if err := j.ctx.Err(); err != nil {
			return err
		}
		j.Progress("replaying", uint64(m.Now()-start), uint64(j.To.At-start))
		if e == vmm.Beat {
			p.sample()
			m.Beat = m.Retired() + j.Period
			continue
		}
		if next == j.To {
			break
		}
	}
	return nil
}

// find has the kernel as it is now; nil: none is to be seen.
func (p *profiler) find() *guestos.Linux {
	ram, regs := p.j.m.Mem, guestos.Of(p.j.m.CPU)
	if p.linux != nil {
		l, _ := p.linux.At(ram, regs)
		return l
	}
	l, err := guestos.Find(ram, regs)
	if err != nil {
		return nil
	}
	p.linux, p.unwind = l, debug.NewUnwinder(l)
	return l
}

// sample takes one: the stack, and whose it is.
func (p *profiler) sample() {
	l := p.find()
	if l == nil {
		return
	}
	task, err := l.Current()
	if err != nil {
		return
	}
	stack := p.stack(l, task)
	key := fmt.Sprint(task.TGID, task.Comm)
	for _, loc := range stack {
		key += fmt.Sprint(" ", loc.ID)
	}
	s := p.samples[key]
	if s == nil {
		s = &profile.Sample{Location: stack, Value: make([]int64, 2), Label: map[string][]string{"process": {task.Comm}},
			NumLabel: map[string][]int64{"pid": {int64(task.TGID)}}}
		p.samples[key] = s
		p.prof.Sample = append(p.prof.Sample, s)
	}
	s.Value[0]++
	s.Value[1] += int64(p.j.Period)
}

const maxDepth = 128

// stack is where the processor is, and then its callers.
func (p *profiler) stack(l *guestos.Linux, task guestos.Task) (stack []*profile.Location) {
	at, ok := debug.Top(p.j.m.CPU), true
	for ok && len(stack) < maxDepth {
		la := at.PC
		if !at.Exact { // within the call, not behind it
			la--
		}
		loc := p.location(l, task, la)
		if loc == nil {
			break
		}
		stack = append(stack, loc)
		at, ok = p.unwind.Caller(at, p.read)
	}
	return stack
}

func (p *profiler) read(la uint64) (uint64, bool) {
	var b [8]byte
	n := cpu.Peek(p.j.m.CPU, p.j.m.Mem, la, b[:])
	return binary.LittleEndian.Uint64(b[:]), n == len(b)
}

// location is an address's, with its function if that is known; nil: in nothing that
// is known.
func (p *profiler) location(l *guestos.Linux, task guestos.Task, la uint64) *profile.Location {
	k := place{la: la}
	if la>>63 == 0 {
		k.space = task.CR3
	}
	if loc := p.places[k]; loc != nil {
		return loc
	}
	loc := &profile.Location{ID: uint64(len(p.prof.Location) + 1), Address: la, Mapping: p.kernel}
	name, ok := "", false
	if k.space == 0 {
		var y guestos.Symbol
		if y, _, ok = l.SymbolAt(la); !ok {
			return nil
		}
		name = y.Name
	} else {
		f := p.mapping(task, la)
		if f == nil {
			return nil
		}
		if loc.Mapping = &f.Mapping; f.name != nil {
			name, _, ok = f.name(la)
		}
	}
	if ok {
		loc.Line = []profile.Line{{Function: p.function(name)}}
	}
	p.places[k] = loc
	p.prof.Location = append(p.prof.Location, loc)
	return loc
}

func (p *profiler) function(name string) *profile.Function {
	f := p.names[name]
	if f == nil {
		f = &profile.Function{ID: uint64(len(p.prof.Function) + 1), Name: name, SystemName: name}
		p.names[name] = f
		p.prof.Function = append(p.prof.Function, f)
	}
	return f
}

// mapping is the file that a program's address is in.
func (p *profiler) mapping(task guestos.Task, la uint64) *file {
	page := place{task.CR3, la / pageBytes}
	for !p.lacks[page] {
		for _, m := range p.maps[task.CR3] {
			if la >= m.Start && la < m.End {
				return p.file(task, m)
			}
		}
		p.maps[task.CR3], _ = task.Maps() // some are better than none
		p.lacks[page] = !slices.ContainsFunc(p.maps[task.CR3], func(m guestos.Mapping) bool { return la >= m.Start && la < m.End })
	}
	return nil
}

func (p *profiler) file(task guestos.Task, m guestos.Mapping) *file {
	f := p.files[m]
	if f == nil {
		f = &file{Mapping: profile.Mapping{ID: uint64(kernelID + 1 + len(p.prof.Mapping)), Start: m.Start, Limit: m.End, Offset: m.Offset, File: m.Path}}
		if p.j.Names != nil {
			f.name = p.j.Names(task, p.maps[task.CR3], m)
		}
		f.HasFunctions = f.name != nil
		p.files[m] = f
		p.prof.Mapping = append(p.prof.Mapping, &f.Mapping)
	}
	return f
}
