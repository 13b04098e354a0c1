package main

import (
	"flag"
	"fmt"
	"os"

	"vmrecord/cmd/internal/machine"
	"vmrecord/cmd/internal/rig"
	"vmrecord/configs"
	"vmrecord/configs/bare"
	"vmrecord/configs/guestkernel"
	"vmrecord/configs/size"
	"vmrecord/vmm"
	"vmrecord/vmm/jit"
)

// Exit statuses.
const (
	exitDiffer = 1
	exitFailed = 2
)

func main() {
	memory := size.Bytes(256 << 20)
	kernel := flag.String("kernel", "bare", "`FILE` to boot; bare: our own guest, debian: Debian's from the cache")
	initrd := flag.String("initrd", "", "initial ramdisk `FILE`")
	appended := flag.String("append", "console=ttyS0 panic=-1", "the kernel's command line")
	flag.Var(&memory, "memory", "of the guest")
	seed := flag.Uint64("seed", 0, "of the machine")
	most := flag.Uint64("max", 3e9, "compare up to this `instant`")
	step := flag.Uint64("step", 100_000, "`instants` between two looks at the processor")
	whole := flag.Uint64("whole", 500, "looks at the processor between two at everything")
	bisect := flag.Bool("bisect", false, "find the block whose translation is wrong by halving the set of translated blocks")
	stops := flag.Uint64("stops", 0, "compare where stops made at random of this `seed`, if not 0, strike")
	flag.Parse()
	if flag.NArg() != 0 || *step == 0 || *whole == 0 {
		flag.Usage()
		os.Exit(exitFailed)
	}
	l := &lockboot{most: vmm.Instant(*most), step: vmm.Instant(*step), whole: *whole, newJIT: jit.New, out: os.Stdout}
	l.guest = guest{append: *appended, seed: *seed, spec: machine.Spec{Memory: uint64(memory), Hz: vmm.DefaultHz,
		UUID: uuid, Control: true, MaxRecordings: 1 << 20}}
	err := l.guest.read(*kernel, *initrd)
	var same bool
	switch {
	case err != nil:
	case *stops != 0:
		same, err = l.watched(newWatcher(*stops))
	default:
		same, err = l.run(*bisect)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "lockboot:", err)
		os.Exit(exitFailed)
	}
	if !same {
		os.Exit(exitDiffer)
	}
}

const (
	uuid  = "5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a"
	epoch = 1_790_000_123
)

// read reads the guest's files.
func (g *guest) read(kernel, initrd string) (err error) {
	switch kernel {
	case "bare":
		g.kernel = bare.Image(bare.Options{Work: 1e12, APIC: true, Float: true})
		return nil
	case configs.KernelDebian:
		g.kernel, _, err = rig.Kernel(guestkernel.Cloud)
	default:
		g.kernel, err = os.ReadFile(kernel)
	}
	if err == nil && initrd != "" {
		g.initrd, err = os.ReadFile(initrd)
	}
	return err
}

// run compares, and tells what there is to tell.
func (l *lockboot) run(bisect bool) (same bool, err error) {
	a, b, err := l.compare()
	if err != nil || b == 0 {
		return err == nil, err
	}
	n, err := l.narrow(a, b)
	if err != nil {
		return false, err
	}
	defer n.free()
	if err := n.trace(); err != nil || !bisect {
		return false, err
	}
	return false, n.bisect()
}
