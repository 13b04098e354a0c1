// Command books has variables and nested calls for a debugger to find.
package main

import "sync/atomic"

type account struct {
	owner   [3]string
	balance atomic.Int64
}

type ledger struct {
	audit    bool
	accounts []account
}

var books = &ledger{accounts: make([]account, 4)}

var total [2]int32

func main() { books.post(1, 5) }

//go:noinline
func (l *ledger) post(i int, amount int64) {
	l.accounts[i].add(amount)
	total[1]++
}

func (a *account) add(amount int64) {
	a.balance.Store(a.balance.Load() + amount)
}
