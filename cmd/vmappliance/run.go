package main

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"vmrecord/cmd/internal/cli"
	"vmrecord/cmd/internal/exit"
	"vmrecord/cmd/internal/live"
	"vmrecord/configs"
	"vmrecord/vmm"
	"vmrecord/vmm/host"
)

// virtualEpoch is the date that a run at virtual pace begins on: 2026-01-01.
const virtualEpoch = 1767225600

// A runVerb is what run's flags ask for.
type runVerb struct {
	machineFlags
	serial      string
	keys        string
	pace        host.Pace
	seed        uint64
	maxInstants uint64
	noReboot    bool
	gdb         string
	guestStatus bool
	asJSON      bool
	stats       bool
	errors      io.Writer

	recordings string
	rehearse   bool
	noGolden   bool
	state      string // folder for recordings and outbox
	fromStart  string
	events     string

	seeded bool
	doc    runDocument // of the run that has ended
}

// A runDocument is what --json prints.
type runDocument struct {
	Schema      string  `json:"schema"` // vmappliance.run/1
	Outcome     string  `json:"outcome"`
	Status      int     `json:"status"`
	Boots       int     `json:"boots"`  // times that the guest began
	Golden      bool    `json:"golden"` // the first time from the golden
	Instants    uint64  `json:"instants"`
	Retired     uint64  `json:"retired"`
	Inputs      uint64  `json:"inputs"`
	WallSeconds float64 `json:"wall_seconds"`
	CPUSeconds  float64 `json:"cpu_seconds"`
	LaunchMS    float64 `json:"launch_ms"` // to the first instruction
	MIPS        float64 `json:"mips"`      // retired instructions / CPU seconds
	Dropped     int     `json:"recordings_dropped"`
	Kept        []*kept `json:"recordings_kept"`
}

// guestStatus is the run's status where the guest's counts: a failure of its own that
// was recorded is told before what became of the report.
func (d *runDocument) guestStatus() int {
	failed := slices.ContainsFunc(d.Kept, func(k *kept) bool { return k.Failure != "" })
	switch exit.Code(d.Status) {
	case exit.OK, exit.Consent, exit.Queued:
		if failed {
			return int(exit.GuestFailed)
		}
	}
	return d.Status
}

func runCommand() *cobra.Command {
	r := &runVerb{}
	c := &cobra.Command{
		Use:   "run [CONFIG.toml]",
		Short: "Run an appliance, or any Linux guest",
		Long: "run boots a guest, with this terminal as its console; Ctrl-] q quits. Flags win\n" +
			"over the configuration. Statuses: vmappliance help exit-codes.",
		Example: "  vmappliance run appliance.toml\n" +
			"  vmappliance run --kernel vmlinuz --initrd initramfs.cpio --append console=ttyS0 --memory 256M",
		Args: cli.Args(0, 1),
	}
	f := c.Flags()
	f.StringVar(&r.kernel, "kernel", "", "bzImage or Multiboot kernel to boot, or debian: the one in the cache (`FILE`)")
	f.StringVar(&r.initrd, "initrd", "", "initial ramdisk (`FILE`)")
	f.StringVar(&r.append, "append", "", "the kernel's command line (`TEXT`)")
	f.Var(&r.memory, "memory", "guest memory, such as 256M")
	f.UintVar(&r.cpus, "cpus", 1, "processors of the guest: 1")
	f.StringVar(&r.serial, "serial", "stdio", "the guest's serial port: stdio, file:PATH or none (`WHERE`)")
	f.BoolVar(&r.debugExit, "debug-exit", false, "a write of v to port 0xf4 ends the run with status (v<<1)|1")
	r.engine.Define(c)
	f.BoolVar(&r.stats, "stats", false, "say at the end what the engine did: vmappliance help engine")
	f.Uint64Var(&r.maxInstants, "max-instants", 0, "end with status 8 after `N` instants")
	f.StringVar(&r.keys, "keys", "", "type what `FILE` says: lines such as: +200ms \"k\" x 20")
	f.Uint64Var(&r.seed, "seed", 0, "a run that repeats itself: virtual pace, `N` for all that is random")
	f.Var(&r.pace, "pace", "guest time: real, free (sleep jumps) or virtual (free, and no inputs but --keys)")
	f.BoolVar(&r.noReboot, "no-reboot", false, "end when the guest reboots")
	f.StringVar(&r.recordings, "recordings", "", "folder of recordings `DIR` (default ~/.local/share/vmrecord/recordings)")
	f.BoolVar(&r.rehearse, "rehearse", false, "send to an inbox of its own on this computer, open what arrives, and forget it")
	f.StringVar(&r.fromStart, "record-from-start", "", "record the whole run under `NAME`")
	f.BoolVar(&r.noGolden, "no-golden", false, "boot, though the configuration names a golden to start from")
	f.StringVar(&r.events, "events", "", "write progress as lines of JSON to `FILE`, - for standard error")
	f.BoolVar(&r.asJSON, "json", false, "print one JSON document at the end")
	f.BoolVar(&r.guestStatus, "guest-status", false, "end with status 10 if a recording was kept that shows a failure")
	f.StringVar(&r.gdb, "gdb", "", "wait for gdb before the first instruction; at `ADDR` of this computer: --gdb=ADDR")
	f.Lookup("gdb").NoOptDefVal = defaultGDB
	c.RunE = func(c *cobra.Command, args []string) error { return r.run(c, args) }
	return c
}

