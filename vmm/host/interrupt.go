package host

import (
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// Interrupts watches for signals until stop is called. The first Ctrl-C only
// warns, the second quits, so that a habit does not end a recording; what ends
// processes for good (SIGTERM, SIGHUP) quits at once. A further signal after
// that has the default effect.
func Interrupts(warn, quit func()) (stop func()) {
	c, done := make(chan os.Signal, 2), make(chan struct{})
	signal.Notify(c, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	go watch(c, done, warn, func() { signal.Stop(c); quit() })
	return sync.OnceFunc(func() { signal.Stop(c); close(done) })
}

func watch(c <-chan os.Signal, done <-chan struct{}, warn, quit func()) {
	for warned := false; ; warned = true {
		select {
		case <-done:
			return
		case s := <-c:
			if s != os.Interrupt || warned {
				quit()
				return
			}
			warn()
		}
	}
}
