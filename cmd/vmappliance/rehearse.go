package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"vmrecord/bundle"
	"vmrecord/bundle/base"
	"vmrecord/bundle/inbox"
	"vmrecord/bundle/keys"
	"vmrecord/cmd/internal/cli"
	"vmrecord/cmd/internal/exit"
	"vmrecord/configs"
)

// A rehearsal is an inbox on this computer that gets what an appliance sends, and a
// state folder of its own: what a vendor tries out leaves nothing behind.
type rehearsal struct {
	dir  string
	in   *inbox.Inbox
	stop func() error
}

// rehearse has an appliance send to an inbox of its own, without asking.
func rehearse(a *configs.Appliance) (r *rehearsal, err error) {
	if a == nil {
		return nil, exit.Errorf(exit.Usage, "--rehearse needs a configuration; to write one: vmappliance init")
	}
	dir, err := os.MkdirTemp("", "vmrecord-rehearsal-")
	if err != nil {
		return nil, err
	}
	r = &rehearsal{dir: dir}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(dir))
		}
	}()
	if r.in, err = inbox.Open(filepath.Join(dir, "inbox"), inbox.Options{Now: time.Now, Identify: bundle.Identify}); err != nil {
		return nil, err
	}
	if a.Vendor.Enroll != "" {
		if _, a.Vendor.Enroll, err = r.in.NewCode(1, time.Time{}, "rehearsal"); err != nil {
			return nil, err
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- r.in.Serve(ctx, l, inbox.ServerOptions{}) }()
	r.stop = func() error { cancel(); return <-served }
	a.Consent.Mode, a.Vendor.Submit = configs.ConsentAlways, "smtp://"+l.Addr().String()
	a.Vendor.Mail = "rehearsal@localhost.example" // so that what is said of the recipient is true
	return r, nil
}

// end says what arrived, and whether the vendor's keys here open it.
func (r *rehearsal) end(say func(format string, a ...any)) (err error) {
	defer func() { err = errors.Join(err, r.close()) }()
	all, err := r.in.List()
	if err != nil {
		return err
	}
	if len(all) == 0 {
		say("rehearsal: no recording was kept, so nothing was sent; one is where the guest reports a failure")
		return nil
	}
	for _, rep := range all {
		if rep.State != inbox.Complete {
			return fmt.Errorf("rehearsal: of %s parts %s are missing", rep.ID, rep.Need)
		}
		told, err := opened(rep.File, base.Folder{Dir: filepath.Join(r.dir, "bases")})
		if err != nil {
			return fmt.Errorf("rehearsal: %s arrived, and cannot be used: %w", rep.ID, err)
		}
		say("rehearsal: %s arrived, %s, %s", rep.ID, cli.Bytes(rep.Size), told)
	}
	return nil
}

// close forgets all.
func (r *rehearsal) close() error { return errors.Join(r.stop(), os.RemoveAll(r.dir)) }

// bases is the folder of bases: below a state folder that is not the user's, or theirs.
func bases(state string) (base.Folder, error) {
	if state != "" {
		return base.Folder{Dir: filepath.Join(state, "bases")}, nil
	}
	dir, err := cli.BaseDir()
	return base.Folder{Dir: dir}, err
}

// opened opens a bundle as a vendor does, reads all of it, and says what it is about.
func opened(file string, have base.Folder) (told string, err error) {
	dir, err := cli.KeyDir()
	if err != nil {
		return "", err
	}
	ids, err := keys.Identities(dir)
	if err != nil {
		return "", err
	}
	b, err := bundle.Open(file, ids...)
	if sealed := (*bundle.SealedError)(nil); errors.As(err, &sealed) {
		return fmt.Sprintf("sealed to %s: no key in %s opens it; where the vendor's keys are: VMRECORD_KEYS", strings.Join(sealed.Keys, ", "), dir), nil
	}
	if err != nil {
		return "", err
	}
	defer b.Close()
	b.UseBases(have)
	if err := b.Verify(); err != nil {
		return "", err
	}
	i := b.Inspect()
	seal := "not sealed"
	if len(i.Keys) > 0 {
		seal = "sealed and opened"
	}
	about := i.Manifest.Recording.Feature
	if f := i.Manifest.Failure; f != nil {
		about += ": " + f.Text
	}
	return fmt.Sprintf("%s and verified: %.1f s, %d keys, %s", seal, i.Seconds, i.Manifest.Tape.Keys, about), nil
}
