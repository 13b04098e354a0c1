// Command drive is `make demo`: the whole way of a failure, on real input, with
// the programs a user would run. An appliance boots Debian's kernel and a beta
// program, which records itself until a round fails; the recording is mailed to
// an inbox on this computer; the vendor replays it three times in an empty
// folder, and asks the recording who lost an update. Nothing it prints is known beforehand: every figure comes from the
// programs' own JSON.
//
//	go run ./configs/demo/drive -bin bin -out demo-out [-json] [-seed N]
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"
)

func main() {
	d := new(demo)
	flag.StringVar(&d.bin, "bin", "bin", "folder of vmappliance and vmbundle")
	flag.StringVar(&d.out, "out", "demo-out", "folder for all that the demo makes; emptied first")
	flag.BoolVar(&d.json, "json", false, "print the summary as one JSON object on the last line")
	flag.StringVar(&d.seed, "seed", "", "a run that repeats itself: virtual pace, and this number for all that is random")
	flag.IntVar(&d.limit, "limit", 600, "seconds after which the appliance is stopped")
	flag.Parse()
	if err := d.run(); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		if d.json {
			d.sum.print()
		}
		os.Exit(1)
	}
	if d.json {
		d.sum.print()
	}
}

// A demo is one run of the demonstration.
type demo struct {
	bin, out, seed string
	json           bool
	limit          int
	screen
	sum  summary
	smtp string // where the inbox listens
	mail string // how the last mail went
	// answered counts the guest's answers to keys since the last recording ended.
	answered atomic.Int64
	bundle   string   // the file that arrived
	public   string   // half of the vendor's key
	suspect  string   // the account that the ledger suspects
	accesses []access // the last to its balance
}

func (d *demo) run() error {
	d.begin()
	for _, p := range []*string{&d.bin, &d.out} {
		abs, err := filepath.Abs(*p)
		if err != nil {
			return err
		}
		*p = abs
	}
	for _, step := range []func() error{d.prepare, d.live, d.vendor, d.who} {
		if err := step(); err != nil {
			return err
		}
	}
	d.sum.Seconds = time.Since(d.start).Seconds()
	d.closing()
	return nil
}

// closing names the bug and says how to go on.
func (d *demo) closing() {
	s := &d.sum
	d.line("")
	d.line("live: failed 1 round in %d.     replayed: failed %d times in %d, on any computer.",
		s.Dropped+s.Kept, s.Identical, s.Replays)
	d.line("the bug: post in configs/demo/ledger/ledger.go reads a balance, computes, and writes it back;")
	d.line("         a thread that the kernel takes off the processor in between undoes what others wrote.")
	d.line("")
	d.line("%d million instructions, %.0f million a second of processor time; boot %.1f s; %d recordings kept, %d dropped",
		s.Retired/1e6, s.MIPS, s.BootSeconds, s.Kept, s.Dropped)
	d.line("who? found %d accesses in %.1f s", s.Accesses, s.WhoSeconds)
	d.line("bundle %s in %d parts, %d heartbeats, %d inputs (%d of them keys); %d replays, %d identical",
		size(s.BundleBytes), s.Parts, s.Heartbeats, s.Inputs, s.Keys, s.Replays, s.Identical)
	d.line("")
	f := d.short(d.bundle)
	b := d.short(filepath.Join(d.bin, "vmbundle"))
	d.line("the bundle is sealed to the vendor; to open it, name the folder of the vendor's keys:")
	d.line("  export VMRECORD_KEYS=%s", d.short(d.keys()))
	d.line("  %s inspect %s", b, f)
	d.line("  %s replay %s", b, f)
	d.line("  %s golive %s --at 50%%", b, f)
	d.line("  %s gdb %s --symbols %s --source .", b, f, d.short(d.symbols()))
}
