package main

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"vmrecord/bundle/recording"
	"vmrecord/bundle/replay"
	"vmrecord/cmd/internal/rig"
)

// run records and replays.
func (o options) run(ctx context.Context) (*report, error) {
	o.logf("building the programs and %s", o.pkg)
	r := &report{Seconds: o.time.Seconds(), MemoryBytes: int64(o.memory), Package: o.pkg}
	if err := errors.Join(rig.Programs(o.dir), o.tree(), o.config()); err != nil {
		return nil, err
	}
	var err error
	if r.Sum, err = o.sum(); err != nil {
		return nil, err
	}
	if err := o.record(ctx, r); err != nil {
		return nil, err
	}
	var all sync.WaitGroup
	errs := make([]error, 2)
	all.Go(func() { errs[0] = o.replay(ctx, &r.JIT, "jit", 100) })
	all.Go(func() { errs[1] = o.replay(ctx, &r.Interp, "interp", o.share) })
	all.Wait()
	r.check()
	return r, errors.Join(errs...)
}

func (o options) path(name string) string { return filepath.Join(o.dir, name) }

// tree makes what the guest boots.
func (o options) tree() error {
	plan, err := json.Marshal(struct {
		Seconds float64
		Package string
		Env     []string
	}{o.time.Seconds(), o.pkg, rig.Settings()})
	if err != nil {
		return err
	}
	var t rig.Tree
	t.Text("plan", string(plan))
	if err := t.Program("init", "vmrecord/cmd/internal/soak/testdata/init"); err != nil {
		return err
	}
	if err := t.Toolchain("go", o.pkg); err != nil {
		return err
	}
	return t.Write(o.path("initramfs.cpio"))
}

// sum is the SHA-256 of what the guest's build must make.
func (o options) sum() (string, error) {
	name := o.path("built")
	if _, err := rig.Go("build", "-trimpath", "-buildvcs=false", "-o", name, o.pkg); err != nil {
		return "", err
	}
	b, err := os.ReadFile(name)
	return fmt.Sprintf("%x", sha256.Sum256(b)), err
}

// config writes the appliance's description.
func (o options) config() error {
	return os.WriteFile(o.path("soak.toml"), fmt.Appendf(nil, `[appliance]
name = "soak"
version = "1"

[machine]
memory = "%d"
kernel = "debian"
initrd = "initramfs.cpio"
append = "console=ttyS0 panic=-1 loglevel=4 cryptomgr.notests"

[record]
features = ["soak"]

[consent]
mode = "never"
encryption = "off"
`, o.memory), 0o644)
}

// watch looks at a program's memory, and tells.
func (o options) watch(name string) rig.Watch {
	return rig.Watch{Every: o.every, Say: func(s rig.Sample) {
		text := fmt.Sprintf("%s: %d MB resident", name, s.Resident/1e6)
		if s.Disk > 0 {
			text += fmt.Sprintf(", %.1f MB recorded", float64(s.Disk)/1e6)
		}
		o.logf("%s", text)
	}}
}

// record runs the guest and packs its recording.
func (o options) record(ctx context.Context, r *report) error {
	o.logf("recording")
	w := o.watch("record")
	w.Folder = o.path("recordings")
	if err := os.Mkdir(w.Folder, 0o700); err != nil {
		return err
	}
	p, err := w.Run(ctx, o.path(rig.Appliance), "run", o.path("soak.toml"), "--json", "--stats", "--no-reboot",
		"--recordings", w.Folder, "--serial", "file:"+o.path("console.txt"))
	if err != nil {
		return err
	}
	r.Record.Process = *p
	if r.Record.Stats, err = rig.ParseStats(p.Err); err != nil {
		return err
	}
	var doc struct {
		Kept []struct{ Summary recording.Summary } `json:"recordings_kept"`
	}
	if err := json.Unmarshal(p.Out, &doc); err != nil {
		return fmt.Errorf("vmappliance run --json: %w", err)
	}
	console, err := os.ReadFile(o.path("console.txt"))
	if err != nil {
		return err
	}
	if r.Stages, err = parse(string(console)); err != nil {
		return err
	}
	if len(doc.Kept) != 1 {
		return fmt.Errorf("%d recordings were kept, want 1; vmappliance said: %s", len(doc.Kept), p.Err)
	}
	r.Record.Summary = doc.Kept[0].Summary
	dir := filepath.Join(w.Folder, r.Record.Summary.Name)
	if r.Record.TapeBytes, err = rig.Disk(filepath.Join(dir, "tape")); err != nil {
		return err
	}
	o.logf("packing")
	if _, err := (rig.Watch{}).Run(ctx, o.path(rig.Bundle), "pack", dir, o.path("soak.vmb")); err != nil {
		return err
	}
	st, err := os.Stat(o.path("soak.vmb"))
	if err != nil {
		return err
	}
	r.Record.BundleBytes = st.Size()
	return nil
}

// replay replays the bundle on an engine, up to a share of the way. Where it
// diverges is part of the report.
func (o options) replay(ctx context.Context, r *replayed, engine string, percent float64) error {
	o.logf("replaying %g %% on %s", percent, engine)
	arg := []string{o.path(rig.Bundle), "replay", o.path("soak.vmb"), "--engine", engine, "--json", "--quiet", "--stats"}
	if percent < 100 {
		arg = append(arg, "--until", strconv.FormatFloat(percent, 'f', -1, 64)+"%")
	}
	p, err := o.watch("replay on "+engine).Run(ctx, arg...)
	if p == nil {
		return err
	}
	r.Percent, r.Process = percent, *p
	var doc struct {
		replay.Result
		Error string `json:"error"`
	}
	if e := json.Unmarshal(p.Out, &doc); e != nil {
		return errors.Join(err, fmt.Errorf("vmbundle replay --json: %w", e))
	}
	r.Result, r.Error = doc.Result, doc.Error
	if engine == "jit" {
		stats, err := rig.ParseStats(p.Err)
		if err != nil {
			return err
		}
		r.Stats = &stats
	}
	o.logf("replay on %s ended: %d heartbeats %s", engine, r.HeartbeatsCompared, r.Error)
	return nil
}
