package debug

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"vmrecord/bundle/debug/program"
	"vmrecord/vmm"
	"vmrecord/vmm/guestos"
)

// A site is where a probe is placed.
type site struct {
	file  *program.File // nil: the kernel's, or just an address
	addr  uint64        // as linked
	begin bool          // a function's first instruction
	back  bool          // a function's return

	fn     *program.Function // what is known of a program's function; may be nil
	kernel []guestos.Param   // and of the kernel's
	result guestos.Param
	typed  bool // kernel and result are known
	isGo   bool // it is a program of Go's
}

const (
	maxBody  = 1 << 20 // bytes of a function
	maxStops = 4096

	maxReturns = 1024
)

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// moving tells whether a site is in a file whose place has to be found.
func (w *prober) moving() bool {
	return slices.ContainsFunc(w.sites, func(s *site) bool { return s.file != nil && s.file.Moves })
}

// find makes sites of what the user wrote.
func (w *prober) find() error {
	w.sites = nil
	at := strings.TrimSpace(strings.TrimPrefix(w.At, "func "))
	if la, err := strconv.ParseUint(at, 0, 64); err == nil {
		s := &site{addr: la}
		if w.linux != nil {
			y, off, ok := w.linux.SymbolAt(la)
			w.begins(s, y.Name, ok && off == 0)
		}
		w.sites = []*site{s}
		return nil
	}
	if file, line, ok := lineOf(at); ok {
		return w.lines(file, line)
	}
	for _, f := range w.files {
		for _, b := range f.Functions(at) {
			if f.Object {
				continue
			}
			if err := w.function(&site{file: f, addr: b.Addr}, at, f.Code(b.Addr, int(min(b.Size, maxBody)))); err != nil {
				return err
			}
		}
	}
	if len(w.sites) > 0 {
		return nil
	}
	if w.linux == nil {
		return w.unknown(at)
	}
	y, ok := w.linux.Symbol(at)
	if !ok {
		return w.unknown(at)
	}
	body := make([]byte, min(y.Size, maxBody))
	return w.function(&site{addr: y.Addr}, at, body[:w.linux.Read(y.Addr, body)])
}

// lineOf takes FILE:LINE apart.
func lineOf(at string) (file string, line int, ok bool) {
	i := strings.LastIndexByte(at, ':')
	if i <= 0 {
		return "", 0, false
	}
	line, err := strconv.Atoi(at[i+1:])
	return at[:i], line, err == nil && line > 0
}

func (w *prober) lines(file string, line int) error {
	why := w.lacks
	for _, f := range w.files {
		if f.Object {
			continue
		}
		addrs, err := f.Line(file, line)
		why = errors.Join(why, err)
		for _, a := range addrs {
			s := &site{file: f, addr: a}
			name, off, ok := f.SymbolAt(a)
			w.begins(s, name, ok && off == 0)
			w.sites = append(w.sites, s)
		}
	}
	if len(w.sites) == 0 {
		return &ProbeError{Why: fmt.Sprintf("no code of %s:%d is known: %s", file, line, either(text(why), "name a folder with the program by --symbols DIR, and a line that has code"))}
	}
	return nil
}

// begins has a site be the beginning of a function, if it is.
func (w *prober) begins(s *site, name string, is bool) {
	if s.begin = is && !w.Return; s.begin {
		w.types(s, name, s.addr)
	}
}

// function adds a function's beginning or, of its code, its returns: RET (C3, C2)
// and REP RET. An instruction that begins with one of these bytes is one, and
// where none begins no probe is met.
func (w *prober) function(s *site, name string, code []byte) error {
	if w.begins(s, name, true); s.begin {
		w.sites = append(w.sites, s)
		return nil
	}
	w.types(s, name, s.addr)
	for i, c := range code {
		if c == 0xc3 || c == 0xc2 || c == 0xf3 && i+1 < len(code) && code[i+1] == 0xc3 {
			r := *s
			r.addr, r.back = s.addr+uint64(i), true
			w.sites = append(w.sites, &r)
		}
	}
	if len(w.sites) > maxReturns {
		return &ProbeError{Why: fmt.Sprintf("%s is too large to look for its returns; probe where it begins", name)}
	}
	if len(w.sites) == 0 {
		return &ProbeError{Why: fmt.Sprintf("%s has no return that is known; probe where it begins", name)}
	}
	return nil
}

// types finds what a function takes and returns: a module's in its file, if it is
// there, others of the kernel's in BTF.
func (w *prober) types(s *site, name string, begins uint64) {
	if s.file != nil {
		s.isGo = len(s.file.Functions("runtime.main")) > 0
		if fn, err := s.file.Function(begins); err == nil {
			s.fn = fn
		}
		return
	}
	for _, f := range w.files {
		if addr, _, ok := f.Symbol(name); ok && f.Object {
			if fn, err := f.Function(addr); err == nil {
				s.fn = fn
				return
			}
		}
	}
	var err error
	s.kernel, s.result, err = w.linux.Func(name)
	s.typed = err == nil
}

// lastWord is a name without its package, type or namespace; the kernel's have
// none.
func lastWord(name string) string { return name[strings.LastIndexAny(name, ".:)")+1:] }

