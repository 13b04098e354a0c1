package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"

	"vmrecord/cmd/internal/rig"
)

// ringed is the configuration of an appliance that records always.
const ringed = `[appliance]
name = "pairs"
version = "1"
[machine]
memory = "256M"
kernel = "debian"
[record.ring]
epoch = %d
[consent]
mode = "never"
encryption = "off"
`

func main() {
	n := flag.Int("n", 15, "pairs")
	rounds := flag.Int("rounds", 5, "how often the guest does its work")
	epoch := flag.Uint("ring", 0, "record as a ring with epochs of so many guest seconds")
	asJSON := flag.Bool("json", false, "print the report as JSON, with each pair")
	flag.Parse()
	if flag.NArg() != 0 || *n < 1 || *rounds < 1 {
		flag.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	r, err := measure(ctx, *n, *rounds, *epoch)
	stop()
	if err == nil && *asJSON {
		err = json.NewEncoder(os.Stdout).Encode(r)
	} else if err == nil {
		_, err = fmt.Print(r)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "pairs:", err)
		os.Exit(2)
	}
}

// measure runs n pairs; epoch is a ring's, or 0.
func measure(ctx context.Context, n, rounds int, epoch uint) (*report, error) {
	dir, err := os.MkdirTemp("", "pairs-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	var t rig.Tree
	t.Text("rounds", strconv.Itoa(rounds))
	if err := t.Program("init", "vmrecord/cmd/internal/pairs/testdata/init"); err != nil {
		return nil, err
	}
	if err := t.Write(filepath.Join(dir, "initramfs.cpio")); err != nil {
		return nil, err
	}
	if err := rig.Programs(dir); err != nil {
		return nil, err
	}
	on := []string{"--record-from-start", "pairs"}
	if epoch > 0 {
		on = []string{filepath.Join(dir, "ring.toml")}
		if err := os.WriteFile(on[0], fmt.Appendf(nil, ringed, epoch), 0o600); err != nil {
			return nil, err
		}
	}
	r := new(report)
	for i := range n + 1 {
		p, err := runPair(ctx, dir, on, i%2 == 0)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(os.Stderr, "pair %d: %.2f s recorded, %.2f s not: %.3f\n", i, p.On.CPUSeconds, p.Off.CPUSeconds, p.ratio())
		if i > 0 {
			r.Pairs = append(r.Pairs, p)
		}
	}
	r.sum()
	return r, nil
}

// runPair runs the guest twice; how are the arguments that have it recorded.
func runPair(ctx context.Context, dir string, how []string, onFirst bool) (p pair, err error) {
	for _, on := range []bool{onFirst, !onFirst} {
		at, arg := &p.Off, []string(nil)
		if on {
			at, arg = &p.On, how
		}
		if *at, err = runOnce(ctx, dir, arg); err != nil {
			return p, err
		}
	}
	if p.On.Stats.Instructions != p.Off.Stats.Instructions {
		return p, fmt.Errorf("%d instructions when recorded, %d when not: the guest can tell", p.On.Stats.Instructions, p.Off.Stats.Instructions)
	}
	return p, nil
}

// runOnce runs the guest, recorded if there are arguments for that.
func runOnce(ctx context.Context, dir string, how []string) (r run, err error) {
	console := filepath.Join(dir, "console.txt")
	arg := []string{filepath.Join(dir, rig.Appliance), "run", "--kernel", "debian", "--initrd", filepath.Join(dir, "initramfs.cpio"),
		"--append", "console=ttyS0 panic=-1 cryptomgr.notests", "--memory", "256M", "--seed", "1", "--engine", "jit", "--no-reboot",
		"--serial", "file:" + console, "--stats", "--json"}
	if len(how) > 0 {
		folder := filepath.Join(dir, "recordings")
		defer os.RemoveAll(folder)
		arg = append(append(arg, how...), "--recordings", folder)
	}
	p, err := rig.Watch{}.Run(ctx, arg...)
	if err != nil {
		return r, err
	}
	var doc struct{ Outcome string }
	if err := json.Unmarshal(p.Out, &doc); err != nil {
		return r, fmt.Errorf("vmappliance run --json: %w", err)
	}
	if doc.Outcome != "power-off" {
		said, _ := os.ReadFile(console)
		return r, fmt.Errorf("the guest ended with %s, want power-off; the console ends\n%s", doc.Outcome, said[max(0, len(said)-4000):])
	}
	s, err := rig.ParseStats(p.Err)
	return run{p.CPUSeconds, s}, err
}