func (r *runVerb) run(c *cobra.Command, args []string) error {
	r.seeded, r.errors = c.Flags().Changed("seed"), c.ErrOrStderr()
	if r.seeded && !c.Flags().Changed("pace") {
		r.pace = host.Virtual
	}
	a, err := loadConfig(args)
	if err != nil {
		return err
	}
	if !r.rehearse {
		if a != nil {
			if err := r.meet(a, args[0]); err != nil {
				return err
			}
		}
		return r.runConfigured(c, a)
	}
	re, err := rehearse(a)
	if err != nil {
		return err
	}
	r.state = re.dir
	err = r.runConfigured(c, a)
	return errors.Join(err, re.end(func(format string, a ...any) { fmt.Fprintf(c.ErrOrStderr(), "vmappliance: "+format+"\n", a...) }))
}

func (r *runVerb) runConfigured(c *cobra.Command, a *configs.Appliance) error {
	g, err := r.guest(a)
	if err != nil {
		return err
	}
	keys, err := r.script()
	if err != nil {
		return err
	}
	ev, err := openEvents(r.events)
	if err != nil {
		return err
	}
	con, err := live.OpenConsole(r.serial, os.Stdin, c.OutOrStdout())
	if err != nil {
		return err
	}
	l := &oneRun{verb: r, guest: g, config: a, console: con, keys: keys, say: sayer(c, con), events: ev}
	stop := func() {}
	if l.gdb, stop, err = listen(r.gdb); err == nil {
		err = l.run()
	}
	stop()
	if e := con.Close(); err == nil && e != nil {
		err = fmt.Errorf("console: %w", e)
	}
	r.doc = l.doc
	if err != nil {
		return err
	}
	ev.tell(event{Event: "end", Text: l.doc.Outcome, Status: l.doc.Status})
	if r.asJSON {
		if err := cli.JSON(c.OutOrStdout(), l.doc); err != nil {
			return err
		}
	}
	if l.doc.Status != 0 {
		return cli.Status(l.doc.Status)
	}
	return nil
}

// sayer prints a line of ours beside the guest's.
func sayer(c *cobra.Command, con *live.Console) func(string, ...any) {
	return func(format string, a ...any) {
		line := fmt.Sprintf("vmappliance: "+format, a...)
		if t := con.Terminal(); t != nil {
			t.Note(line)
			return
		}
		fmt.Fprintln(c.ErrOrStderr(), line)
	}
}

func loadConfig(args []string) (*configs.Appliance, error) {
	if len(args) == 0 {
		return nil, nil
	}
	a, err := configs.Load(args[0])
	if errors.Is(err, fs.ErrNotExist) {
		return nil, exit.With(exit.NotFound, err)
	}
	if altered := (*configs.SignatureError)(nil); errors.As(err, &altered) {
		return nil, exit.With(exit.Integrity, err)
	}
	return a, exit.With(exit.Usage, err)
}

// script reads --keys, moved about by the seed.
func (r *runVerb) script() (sc host.Script, err error) {
	if r.keys == "" {
		return sc, nil
	}
	b, err := os.ReadFile(r.keys)
	if err != nil {
		return sc, exit.Errorf(exit.NotFound, "--keys: %w", err)
	}
	if sc, err = host.ParseScript(string(b)); err != nil {
		return sc, exit.Errorf(exit.Usage, "--keys %s: %w", r.keys, err)
	}
	if r.seeded {
		sc.Keys = host.Jitter(sc.Keys, r.seed)
	}
	return sc, nil
}

// surroundings are what the world gives a machine at power-on.
func (r *runVerb) surroundings() (epoch, seed uint64, err error) {
	epoch, seed = virtualEpoch, r.seed
	if r.pace != host.Virtual {
		epoch = uint64(time.Now().Unix())
	}
	if !r.seeded {
		var b [8]byte
		if _, err := rand.Read(b[:]); err != nil {
			return 0, 0, fmt.Errorf("seed: %w", err)
		}
		seed = binary.LittleEndian.Uint64(b[:])
	}
	return epoch, seed, nil
}

func (r *runVerb) limit() vmm.Instant {
	if r.maxInstants == 0 {
		return vmm.Never
	}
	return vmm.Instant(r.maxInstants)
}
