package guestagent

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"

	"vmrecord/guestagent/recorder"
)

// clockSlack is by how much a kernel's clock may be off from when it read the
// real-time clock, which tells whole seconds.
const clockSlack = 2 * time.Second

// mindResumes sets the kernel right where the machine was resumed since it booted,
// which only its clock tells, and from then on each time that it is: it looks once a
// second, which is one port access.
func mindResumes(w io.Writer) {
	r, err := recorder.WatchResume()
	if err != nil {
		say(fmt.Errorf("a start from a saved state will not be noticed: %w", err))
		return
	}
	if r == nil {
		return
	}
	if now, told := r.Now(); told && time.Until(now).Abs() > clockSlack {
		renew(w, now)
	}
	go func() {
		for {
			time.Sleep(time.Second)
			if now, yes := r.Happened(); yes {
				renew(w, now)
			}
		}
	}()
}

// renew has the kernel's clock and its generator begin anew.
func renew(w io.Writer, now time.Time) {
	if err := errors.Join(setClock(now), reseed(now)); err != nil {
		say(fmt.Errorf("resumed: %w", err))
		return
	}
	fmt.Fprintf(w, "vmagent: resumed; the clock is now %s\n", now.UTC().Format(time.RFC3339))
}

func setClock(now time.Time) error {
	tv := syscall.NsecToTimeval(now.UnixNano())
	if err := syscall.Settimeofday(&tv); err != nil {
		return fmt.Errorf("set the clock: %w", err)
	}
	return nil
}

// reseed has the kernel's generator draw a new key (random(4)): from its pool, to
// which the time goes, and from RDSEED or RDRAND, which the machine has stirred.
func reseed(now time.Time) error {
	f, err := os.OpenFile("/dev/urandom", os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("reseed: %w", err)
	}
	defer f.Close()
	if _, err := f.Write(binary.LittleEndian.AppendUint64(nil, uint64(now.UnixNano()))); err != nil {
		return fmt.Errorf("reseed: %w", err)
	}
	const reseedCRNG = 0x5207 // RNDRESEEDCRNG, linux/random.h
	if err := ioctl(f.Fd(), reseedCRNG, 0); err != nil {
		return fmt.Errorf("reseed: %w", err)
	}
	return nil
}
