// Command loader is what vmagent runs in the guest of TestClassic: it has itself
// recorded while it loads a module into the kernel, which does not survive that.
package main

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"vmrecord/guestagent/recorder"
)

func main() {
	err := errors.Join(recorder.Start("classic"), load("/race.ko"))
	fmt.Println("== loaded", err)
	time.Sleep(time.Second)
	fmt.Println("FAILED: a second without a race")
}

// load is finit_module(2).
func load(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	return unix.FinitModule(int(f.Fd()), "", 0)
}
