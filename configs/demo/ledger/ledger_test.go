package main

import (
	"bytes"
	"strings"
	"testing"
)

func TestThousands(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1 000", 999993: "999 993", 1000000: "1 000 000", -1234: "-1 234", -123: "-123"} {
		if got := thousands(n); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
}

// The batch is sound: two different accounts, and money that moves.
func TestBatch(t *testing.T) {
	for n := 1; n < 500; n++ {
		for i := range transfersPerRound {
			e := batchEntry(n, i)
			if e.from == e.to || e.from < 0 || e.to < 0 || e.from >= accounts || e.to >= accounts || e.amount < 1 {
				t.Fatalf("round %d, entry %d: %+v", n, i, e)
			}
		}
	}
}

// With one thread nothing is lost, and each account holds what the batch says.
func TestOneThread(t *testing.T) {
	l := newLedger()
	var want [accounts]int64
	for n := 1; n <= 3; n++ {
		if err := round(l, n, 1); err != nil {
			t.Fatalf("round %d: %v", n, err)
		}
		for i := range transfersPerRound {
			e := batchEntry(n, i)
			want[e.from] -= int64(e.amount)
			want[e.to] += int64(e.amount)
		}
	}
	for i := range want {
		if got := l.accounts[i].balance.Load(); got != opening+want[i] {
			t.Errorf("account %d: %d, want %d", i, got, opening+want[i])
		}
	}
}

// What the race does, done by hand: an update between load and store is lost,
// and the check of the books says so.
func TestLostUpdate(t *testing.T) {
	l := newLedger()
	a := &l.accounts[3]
	stale := a.balance.Load()
	l.transfer(transfer{3, 4, 7})
	if i := l.suspect(); i >= 0 {
		t.Errorf("before that, account %d is suspected", i)
	}
	a.balance.Store(stale)
	if err := l.verify(); err == nil || err.Error() != "total is 1 000 007, want 1 000 000" {
		t.Fatal(err)
	}
	if i := l.suspect(); i != 3 {
		t.Errorf("account %d is suspected, want 3", i)
	}
}

func TestKeys(t *testing.T) {
	var buf bytes.Buffer
	k := &keyboard{book: newLedger(), out: &console{w: &buf}}
	k.listen(strings.NewReader("bt\nb?q"))
	want := "b account 00: 15 625\nt moved 1: 01 -> 02\nb account 02: 15 626\nkeys: b balance, t transfer, q quit\nq ends after this round\n"
	if buf.String() != want {
		t.Errorf("printed %q, want %q", buf.String(), want)
	}
	buf.Reset()
	if err := play(k, 0, 1); err != nil || !strings.HasSuffix(buf.String(), "1 threads\nround  1 ok\n") {
		t.Errorf("%v, printed %q", err, buf.String())
	}
}
