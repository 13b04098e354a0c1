package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"vmrecord/bundle/mail"
	"vmrecord/cmd/internal/cli"
	"vmrecord/cmd/internal/exit"
	"vmrecord/cmd/internal/machine"
	"vmrecord/configs"
	"vmrecord/configs/guestkernel"
)

// How a thing is: good, not as good as could be, or in the way of running, recording
// or sending.
const (
	good = "ok"
	poor = "warn"
	bad  = "FAIL"
)

// A finding is one line of the doctor's.
type finding struct {
	Name  string `json:"name"`
	State string `json:"state"` // ok, warn or FAIL
	Text  string `json:"text"`
	Do    string `json:"do,omitzero"` // what helps
}

// A doctorDocument is what doctor --json prints.
type doctorDocument struct {
	Schema   string    `json:"schema"` // vmappliance.doctor/1
	Findings []finding `json:"findings"`
}

const (
	spaceNeeded  = 200 << 20
	spaceAdvised = 2 << 30
	tryTime      = 20 * time.Second
)

// builtAfter is a date that no right clock is before: that of this program's form.
var builtAfter = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func doctorCommand() *cobra.Command {
	asJSON := false
	c := &cobra.Command{
		Use:   "doctor [CONFIG.toml]",
		Short: "Check what running, recording and sending need here",
		Long: "doctor checks this computer: kernel, state folder, space, permissions, executable\n" +
			"memory, terminal, keys, clock; with an appliance's configuration also its guest's\n" +
			"files and the connection to its vendor, through which nothing is sent.",
		Args: cli.Args(0, 1),
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	c.RunE = func(c *cobra.Command, args []string) error {
		a, err := loadConfig(args)
		if err != nil {
			return err
		}
		all := examine(a)
		if a != nil {
			all = append(all, signer(a, args[0]))
		}
		if asJSON {
			if err := cli.JSON(c.OutOrStdout(), doctorDocument{"vmappliance.doctor/1", all}); err != nil {
				return err
			}
		}
		failed := false
		for _, f := range all {
			failed = failed || f.State == bad
			if !asJSON {
				fmt.Fprintf(c.OutOrStdout(), "%-4s  %-10s  %s\n", f.State, f.Name, strings.TrimSuffix(f.Text+"; "+f.Do, "; "))
			}
		}
		if failed {
			return cli.Status(exit.Failure)
		}
		return nil
	}
	return c
}

// examine looks at everything; a is nil without a configuration.
func examine(a *configs.Appliance) (all []finding) {
	state, err := cli.StateDir()
	if err != nil {
		return []finding{{"state", bad, err.Error(), ""}}
	}
	all = append(all, kernelFinding(a), stateFinding(state), spaceFinding(state), permissions(state), translator(), terminal(), keysFinding(a), clock())
	if a != nil && a.Consent.Mode != configs.ConsentNever {
		all = append(all, connection(a))
	}
	return all
}

func kernelFinding(a *configs.Appliance) finding {
	if a != nil {
		if _, err := (&machineFlags{cpus: 1}).guest(a); err != nil {
			return finding{"guest", bad, err.Error(), ""}
		}
		return finding{"guest", good, "kernel and initrd are there", ""}
	}
	cache, err := cli.CacheDir()
	if err != nil {
		return finding{"kernel", bad, err.Error(), ""}
	}
	k, err := guestkernel.Cached(cache, guestkernel.Cloud)
	if err != nil {
		return finding{"kernel", poor, err.Error(), ""}
	}
	return finding{"kernel", good, k.Package + " " + k.Version, ""}
}

func stateFinding(dir string) finding {
	err := os.MkdirAll(dir, 0o700)
	if err == nil {
		var f *os.File
		if f, err = os.CreateTemp(dir, ".doctor-"); err == nil {
			_, err = f.Write(make([]byte, 4096))
			err = errors.Join(err, f.Sync(), f.Close(), os.Remove(f.Name()))
		}
	}
	if err != nil {
		return finding{"state", bad, err.Error(), "make the folder yours to write, or choose another: VMRECORD_STATE"}
	}
	return finding{"state", good, dir, ""}
}

func spaceFinding(dir string) finding {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return finding{"space", bad, dir + ": " + err.Error(), ""}
	}
	free := int64(s.Bavail) * int64(s.Bsize)
	f := finding{"space", good, cli.Bytes(free) + " free in " + dir, ""}
	const do = "free some, or choose another place: VMRECORD_STATE; to forget: vmappliance recordings drop --all"
	switch {
	case free < spaceNeeded:
		f.State, f.Do = bad, do
	case free < spaceAdvised:
		f.State, f.Do = poor, do
	}
	return f
}

