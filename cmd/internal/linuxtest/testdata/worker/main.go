// Command worker is what vmagent runs in the guests of TestKernels, built for 64
// bits and for 32. It has its work recorded: a line typed by somebody, a ticker,
// a computation.
package main

import (
	"bufio"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"os"
	"runtime"
	"strings"
	"syscall"
	"time"

	"vmrecord/guestagent/recorder"
)

func main() {
	var u syscall.Utsname
	_ = syscall.Uname(&u)
	release := ""
	for _, c := range u.Release {
		if c != 0 {
			release += string(rune(c))
		}
	}
	fmt.Println("\n== up", runtime.GOARCH, release)
	fmt.Println("kaslr", kaslr())
	err := errors.Join(
		recorder.Start("work", recorder.WithAttr("arch", runtime.GOARCH)),
		work(),
		recorder.Stop(recorder.Keep))
	if err != nil || !recorder.InVM() {
		fmt.Println("FAILED", recorder.InVM(), err)
		os.Exit(1)
	}
	fmt.Println("== recorded")
}

// kaslr tells what the kernel's decompressor found out about itself: bit 1 of
// loadflags (Linux, arch/x86/boot.rst, "The Real-Mode Kernel Header").
func kaslr() bool {
	const loadflags, flag = 0x211, 2
	b, err := os.ReadFile("/sys/kernel/boot_params/data")
	return err == nil && len(b) > loadflags && b[loadflags]&flag != 0
}

func work() error {
	fmt.Println("== type")
	line, err := bufio.NewReader(os.Stdin).ReadString('\n')
	if err != nil {
		return err
	}
	fmt.Printf("read %q\n", strings.TrimSpace(line))
	t := time.NewTicker(4 * time.Millisecond)
	defer t.Stop()
	for i := range 10 {
		<-t.C
		fmt.Print(i)
	}
	fmt.Println()
	if err := recorder.Mark("half"); err != nil {
		return err
	}
	sum, crc := 0.0, crc32.NewIEEE()
	for i := range 20_000 {
		x := math.Sqrt(float64(i))
		sum += x / (1 + float64(x*x))
		fmt.Fprint(crc, i*i, x)
	}
	fmt.Printf("computed %.17g %08x\n", sum, crc.Sum32())
	return nil
}
