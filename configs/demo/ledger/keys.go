package main

import (
	"io"
	"sync/atomic"
)

// A keyboard answers keys while rounds go on.
type keyboard struct {
	book *ledger
	out  *console
	quit atomic.Bool
	next int // the account that b or t takes next
}

// listen answers each key until the input ends.
func (k *keyboard) listen(r io.Reader) {
	var b [1]byte
	for {
		n, err := r.Read(b[:])
		if n == 1 {
			k.answer(b[0])
		}
		if err != nil {
			return
		}
	}
}

func (k *keyboard) answer(key byte) {
	a := k.next
	switch key {
	case 'b':
		k.out.say("b account %02d: %s", a, thousands(k.book.accounts[a].balance.Load()))
	case 't':
		t := transfer{a, (a + 1) % accounts, 1}
		k.book.transfer(t)
		k.out.say("t moved %d: %02d -> %02d", t.amount, t.from, t.to)
	case 'q':
		k.quit.Store(true)
		k.out.say("q ends after this round")
	case '\r', '\n':
	default:
		k.out.say("keys: b balance, t transfer, q quit")
	}
	if key == 'b' || key == 't' {
		k.next = (a + 1) % accounts
	}
}
