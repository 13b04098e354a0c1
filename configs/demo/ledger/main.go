// Command ledger is the beta program of the demonstration: 64 accounts, between
// which 8 threads transfer money, round after round. Now and then money vanishes.
//
// The mistake is real and nothing provokes it. Version 0.8 held a lock for a whole
// transfer. That was slow, so 0.9 made the balances atomic and dropped the lock:
// see post in ledger.go. Each load and each store is atomic, race detectors are
// content, and what happens between the two is lost when another thread changes
// the same account there. Between them lies only computation, so an update is lost
// when the kernel's scheduler takes the processor away within those microseconds:
// in most rounds it does not.
//
// Each round is one batch of transfers, the same for the same round number,
// recorded under the name transfer-batch when the program runs inside an
// appliance. A round that ends well drops its recording. The first one whose
// total is wrong keeps it and ends the program with status 1.
//
// Keys are answered at any time, a round's inside it: b shows the next account's
// balance, t makes a small transfer on the same path as the batch, q ends the
// program after the round, anything else shows the keys.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"sync"

	"vmrecord/guestagent/recorder"
)

// books are a variable of the package's, so that debuggers find them by name.
var books = newLedger()

func main() {
	rounds := flag.Int("rounds", 0, "end after so many good rounds; 0: go on until one fails")
	threads := flag.Int("threads", 8, "threads that transfer at the same time, 1 to 64")
	flag.Usage = func() {
		fmt.Fprint(flag.CommandLine.Output(), "ledger: transfers money between accounts until some is lost\n\n  ledger [-rounds N] [-threads N]\n\nKeys: b balance, t transfer, q quit. Example: ledger -rounds 3\n")
	}
	flag.Parse()
	if *threads < 1 || *threads > accounts || *rounds < 0 || flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	// One processor would give one running goroutine at a time. These threads,
	// and those for the keyboard and the rounds, are the kernel's to interleave.
	runtime.GOMAXPROCS(*threads + 4)
	restore := eachKey(os.Stdin)
	out := &console{w: os.Stdout}
	keys := &keyboard{book: books, out: out}
	go keys.listen(os.Stdin)
	err := play(keys, *rounds, *threads)
	restore()
	if err != nil {
		os.Exit(1)
	}
}

// play makes rounds until one fails, q was typed or rounds are over.
func play(k *keyboard, rounds, threads int) error {
	k.out.say("ledger 0.9 beta: %d accounts, %d threads", accounts, threads)
	for n := 1; rounds == 0 || n <= rounds; n++ {
		_ = recorder.Attr("round", fmt.Sprint(n))
		err := recorder.Guard("transfer-batch", func() error {
			err := round(k.book, n, threads)
			if err != nil {
				k.out.say("round %2d FAILED", n)
				k.out.say("ledger: %v", err)
				drain(os.Stdout) // it belongs to the recording
			}
			return err
		})
		if err != nil {
			return err
		}
		k.out.say("round %2d ok", n)
		if k.quit.Load() {
			break
		}
	}
	return nil
}

// round posts one batch and checks the books.
func round(l *ledger, n, threads int) error {
	_ = recorder.Mark("posting")
	l.postBatch(n, threads)
	_ = recorder.Mark("verifying")
	err := l.verify()
	if err == nil {
		return nil
	}
	if a := l.suspect(); a >= 0 {
		_ = recorder.Attr("suspect", fmt.Sprint(a))
	}
	return err
}

// A console prints whole lines, whoever prints.
type console struct {
	mu sync.Mutex
	w  io.Writer
}

func (c *console) say(format string, a ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	fmt.Fprintf(c.w, format+"\n", a...)
}
