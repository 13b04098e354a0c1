package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"
	"github.com/spf13/cobra"

	"vmrecord/bundle/consent"
	"vmrecord/bundle/keys"
	"vmrecord/cmd/internal/cli"
	"vmrecord/cmd/internal/exit"
	"vmrecord/configs"
)

// trusted refuses a configuration that is not signed by whom the user knows the
// appliance by.
func trusted(b *consent.Book, a *configs.Appliance, file string) error {
	_, all, err := keys.Rotations(file + keys.RotationExt)
	if err != nil {
		return exit.Errorf(exit.Integrity, "%w; ask the vendor for it again", err)
	}
	err = b.Check(party(a), func(from, to string) bool { return keys.Follows(all, from, to) })
	if stranger := (*consent.StrangerError)(nil); errors.As(err, &stranger) {
		err = fmt.Errorf("%s: %w", file, err)
	}
	return exit.With(exit.Integrity, err)
}

// meet is trusted at a run, from which on the signer is known.
func (r *runVerb) meet(a *configs.Appliance, file string) error {
	b, err := book()
	if err != nil {
		return err
	}
	if err := trusted(b, a, file); err != nil {
		return err
	}
	if a.Vendor.Signer == "" {
		fmt.Fprintf(r.errors, "vmappliance: %s is not signed, which is for development; to sign it for users: vmappliance build --sign KEY %s\n", file, file)
	}
	return b.Meet(party(a))
}

// release writes a configuration for users, its signature and, where the signing key
// follows another one, the statements that say so.
func (b *build) release(file string) error {
	if b.signed == "" {
		b.signed = file[:len(file)-len(filepath.Ext(file))] + ".signed.toml"
	}
	for _, name := range []string{b.signed, b.signed + configs.SignatureExt} {
		if err := cli.Fresh(name, b.force); err != nil {
			return err
		}
	}
	seal, err := sealOf(file)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	dir, err := cli.KeyDir()
	if err != nil {
		return err
	}
	key, err := keys.Existing(dir, b.sign)
	if err != nil {
		return exit.Errorf(exit.NotFound, "--sign: %w; to make keys: vmbundle keys new; to see all: vmbundle keys list", err)
	}
	seal.Signer, seal.Enroll = keys.Public(key), b.enroll
	if text, err = configs.Release(text, seal); err != nil {
		return exit.Errorf(exit.Usage, "%s: %w", file, err)
	}
	older, _, err := keys.Rotations(filepath.Join(dir, b.sign+keys.RotationExt))
	if err != nil {
		return exit.With(exit.Integrity, err)
	}
	files := []struct {
		ext  string
		data []byte
	}{{"", text}, {configs.SignatureExt, configs.Signed(key, text)}, {keys.RotationExt, older}}
	for _, f := range files {
		if f.data == nil {
			continue
		}
		if err := renameio.WriteFile(b.signed+f.ext, f.data, 0o644); err != nil {
			return fmt.Errorf("write %s: %w", b.signed+f.ext, err)
		}
	}
	_, err = loadConfig([]string{b.signed})
	return err
}

// sealOf is what a configuration's signature says of its files, which have to fit.
func sealOf(file string) (s configs.Seal, err error) {
	a, err := loadConfig([]string{file})
	if err != nil {
		return s, err
	}
	l, err := plain(a)
	if err != nil {
		return s, err
	}
	s.KernelSHA256 = hexSum(l.guest.kernel)
	if a.Machine.Initrd != "" {
		s.InitrdSHA256 = hexSum(l.guest.initrd)
	}
	return s, l.checkGolden()
}

func consentForget() *cobra.Command {
	c := &cobra.Command{
		Use:   "forget APPLIANCE",
		Short: "Forget an appliance's signer, and what was decided",
		Long: "forget makes the next run of an appliance of this name the first one: whoever signed its\n" +
			"configuration is then taken at their word, and you are told again what it sends to whom.",
		Args: cli.Args(1, 1),
	}
	c.RunE = func(c *cobra.Command, args []string) error {
		b, err := book()
		if err != nil {
			return err
		}
		all, err := b.List()
		if err != nil {
			return exit.With(exit.Integrity, err)
		}
		for _, d := range all {
			if d.Appliance == args[0] {
				fmt.Fprintf(c.ErrOrStderr(), "%s is forgotten\n", args[0])
				return b.Forget(args[0])
			}
		}
		return exit.Errorf(exit.NotFound, "no appliance %q has run here; to see those that have: vmappliance consent", args[0])
	}
	return c
}
