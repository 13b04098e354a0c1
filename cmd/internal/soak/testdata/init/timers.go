package main

import (
	"encoding/binary"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
	"unsafe"
)

// setitimer(2)
const (
	itimerReal    = 0
	itimerVirtual = 1
)

const ticks = 30 // of each timer

// timers waits in every way that Linux has; no wait may be short, no clock go back.
func timers(end time.Time) (e event, err error) {
	for time.Now().Before(end) {
		for _, f := range []func() (int, error){clocks, sleeps, timerfd, alarms, virtual} {
			n, err := f()
			if err != nil {
				return e, err
			}
			e.Count += n
		}
	}
	return e, nil
}

// now reads CLOCK_MONOTONIC by a system call; time.Now does without one.
func now() time.Duration {
	var t syscall.Timespec
	const monotonic = 1
	_, _, _ = syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, monotonic, uintptr(unsafe.Pointer(&t)), 0)
	return time.Duration(t.Nano())
}

// clocks looks at one clock from both sides of the other: neither goes back.
func clocks() (int, error) {
	const looks = 2000
	early := now()
	from := time.Now()
	late := now()
	for i := range looks {
		a := now()
		b := time.Since(from)
		c := now()
		if late+b < a || early+b > c {
			return 0, fmt.Errorf("look %d: %v after a time between %v and %v it is between %v and %v", i, b, early, late, a, c)
		}
	}
	return looks, nil
}

func sleeps() (n int, err error) {
	for _, d := range []time.Duration{50 * time.Microsecond, time.Millisecond, 3 * time.Millisecond, 17 * time.Millisecond} {
		t := syscall.NsecToTimespec(int64(d))
		from := now()
		var left syscall.Timespec
		for err = syscall.Nanosleep(&t, &left); err == syscall.EINTR; err = syscall.Nanosleep(&t, &left) {
			t = left
		}
		if took := now() - from; err != nil || took < d {
			return 0, fmt.Errorf("nanosleep of %v: %v, %v", d, took, err)
		}
		n++
	}
	return n, nil
}

// interval is struct itimerspec, or in microseconds struct itimerval, of a
// timer that begins after one period.
func interval(period, unit time.Duration) (v [4]int64) {
	s, f := int64(period/time.Second), int64(period%time.Second/unit)
	return [4]int64{s, f, s, f}
}

func timerfd() (int, error) {
	const period = 2 * time.Millisecond
	fd, _, e := syscall.Syscall(syscall.SYS_TIMERFD_CREATE, 1, 0, 0)
	if e != 0 {
		return 0, fmt.Errorf("timerfd_create: %w", e)
	}
	defer syscall.Close(int(fd))
	v := interval(period, time.Nanosecond)
	from := now()
	if _, _, e := syscall.Syscall6(syscall.SYS_TIMERFD_SETTIME, fd, 0, uintptr(unsafe.Pointer(&v)), 0, 0, 0); e != 0 {
		return 0, fmt.Errorf("timerfd_settime: %w", e)
	}
	n := 0
	for n < ticks {
		var b [8]byte
		if k, err := syscall.Read(int(fd), b[:]); err == syscall.EINTR {
			continue
		} else if err != nil || k != 8 {
			return 0, fmt.Errorf("read of a timerfd: %d, %v", k, err)
		}
		n += int(binary.LittleEndian.Uint64(b[:]))
		if took := now() - from; took < time.Duration(n)*period {
			return 0, fmt.Errorf("timerfd: %d periods of %v in %v", n, period, took)
		}
	}
	return ticks, nil
}

// alarms counts signals of a timer of real time.
func alarms() (int, error) {
	return ring(itimerReal, syscall.SIGALRM, 3*time.Millisecond, func(c <-chan os.Signal) { <-c })
}

// virtual counts signals of a timer that runs while this process does. Its
// time is counted in the kernel's ticks, so it says nothing of the length.
func virtual() (int, error) {
	x := uint64(1)
	return ring(itimerVirtual, syscall.SIGVTALRM, 5*time.Millisecond, func(c <-chan os.Signal) {
		for {
			select {
			case <-c:
				return
			default:
			}
			for range 10_000 {
				x = x*6364136223846793005 + 1442695040888963407
			}
		}
	})
}

// ring sets an interval timer and waits for its signals. The first may be one
// of the timer before.
func ring(kind uintptr, sig os.Signal, period time.Duration, wait func(<-chan os.Signal)) (int, error) {
	c := make(chan os.Signal, 1)
	signal.Notify(c, sig)
	defer signal.Stop(c)
	from := now()
	if err := setitimer(kind, period); err != nil {
		return 0, err
	}
	for n := range time.Duration(ticks) {
		wait(c)
		if took := now() - from; kind == itimerReal && took < n*period {
			return 0, fmt.Errorf("setitimer: %d periods of %v in %v", n, period, took)
		}
	}
	return ticks, setitimer(kind, 0)
}

func setitimer(kind uintptr, period time.Duration) error {
	v := interval(period, time.Microsecond)
	if _, _, e := syscall.Syscall(syscall.SYS_SETITIMER, kind, uintptr(unsafe.Pointer(&v)), 0); e != 0 {
		return fmt.Errorf("setitimer: %w", e)
	}
	return nil
}