// unknown says that there is no such name, and what there is.
func (w *prober) unknown(name string) error {
	like := []string{}
	last := lastWord(name)
	for _, f := range w.files {
		like = append(like, f.Like(last, 3-min(3, len(like)))...)
	}
	if w.linux != nil && last == name { // no program's
		for _, y := range w.linux.Symbols() {
			if code := y.Type|0x20 == 't'; code && len(like) < 3 && last != "" && strings.Contains(y.Name, last) {
				like = append(like, y.Name)
			}
		}
	}
	why := fmt.Sprintf("no function %q is known", name)
	switch {
	case len(like) > 0:
		why += "; there is " + strings.Join(like, ", ")
	case w.lacks != nil:
		why += "; --symbols: " + w.lacks.Error()
	case len(w.files) == 0:
		why += " to the guest's kernel; a program's symbols come from its ELF file: --symbols DIR"
	default:
		why += "; it may be compiled into its callers: probe a line of it, FILE:LINE"
	}
	if w.linux == nil {
		why += " (there is no Linux to be seen in the guest)"
	}
	return &ProbeError{Why: why}
}

// hook is a function of the kernel's that is called with each new mapping, once
// it is made (kernel/events/core.c).
const hook = "perf_event_mmap"

// check refuses what cannot be seen or followed.
func (w *prober) check() error {
	if !slices.ContainsFunc(w.sites, func(s *site) bool { return s.begin || s.back }) {
		if w.Return {
			return &ProbeError{Why: fmt.Sprintf("%s is no function's name, and so has no return", w.At), Print: true}
		}
		if slices.Contains(w.Print, "args") {
			return &ProbeError{Why: fmt.Sprintf("no function begins at %s, and arguments are known where one does; print registers or memory", w.At), Print: true}
		}
	}
	if !w.moving() {
		return nil
	}
	if w.linux == nil {
		return &ProbeError{Why: "a program that may be loaded anywhere is found through the guest's kernel, and no Linux is to be seen"}
	}
	if _, ok := w.linux.Symbol(hook); !ok {
		return &ProbeError{Why: "a program that may be loaded anywhere is followed by way of the kernel's function " + hook + ", which this kernel lacks"}
	}
	return nil
}

// place makes stops of sites.
func (w *prober) place() {
	w.stops = nil
	add := func(la uint64) {
		s := vmm.Stop{On: vmm.StopExec, First: la, Last: la, Any: true}
		if !slices.Contains(w.stops, s) && len(w.stops) < maxStops {
			w.stops = append(w.stops, s)
		}
	}
	for _, s := range w.sites {
		for _, la := range w.places(s) {
			add(la)
		}
	}
	if w.moving() {
		y, _ := w.linux.Symbol(hook)
		add(y.Addr)
	}
}

// places are where a site is, as far as processes were seen.
func (w *prober) places(s *site) (all []uint64) {
	if s.file == nil {
		return []uint64{s.addr}
	}
	for _, i := range w.programs.images {
		if i.File == s.file {
			all = append(all, s.addr+i.Moved)
		}
	}
	return all
}

func (w *prober) isHook(la uint64) bool {
	if !w.moving() {
		return false
	}
	y, _ := w.linux.Symbol(hook)
	return y.Addr == la
}

// siteAt is the one that an address is, in the address space in use. Another
// program's code may lie there too.
func (w *prober) siteAt(la uint64) *site {
	var code [codeBytes]byte
	n := w.s.peek(la, code[:])
	for _, s := range w.sites {
		if s.file == nil && s.addr == la {
			return s
		}
		if s.file != nil && s.file.Is(s.addr, code[:n]) && slices.Contains(w.programs.images, program.Image{File: s.file, Moved: la - s.addr}) {
			return s
		}
	}
	return nil
}

// mapsCode tells whether the kernel has just mapped a file's code: the hook's
// argument is a vm_area_struct.
func (w *prober) mapsCode(l *guestos.Linux) bool {
	const vmExec = 4
	s, err := l.Struct("vm_area_struct")
	if err != nil {
		return false
	}
	get := func(name string) uint64 {
		off, err := s.Offset(name)
		var b [8]byte
		if err != nil || l.Read(w.s.line.Machine().CPU.R[7]+off, b[:]) < len(b) {
			return 0
		}
		return le64(b[:])
	}
	return get("vm_flags")&vmExec != 0 && get("vm_file") != 0
}

// where names an address: a symbol of the kernel's, or a function of a program's
// whose code is there, with its line. Where a call returns to, before is 1: the
// call counts, behind which another function may begin.
func (w *prober) where(la, before uint64) string {
	la -= before
	if la >= kernelHalf {
		if w.linux == nil {
			return ""
		}
		y, off, ok := w.linux.SymbolAt(la)
		if !ok {
			return ""
		}
		return plus(y.Name, off+before)
	}
	i, ok := w.s.imageAt(w.programs, la)
	if !ok {
		return ""
	}
	name, off, ok := i.SymbolAt(la - i.Moved)
	if !ok {
		return ""
	}
	if line := i.Place(la - i.Moved).LineText(); line != "" {
		return plus(name, off+before) + " (" + line + ")"
	}
	return plus(name, off+before)
}

func plus(name string, off uint64) string {
	if off == 0 {
		return name
	}
	return fmt.Sprintf("%s+%#x", name, off)
}
