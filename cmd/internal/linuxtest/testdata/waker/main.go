// Command waker is what vmagent runs in the guest of TestResumed: it tells again
// and again what the kernel's clock and generator say.
package main

import (
	"crypto/rand"
	"fmt"
	"time"
)

func main() {
	tell("start")
	// A kernel that was up for t < 2 min draws a new key by itself, t/2 after the
	// last, when random numbers are asked for: at the first below, and not again.
	time.Sleep(40 * time.Second)
	for i := 0; ; i++ {
		tell(i)
		time.Sleep(3 * time.Second / 2)
	}
}

func tell(when any) {
	var b [16]byte
	_, _ = rand.Read(b[:]) // it never fails
	fmt.Printf("== %v: %d %x\n", when, time.Now().Unix(), b)
}
