package trace

import (
	"strconv"

	"vmrecord/vmm"
	"vmrecord/vmm/guestos"
	"vmrecord/vmm/x86"
)

// switches follows the processor from task to task: the kernel's note of the
// current one is a word in memory, and storing to it is the switch (Linux,
// arch/x86/kernel/process_64.c, __switch_to).
type switches struct {
	t     *tracer
	since vmm.Instant // when the current task was seen first
}

func newSwitches(t *tracer) *switches { return &switches{t: t} }

// stops are at the store to the current task, and where tasks are woken.
func (k *switches) stops() []vmm.Stop {
	g := k.t.guest
	if g.linux == nil {
		return nil
	}
	k.since = g.m.Now()
	list := []vmm.Stop{{On: vmm.StopWrite, First: g.slotLA, Last: g.slotLA + 7, Any: true}}
	for _, name := range [2]string{"try_to_wake_up", "wake_up_new_task"} {
		if y, ok := g.linux.Symbol(name); ok {
			list = append(list, vmm.Stop{First: y.Addr, Last: y.Addr, Any: true})
		}
	}
	return list
}

func (k *switches) found() {}

// end writes the slice that is not over.
func (k *switches) end() {
	if who := k.t.guest.who(); who.known() && who.matches {
		k.ran(who, "goes on", true)
	}
}

// ran writes a slice of somebody's time, which ends here.
func (k *switches) ran(who *thread, then string, write bool) {
	now := k.t.m.Now()
	e := event{kind: string(Sched), at: k.since, end: now, who: who, phase: 'X'}
	e.name = then + " after " + strconv.FormatUint(uint64(now-k.since), 10)
	k.since = now
	if write {
		k.t.form.event(&e)
	}
}

// struck makes the step itself where a task is about to be switched to.
func (k *switches) struck(h vmm.Hit) {
	g := k.t.guest
	was := g.who()
	if h.Stop > 0 {
		k.wakes(was, h.Stop > 1)
		return
	}
	if _, err := k.t.p.Run(vmm.Position{At: g.m.Now() + 1, Inputs: g.m.Inputs()}); err != nil {
		k.t.err = err
		return
	}
	is := g.who()
	if is.addr == was.addr {
		return
	}
	then := "to " + is.label
	if t, ok := g.task(was.addr); ok {
		then += " in state " + string(t.State)
	}
	k.ran(was, then, was.known() && (was.matches || is.matches))
}

// wakes writes who is woken: the argument of the function about to be entered,
// unless it runs already; what is new has never run.
func (k *switches) wakes(who *thread, isNew bool) {
	g := k.t.guest
	t, ok := g.task(g.s.R[x86.RDI])
	if !ok || t.State == 'R' && !isNew {
		return
	}
	if woken := g.thread(t); who.matches || woken.matches {
		k.t.form.event(&event{kind: string(Sched), at: k.t.m.Now(), who: who, name: "wakes " + woken.label, phase: 'i'})
	}
}

// task is the task whose structure is at an address.
func (g *guest) task(la uint64) (t guestos.Task, ok bool) {
	l, err := g.linux.At(g.m.Mem, guestos.Of(g.s))
	if err != nil {
		return t, false
	}
	t, err = l.TaskAt(la)
	return t, err == nil
}