// permissions looks for what others on this computer can read or change.
func permissions(state string) finding {
	keys, err := cli.KeyDir()
	if err != nil {
		return finding{"private", bad, err.Error(), ""}
	}
	for _, dir := range []string{state, keys, filepath.Join(state, "recordings"), filepath.Join(state, "outbox")} {
		i, err := os.Stat(dir)
		if err == nil && i.Mode().Perm()&0o077 != 0 {
			return finding{"private", poor, fmt.Sprintf("others can look into %s (mode %o)", dir, i.Mode().Perm()), "chmod 700 " + dir}
		}
	}
	secret, err := filepath.Glob(filepath.Join(keys, "*.key"))
	for _, name := range secret {
		if i, e := os.Stat(name); e == nil && i.Mode().Perm()&0o077 != 0 {
			return finding{"private", bad, fmt.Sprintf("others can read the key %s (mode %o)", name, i.Mode().Perm()), "chmod 600 " + name}
		}
	}
	if err != nil {
		return finding{"private", bad, err.Error(), ""}
	}
	return finding{"private", good, "only you can read recordings, reports and keys", ""}
}

func translator() finding {
	if err := (machine.EngineFlags{}).Slow(); err != nil {
		return finding{"translator", poor, err.Error(), "allow executable memory (in a service: MemoryDenyWriteExecute=no), or have patience"}
	}
	return finding{"translator", good, "executable memory can be had, " + runtime.GOARCH, ""}
}

func terminal() finding {
	in, out := int(os.Stdin.Fd()), int(os.Stdout.Fd())
	if !term.IsTerminal(in) || !term.IsTerminal(out) {
		return finding{"terminal", good, "none: what needs your consent waits for vmappliance review", ""}
	}
	cols, rows, err := term.GetSize(out)
	if err != nil || rows < 4 || cols < 40 {
		return finding{"terminal", poor, fmt.Sprintf("%d columns, %d rows: too small to show ● REC", cols, rows), "make the window larger"}
	}
	return finding{"terminal", good, fmt.Sprintf("%d columns, %d rows", cols, rows), ""}
}

func keysFinding(a *configs.Appliance) finding {
	switch {
	case a == nil:
		return finding{"keys", good, "made at the first run, where they are needed", ""}
	case len(a.Vendor.Keys) == 0 && a.Consent.Mode != configs.ConsentNever:
		return finding{"keys", poor, "reports are not sealed: whoever carries one can read it", "the vendor makes a key, vmbundle keys new, and puts it into the configuration"}
	}
	if _, err := packOptions(a); err != nil {
		return finding{"keys", bad, err.Error(), ""}
	}
	return finding{"keys", good, "reports are signed, and sealed to the vendor", ""}
}

// signer tells who vouches for a configuration.
func signer(a *configs.Appliance, file string) finding {
	b, err := book()
	if err == nil {
		err = trusted(b, a, file)
	}
	switch {
	case err != nil:
		return finding{"signature", bad, err.Error(), ""}
	case a.Vendor.Signer == "":
		return finding{"signature", poor, "the configuration is not signed, which is for development", "for users: vmappliance build --sign KEY " + file}
	}
	return finding{"signature", good, "the configuration is signed by " + a.Vendor.Signer, ""}
}

func clock() finding {
	now := time.Now()
	if now.Before(builtAfter) || now.After(builtAfter.AddDate(50, 0, 0)) {
		return finding{"clock", bad, "it is " + now.Format(time.DateOnly) + " here: no certificate is valid then", "set the clock"}
	}
	return finding{"clock", good, now.Format(time.RFC3339), ""}
}

// trier tries a way. A computer that is not taken in yet is so later, with what its
// user consented to.
func trier(w way, code string) (s *mail.Sender, later bool, err error) {
	state, err := cli.StateDir()
	if err != nil {
		return nil, false, err
	}
	if s, err = (&post{tokens: filepath.Join(state, "outbox", tokensName)}).senderOf(w); err != nil {
		return nil, false, err
	}
	if p := s.Route.Pass; p != nil {
		if _, ok := p.Grant(); ok {
			return s, false, nil
		}
	} else if code == "" {
		return s, false, nil
	}
	s.Route.Pass, s.Route.User = nil, ""
	return s, true, nil
}

// connection goes as far as a report would, and no further.
func connection(a *configs.Appliance) finding {
	w := way{Submit: a.Vendor.Submit, To: a.Vendor.Mail}
	s, later, err := trier(w, a.Vendor.Enroll)
	if err != nil {
		return finding{"submit", bad, err.Error(), ""}
	}
	ctx, cancel := context.WithTimeout(context.Background(), tryTime)
	defer cancel()
	if f := s.Try(ctx); f != nil {
		return finding{"submit", bad, fmt.Sprintf("%s: %s: %s", a.Vendor.Submit, f.Stage, f.Text), f.Fix}
	}
	text := a.Vendor.Submit + " answers"
	if strings.HasPrefix(a.Vendor.Submit, "smtp:") {
		text += ", without TLS: it is this computer"
	}
	switch {
	case later:
		text += "; it takes this computer in with its first report"
	case s.Route.Pass != nil:
		text += ", and takes this computer's token"
	case s.Route.User != "":
		text += ", and takes user and password"
	}
	return finding{"submit", good, text, ""}
}
