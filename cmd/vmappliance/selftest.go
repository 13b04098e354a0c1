package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"vmrecord/bundle"
	"vmrecord/bundle/inbox"
	"vmrecord/bundle/keys"
	"vmrecord/bundle/replay"
	"vmrecord/cmd/internal/cli"
	"vmrecord/cmd/internal/exit"
	"vmrecord/cmd/internal/machine"
	"vmrecord/configs"
	"vmrecord/configs/bare"
	"vmrecord/vmm/host"
)

// A selftestDocument is what selftest --json prints, on one line.
type selftestDocument struct {
	Schema    string  `json:"schema"` // vmappliance.selftest/1
	Launch    float64 `json:"launch_ms"`
	Pause     float64 `json:"pause_ms"` // of the guest, where recording begins
	Level3    int64   `json:"l3_bytes"`
	Parts     int     `json:"parts"`
	Sealed    bool    `json:"sealed"`
	Replays   int     `json:"replays"`
	Identical int     `json:"replays_identical"`
	EndHash   string  `json:"end_hash"`
	Seconds   float64 `json:"seconds"`
}

const (
	selftestReplays = 3
	selftestWork    = 20_000_000 // instructions of the guest's
)

// selftestConfig is the appliance's; a rehearsal puts the rest in.
const selftestConfig = `[appliance]
name = "selftest"
version = "1"
[machine]
memory = "64M"
kernel = %q
[vendor]
mail = "selftest@localhost.example"
submit = "smtp://127.0.0.1:1"
keys = [%q]
[record]
features = ["selftest"]
`

func selftestCommand() *cobra.Command {
	asJSON := false
	c := &cobra.Command{
		Use:   "selftest",
		Short: "Record a small guest, mail it to this computer, replay it",
		Long: "selftest goes the whole way of a failure on this computer, in a folder that it\n" +
			"removes: a small guest of our own runs and is recorded, its recording is sealed to a\n" +
			"fresh key and mailed to an inbox on loopback, and what arrives is opened with the\n" +
			"key and replayed three times.",
		Args: cli.Args(0, 0),
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print one line of JSON")
	c.RunE = func(c *cobra.Command, _ []string) error {
		begun := time.Now()
		d, err := selftest(c)
		if err != nil {
			return fmt.Errorf("selftest: %w; what is missing here: vmappliance doctor", err)
		}
		d.Seconds = time.Since(begun).Seconds()
		if asJSON {
			return json.NewEncoder(c.OutOrStdout()).Encode(d)
		}
		_, err = fmt.Fprintf(c.OutOrStdout(), "recorded, sealed and mailed %s (parts: %d); replayed %d times, %d identical; %.1f s\n",
			cli.Bytes(d.Level3), d.Parts, d.Replays, d.Identical, d.Seconds)
		return err
	}
	return c
}

func selftest(c *cobra.Command) (d *selftestDocument, err error) {
	dir, err := os.MkdirTemp("", "vmrecord-selftest-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	vendor, err := keys.New(filepath.Join(dir, "keys"), "vendor")
	if err != nil {
		return nil, err
	}
	kernel := filepath.Join(dir, "guest")
	if err := os.WriteFile(kernel, bare.Image(bare.Options{Work: selftestWork}), 0o600); err != nil {
		return nil, err
	}
	a, err := configs.Parse(fmt.Appendf(nil, selftestConfig, kernel, vendor.Opens))
	if err != nil {
		return nil, err
	}
	re, err := rehearse(a)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, re.close()) }()
	v := &runVerb{machineFlags: machineFlags{cpus: 1}, serial: "none", fromStart: "selftest", noReboot: true,
		pace: host.Free, state: re.dir, errors: io.Discard}
	if err := v.runConfigured(c, a); err != nil {
		return nil, err
	}
	return re.replayed(vendor.Folder, v.doc)
}

// replayed replays what arrived, with the keys in a folder.
func (r *rehearsal) replayed(keyDir string, run runDocument) (*selftestDocument, error) {
	all, err := r.in.List()
	if err != nil {
		return nil, err
	}
	if len(all) != 1 || all[0].State != inbox.Complete || len(run.Kept) != 1 {
		return nil, fmt.Errorf("%d reports arrived of %d recordings", len(all), len(run.Kept))
	}
	ids, err := keys.Identities(keyDir)
	if err != nil {
		return nil, err
	}
	k := run.Kept[0]
	d := &selftestDocument{Schema: "vmappliance.selftest/1", Launch: run.LaunchMS, Pause: k.PauseMS, Level3: all[0].Size, Parts: k.Parts}
	_, err = bundle.Open(all[0].File)
	sealed := (*bundle.SealedError)(nil)
	if d.Sealed = errors.As(err, &sealed); !d.Sealed {
		return nil, fmt.Errorf("the bundle opens without a key: %v", err)
	}
	for range selftestReplays {
		b, err := bundle.Open(all[0].File, ids...)
		if err != nil {
			return nil, err
		}
		res, err := play(b)
		if err := errors.Join(err, b.Close()); err != nil {
			return nil, err
		}
		d.Replays, d.EndHash = d.Replays+1, res.EndHash
		if res.Identical {
			d.Identical++
		}
	}
	if d.Identical != d.Replays {
		return nil, exit.Errorf(exit.Diverged, "%d of %d replays were identical", d.Identical, d.Replays)
	}
	return d, nil
}

// play replays a bundle that this program has made.
func play(b *bundle.Bundle) (replay.Result, error) {
	var free func()
	r, err := replay.Open(b, machine.Replayed(machine.EngineFlags{}, &free))
	defer func() { free() }()
	if err != nil {
		return replay.Result{}, err
	}
	return r.Run(context.Background(), replay.Options{})
}
