package main

import (
	"fmt"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
)

// The sizes of the work, tuned so that a round costs about 250 million
// instructions, and that several in a hundred rounds fail both on a machine as
// fast as its clock says and on one that is a hundred times slower.
//
// A round's chance is about: (times the scheduler takes a thread off the
// processor for another) x (sealing's share of a transfer) x (chance that another
// thread changes that account before the first is back). More historyLen makes
// the second factor larger. More vetPasses makes it smaller and the round longer.
// More lanes makes the third smaller where threads take turns often, as on a slow
// machine, and hardly changes it where each runs for long.
const (
	accounts          = 64
	opening           = 15625 // of each account: together 1 000 000
	transfersPerRound = 48
	lanes             = 2    // groups of accounts that a batch works through in turn
	historyLen        = 8192 // entries an account remembers; sealing reads them all
	vetPasses         = 6000 // of the check of each transfer, before it is posted
)

// An account's balance and history may be read while another thread posts.
type account struct {
	balance atomic.Int64
	seal    atomic.Uint64 // check sum over balance and history
	carried int64         // the balance at the beginning of the batch
	entries atomic.Uint64 // posted since; the last historyLen of them are kept
	history [historyLen]atomic.Int64
}

// A transfer moves amount between two different accounts.
type transfer struct{ from, to, amount int }

type ledger struct {
	accounts [accounts]account
	// audit keeps transfers typed at the keyboard out while the books are checked.
	audit sync.RWMutex
	vets  atomic.Uint64 // so that no compiler drops the work
}

func newLedger() *ledger {
	l := new(ledger)
	for i := range l.accounts {
		l.accounts[i].balance.Store(opening)
	}
	l.carry()
	return l
}

// carry begins a new page in each account's history.
func (l *ledger) carry() {
	l.audit.Lock()
	defer l.audit.Unlock()
	for i := range l.accounts {
		a := &l.accounts[i]
		a.carried = a.balance.Load()
		a.entries.Store(0)
		for e := range a.history {
			a.history[e].Store(0)
		}
	}
}

// batchEntry is the i-th transfer of round n: customers' orders, the same each
// time. They come sorted by lane, as the bank's branches send them, and eight in a
// row touch sixteen different accounts.
func batchEntry(n, i int) transfer {
	const perLane = accounts / lanes
	lane, shift := i/8%lanes, n*3+i/8*5
	at := func(k int) int { return (2*(i%8)+k+shift)%perLane*lanes + lane }
	return transfer{at(0), at(1), 1 + (i*5+n*3)%19}
}

// postBatch posts round n's transfers, dealt out to threads, and returns when all
// are done.
func (l *ledger) postBatch(n, threads int) {
	l.carry()
	var wg sync.WaitGroup
	for t := range threads {
		wg.Go(func() {
			runtime.LockOSThread() // ends with the goroutine: each batch gets new threads
			for i := t; i < transfersPerRound; i += threads {
				l.transfer(batchEntry(n, i))
			}
		})
	}
	wg.Wait()
}

// transfer vets and posts one transfer. Any thread may call it.
func (l *ledger) transfer(t transfer) {
	l.audit.RLock()
	defer l.audit.RUnlock()
	l.vets.Add(vet(t))
	l.accounts[t.from].post(int64(-t.amount))
	l.accounts[t.to].post(int64(t.amount))
}

// post changes the balance by amount. It needs no lock: every access is atomic.
func (a *account) post(amount int64) {
	balance := a.balance.Load() + amount
	seal := a.sealed(balance)
	a.history[a.entries.Add(1)%historyLen].Store(amount)
	a.seal.Store(seal)
	a.balance.Store(balance)
}

// sealed is the check sum over the account's history and its new balance.
//
//go:noinline
func (a *account) sealed(balance int64) uint64 {
	h := uint64(14695981039346656037)
	for i := range a.history {
		h = (h ^ uint64(a.history[i].Load())) * 1099511628211
	}
	return (h ^ uint64(balance)) * 1099511628211
}

// vet checks a transfer against the rules, and that costs what it costs:
// vetPasses passes over a small table.
func vet(t transfer) uint64 {
	var rules [64]uint64
	h := uint64(t.from)<<40 | uint64(t.to)<<20 | uint64(t.amount)
	for range vetPasses {
		for i := range rules {
			h = (h ^ rules[i] ^ uint64(i)) * 1099511628211
			rules[i] += h >> 32
		}
	}
	return h
}

// total is the money in all accounts.
func (l *ledger) total() (sum int64) {
	for i := range l.accounts {
		sum += l.accounts[i].balance.Load()
	}
	return sum
}

// verify checks that no money came or went.
func (l *ledger) verify() error {
	l.audit.Lock()
	defer l.audit.Unlock()
	if sum := l.total(); sum != accounts*opening {
		return fmt.Errorf("total is %s, want %s", thousands(sum), thousands(accounts*opening))
	}
	return nil
}

// suspect is the first account whose balance is not what the batch's entries make,
// or -1 if there is none. One with more entries than it remembers is beyond suspicion.
func (l *ledger) suspect() int {
	l.audit.Lock()
	defer l.audit.Unlock()
	for i := range l.accounts {
		a := &l.accounts[i]
		sum := a.carried
		for e := range a.history {
			sum += a.history[e].Load()
		}
		if a.entries.Load() <= historyLen && a.balance.Load() != sum {
			return i
		}
	}
	return -1
}

// thousands writes n as 999 993.
func thousands(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + " " + s[i:]
	}
	return s
}
