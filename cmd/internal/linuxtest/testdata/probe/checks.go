package main

import (
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"runtime/debug"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

var checks = []struct {
	name string
	run  func() error
}{
	{"sleep", sleep}, {"idle", idle}, {"ticker", ticker}, {"fault", fault}, {"float", float},
	{"threads", threads}, {"memory", memory}, {"exec", child}, {"files", files},
}

// sleep takes as long as was asked for, by both clocks.
func sleep() error {
	const want = 50 * time.Millisecond
	from, wall := time.Now(), time.Now().Round(0)
	time.Sleep(want)
	took, byWall := time.Since(from), time.Now().Round(0).Sub(wall)
	if took < want || took > want+20*time.Millisecond || (took-byWall).Abs() > time.Millisecond {
		return fmt.Errorf("%s, by the wall clock %s, want %s", took, byWall, want)
	}
	return nil
}

// idle spends guest time, not the processor's.
func idle() error {
	var a, b syscall.Rusage
	from := time.Now()
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &a)
	time.Sleep(10 * time.Second)
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &b)
	used := time.Duration(b.Utime.Nano() + b.Stime.Nano() - a.Utime.Nano() - a.Stime.Nano())
	if took := time.Since(from); took < 10*time.Second || took > 10500*time.Millisecond || used > 100*time.Millisecond {
		return fmt.Errorf("%s took %s of the processor", took, used)
	}
	return nil
}

// ticker ticks as often as it should.
func ticker() error {
	t := time.NewTicker(2 * time.Millisecond)
	defer t.Stop()
	from, last := time.Now(), time.Time{}
	for range 50 {
		last = <-t.C
	}
	if took := last.Sub(from); took < 99*time.Millisecond || took > 120*time.Millisecond {
		return fmt.Errorf("50 ticks of 2 ms took %s", took)
	}
	return nil
}

// fault comes back from a load of nowhere as a panic with the address.
func fault() (err error) {
	const nowhere = 0x7000_0000_0008
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		var a interface{ Addr() uintptr }
		if e, ok := recover().(error); !ok || !errors.As(e, &a) || a.Addr() != nowhere {
			err = fmt.Errorf("recovered %v", e)
		}
	}()
	return fmt.Errorf("read %d", *(*byte)(unsafe.Pointer(uintptr(nowhere))))
}

// wantFloat is what another processor computed.
const wantFloat = "8.9082271026617956e+00 2.969409 8.908227102661796e-300"

// float computes, prints and parses. Each operation is rounded by itself.
func float() error {
	sum := 0.0
	for i := 1; i <= 1000; i++ {
		x := float64(i)
		sum += math.Sqrt(x) / (1 + float64(x*x)/7)
	}
	got := fmt.Sprintf("%.16e %v %v", sum, float32(sum)/3, sum*1e-300)
	if got != wantFloat {
		return fmt.Errorf("%s, want %s", got, wantFloat)
	}
	if v, err := strconv.ParseFloat("2.2250738585072011e-308", 64); err != nil || math.Float64bits(v) != 1<<52-1 {
		return fmt.Errorf("parsed %x, %v", math.Float64bits(v), err)
	}
	return nil
}

// threads share a counter under a lock, an atomic one, and a channel.
func threads() error {
	var (
		mu    sync.Mutex
		wg    sync.WaitGroup
		plain int
		sum   atomic.Int64
	)
	ch := make(chan int, 4)
	for i := range 8 {
		wg.Go(func() {
			syscall.Gettid()
			for range 500 {
				mu.Lock()
				plain++
				mu.Unlock()
				sum.Add(int64(i))
				ch <- 1
			}
		})
	}
	got := 0
	for range 8 * 500 {
		got += <-ch
	}
	wg.Wait()
	if plain != 4000 || sum.Load() != 500*28 || got != 4000 {
		return fmt.Errorf("%d, %d and %d", plain, sum.Load(), got)
	}
	return nil
}

// memory is fresh, distinct and given back.
func memory() error {
	const size, page = 8 << 20, 4096
	for range 2 {
		b, err := syscall.Mmap(-1, 0, size, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
		if err != nil {
			return err
		}
		for i := 0; i < size; i += page {
			if b[i] != 0 || b[i+page-1] != 0 {
				return fmt.Errorf("page at %#x is not zero", i)
			}
			b[i], b[i+page-1] = byte(i/page), byte(i/page>>8)
		}
		for i := 0; i < size; i += page {
			if b[i] != byte(i/page) || b[i+page-1] != byte(i/page>>8) {
				return fmt.Errorf("page at %#x was changed", i)
			}
		}
		if err := syscall.Munmap(b); err != nil {
			return err
		}
	}
	return nil
}

// child runs this program again, as another process.
func child() error {
	c := exec.Command("/proc/self/exe", "some", "arguments")
	out, err := c.Output()
	var e *exec.ExitError
	if string(out) != "true [some arguments]\n" || !errors.As(err, &e) || e.ExitCode() != 7 {
		return fmt.Errorf("%q, %v", out, err)
	}
	return nil
}

// files are kept.
func files() error {
	want := make([]byte, 300_000)
	for i := range want {
		want[i] = byte(i * i >> 7)
	}
	if err := os.WriteFile("/f", want, 0o600); err != nil {
		return err
	}
	got, err := os.ReadFile("/f")
	if err != nil || string(got) != string(want) {
		return fmt.Errorf("%d bytes read back differ: %v", len(got), err)
	}
	return os.Remove("/f")
}
