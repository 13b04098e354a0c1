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
	"vmrecord/bundle/base"
	"vmrecord/bundle/inbox"
	"vmrecord/bundle/keys"
	"vmrecord/bundle/replay"
	"vmrecord/cmd/internal/cli"
	"vmrecord/cmd/internal/exit"
	"vmrecord/cmd/internal/levels"
	"vmrecord/cmd/internal/machine"
	"vmrecord/configs"
	"vmrecord/configs/bare"
	"vmrecord/vmm/host"
)

// A selftestDocument is what selftest --json prints, on one line.
type selftestDocument struct {
	Schema    string  `json:"schema"`    // vmappliance.selftest/1
	Golden    bool    `json:"golden"`    // it started from a golden
	Launch    float64 `json:"launch_ms"` // to the first instruction
	Pause     float64 `json:"pause_ms"`  // of the guest, where recording begins
	Failure   string  `json:"failure"`   // that was seen on its console
	Level0    int64   `json:"l0_bytes"`  // sealed bundles of the same recording
	Level1    int64   `json:"l1_bytes"`
	Level2    int64   `json:"l2_bytes"` // against the golden: this one is mailed
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
	selftestWork    = 5_000_000 // instructions of the guest's, before the golden is made

	// selftestKeys have the guest work, print a line that counts as a failure, and
	// power off.
	selftestKeys = "+1ms \"x\" x 50\n+1ms \"q\"\n"
)

// selftestConfig is the appliance's; a rehearsal puts the rest in.
const selftestConfig = `[appliance]
name = "selftest"
version = "1"
[machine]
memory = "64M"
kernel = "guest"
%s
[vendor]
mail = "selftest@localhost.example"
submit = "smtp://127.0.0.1:1"
keys = [%q]
[record]
features = ["selftest"]
[record.triggers]
serial = ['fault [0-9a-f]+ upgrade']
`

func selftestCommand() *cobra.Command {
	asJSON := false
	c := &cobra.Command{
		Use:   "selftest",
		Short: "Record a small guest, mail it to this computer, replay it",
		Long: "selftest goes the whole way of a failure on this computer, in a folder that it\n" +
			"removes: a small guest of our own boots, and its state becomes a golden; it starts from\n" +
			"that, is recorded, and prints what is taken for a failure; the recording is packed\n" +
			"against the golden, sealed to a fresh key and mailed to an inbox on loopback; what\n" +
			"arrives is opened with the key and replayed three times. It is packed at the other\n" +
			"levels too, for their sizes.",
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
		_, err = io.WriteString(c.OutOrStdout(), d.text())
		return err
	}
	return c
}

// text is for people.
func (d *selftestDocument) text() string {
	return fmt.Sprintf("start      %.0f ms to the guest's first instruction, from a golden\n"+
		"pause      %.1f ms where recording begins\n"+
		"failure    %s\n"+
		"sizes      report (L0) %s, what its replay uses (L1) %s, against the golden (L2) %s, whole (L3) %s\n"+
		"mail       L2, sealed, in parts: %d\n"+
		"replays    %d, of them identical: %d\n"+
		"time       %.1f s\n",
		d.Launch, d.Pause, d.Failure, cli.Bytes(d.Level0), cli.Bytes(d.Level1), cli.Bytes(d.Level2), cli.Bytes(d.Level3),
		d.Parts, d.Replays, d.Identical, d.Seconds)
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
	a, err := selftestAppliance(dir, vendor.Opens)
	if err != nil {
		return nil, err
	}
	re, err := rehearse(a)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, re.close()) }()
	v := &runVerb{machineFlags: machineFlags{cpus: 1}, serial: "none", fromStart: "selftest", noReboot: true,
		pace: host.Free, state: re.dir, keys: filepath.Join(dir, "typed"), errors: io.Discard}
	if err := v.runConfigured(c, a); err != nil {
		return nil, err
	}
	if d, err = re.replayed(vendor.Folder, v.doc); err != nil {
		return nil, err
	}
	return d, d.weigh(c.Context(), a, re.dir, v.doc.Kept[0])
}

// selftestAppliance makes an appliance with its golden in a folder.
func selftestAppliance(dir, key string) (*configs.Appliance, error) {
	config := filepath.Join(dir, "appliance.toml")
	for name, text := range map[string][]byte{"guest": bare.Image(bare.Options{Work: selftestWork, Keys: true}),
		"typed": []byte(selftestKeys), "appliance.toml": fmt.Appendf(nil, selftestConfig, "", key)} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			return nil, err
		}
	}
	g := goldenBuild{out: filepath.Join(dir, "golden"+base.Ext)}
	digest, err := g.run(io.Discard, config, false)
	if err != nil {
		return nil, err
	}
	lines := fmt.Sprintf("golden = %q\ngolden_sha256 = %q", g.beside(config), digest)
	if err := os.WriteFile(config, fmt.Appendf(nil, selftestConfig, lines, key), 0o600); err != nil {
		return nil, err
	}
	return configs.Load(config)
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
	d := &selftestDocument{Schema: "vmappliance.selftest/1", Golden: run.Golden, Launch: run.LaunchMS, Pause: k.PauseMS,
		Failure: k.Failure, Level2: all[0].Size, Parts: k.Parts}
	_, err = bundle.Open(all[0].File)
	sealed := (*bundle.SealedError)(nil)
	if d.Sealed = errors.As(err, &sealed); !d.Sealed {
		return nil, fmt.Errorf("the bundle opens without a key: %v", err)
	}
	have, err := bases(r.dir)
	if err != nil {
		return nil, err
	}
	for range selftestReplays {
		b, err := bundle.Open(all[0].File, ids...)
		if err != nil {
			return nil, err
		}
		b.UseBases(have)
		res, err := machine.Replay(b)
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

// weigh packs the recording at the levels that were not mailed.
func (d *selftestDocument) weigh(ctx context.Context, a *configs.Appliance, state string, k *kept) error {
	dir := filepath.Join(state, "recordings", k.Summary.Name)
	whole, err := packOptions(a)
	if err != nil {
		return err
	}
	report, less := whole, whole
	report.Report = (&courier{party: party(a)}).tell(k, parcel{Packed: bundle.Packed{ID: k.ID}, level: k.Level}, "it follows")
	if less.Slice, err = levels.Slice(ctx, dir, whole, base.Folder{}, func(string, replay.Step) {}); err != nil {
		return err
	}
	for _, l := range []struct {
		size *int64
		how  bundle.PackOptions
	}{{&d.Level0, report}, {&d.Level1, less}, {&d.Level3, whole}} {
		p, err := bundle.Pack(dir, state, l.how)
		if err != nil {
			return err
		}
		*l.size = p.Bytes
	}
	return nil
}
