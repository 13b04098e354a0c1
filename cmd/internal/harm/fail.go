package main

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
)

// A mode is how calls fail.
type mode struct {
	name  string
	errno syscall.Errno
	on    bool // all later ones, too
}

var modes = []mode{{"one EIO", syscall.EIO, false}, {"ENOSPC from then on", syscall.ENOSPC, true}}

// A failing is what became of a program of which a call failed.
type failing struct {
	call string // "": it came to its end before the call of that number
	told bool   // it said what the system said, and what to do
	done bool   // it reported success
	said string
}

// remedies are what a program says that there is to do.
var remedies = []string{"free some", "check the disk", "tried again", "tries again", "try again", "look at the disk"}

// fail lets a program work with the at-th call failing.
func (b *bench) fail(s stage, m mode, at int) (x failing, calls []string, err error) {
	r, w, err := b.open(s, fmt.Sprintf("fail-%s-%d-%d", s.name, m.errno, at), true)
	if err != nil {
		return x, nil, err
	}
	defer w.close()
	args, good := w.program()
	f := &fault{dir: r.dir, at: at, errno: m.errno, on: m.on}
	p, err := r.start(f, args)
	if err != nil {
		return x, nil, err
	}
	apart := make(chan struct{})
	go func() { defer close(apart); w.beside(p) }()
	err = p.wait(patience)
	<-apart
	if err := errors.Join(err, f.wait()); err != nil {
		return x, f.calls, err
	}
	x.said = p.said.String() + p.out.String()
	if at > 0 && at <= len(f.calls) {
		x.call = f.calls[at-1]
	}
	advised := func(t string) bool { return strings.Contains(x.said, t) }
	heard := strings.Contains(x.said, m.errno.Error())
	x.told, x.done = heard && slices.ContainsFunc(remedies, advised), slices.Contains(good, p.status())
	err = w.check(p, x.done && !heard)
	if err == nil && !x.told && (!x.done || heard) {
		err = fmt.Errorf("status %d, and it does not say %q, or not what to do", p.status(), m.errno.Error())
	}
	if err == nil {
		err = os.RemoveAll(r.dir)
	}
	return x, f.calls, err
}

// A tally is what became of the failing calls of a stage.
type tally struct {
	stage, mode string
	kinds       map[string]int // of calls: how many there were
	calls       int            // that failed
	told, done  int            // as in failing; done: and nothing was to be told
	wrong       wrongs
}

// failures lets the calls of stages fail, in turn, jobs at once; which picks them
// from 1 to all.
func (b *bench) failures(all []stage, which func(all int) []int, jobs int, tell func(string)) (rows []*tally, err error) {
	var mu sync.Mutex
	var wait sync.WaitGroup
	defer wait.Wait()
	free := make(chan struct{}, jobs)
	for _, s := range all {
		_, calls, err := b.fail(s, modes[0], 0)
		if err != nil {
			return rows, fmt.Errorf("%s, with no call failing: %w", s.name, err)
		}
		for _, m := range modes {
			row := &tally{stage: s.name, mode: m.name, kinds: map[string]int{}}
			rows = append(rows, row)
			for _, c := range calls {
				kind, _, _ := strings.Cut(c, " ")
				row.kinds[kind]++
			}
			for _, at := range which(len(calls)) {
				free <- struct{}{}
				wait.Go(func() {
					defer func() { <-free }()
					x, _, err := b.fail(s, m, at)
					mu.Lock()
					defer mu.Unlock()
					row.add(x, err)
					if err != nil {
						tell(fmt.Sprintf("%s, %s, call %d, %s: %v\n%s", s.name, m.name, at, x.call, err, x.said))
					}
				})
			}
		}
	}
	return rows, nil
}

func (r *tally) add(x failing, err error) {
	r.wrong.add(err)
	if x.call == "" {
		return
	}
	r.calls++
	switch {
	case x.told:
		r.told++
	case x.done:
		r.done++
	}
}

// kindsOf is how many calls of each kind there were.
func (r *tally) kindsOf() string {
	var all []string
	for _, k := range slices.Sorted(maps.Keys(r.kinds)) {
		all = append(all, fmt.Sprintf("%d %s", r.kinds[k], k))
	}
	return strings.Join(all, ", ")
}
