package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"time"
)

// wrongs counts what checks found.
type wrongs struct{ lost, half, stuck, failed int }

// wrongColumns are what a table's head says of String's.
const wrongColumns = "LOST\tHALF\tSTUCK\tFAILED"

func (w wrongs) String() string {
	return fmt.Sprintf("%d\t%d\t%d\t%d", w.lost, w.half, w.stuck, w.failed)
}

func (w *wrongs) add(err error) {
	switch {
	case err == nil:
	case errors.As(err, new(lostError)):
		w.lost++
	case errors.As(err, new(halfError)):
		w.half++
	case errors.As(err, new(stuckError)):
		w.stuck++
	default:
		w.failed++
	}
}

// A row is what became of the kills of a stage.
type row struct {
	stage        string
	kills, acked int // acked: something had been acknowledged
	wrong        wrongs
}

// add adds up.
func (r *row) add(o row) {
	r.kills += o.kills
	r.acked += o.acked
	r.wrong.lost += o.wrong.lost
	r.wrong.half += o.wrong.half
	r.wrong.stuck += o.wrong.stuck
	r.wrong.failed += o.wrong.failed
}

// kills kills so many times, the stages in turn, jobs at once, and tells what is
// found wrong. Round i depends on the seed and i only.
func (b *bench) kills(all []stage, seed uint64, n, jobs int, tell func(string)) []row {
	rows := make([]row, len(all))
	for i, s := range all {
		rows[i].stage = s.name
	}
	var mu sync.Mutex
	var wait sync.WaitGroup
	free := make(chan struct{}, jobs)
	for i := range n {
		free <- struct{}{}
		wait.Go(func() {
			defer func() { <-free }()
			s := all[i%len(all)]
			k, err := b.round(s, i, rand.New(rand.NewPCG(seed, uint64(i))))
			mu.Lock()
			defer mu.Unlock()
			r := &rows[i%len(all)]
			r.wrong.add(err)
			if k.killed {
				r.kills++
			}
			if k.killed && k.acked {
				r.acked++
			}
			if err != nil {
				tell(fmt.Sprintf("seed %d, round %d, %s: %v\n%s", seed, i, s.name, err, k.said))
			}
		})
	}
	wait.Wait()
	return rows
}

// A kill is how one went.
type kill struct {
	killed bool // else the program came to its end before
	acked  bool
	said   string
}

// round kills a program; one that came to its end is followed by another that has
// less time.
func (b *bench) round(s stage, i int, rng *rand.Rand) (k kill, err error) {
	for try := range 6 {
		name := fmt.Sprintf("kill-%d-%d", i, try)
		if k, err = b.kill(s, name, rng, s.spread>>try); err != nil || k.killed {
			break
		}
	}
	return k, err
}

// kill lets a program work until it has acknowledged something and then for a
// random time; every sixth for a random time only. It is checked what is left.
func (b *bench) kill(s stage, name string, rng *rand.Rand, spread time.Duration) (k kill, err error) {
	r, w, err := b.open(s, name, false)
	if err != nil {
		return k, err
	}
	defer w.close()
	args, good := w.program()
	p, err := r.start(nil, args)
	if err != nil {
		return k, err
	}
	apart := make(chan struct{})
	go func() { defer close(apart); w.beside(p) }()
	if rng.IntN(6) > 0 {
		p.until(func() bool { return w.acknowledged(p) })
	}
	time.Sleep(time.Duration(rng.Int64N(int64(spread))))
	p.kill()
	<-apart
	k = kill{p.status() < 0, w.acknowledged(p), p.said.String()}
	if err := w.check(p, slices.Contains(good, p.status())); err != nil {
		return k, err
	}
	return k, os.RemoveAll(r.dir)
}
