package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"vmrecord/bundle"
	"vmrecord/bundle/base"
	"vmrecord/bundle/keys"
	"vmrecord/bundle/replay"
	"vmrecord/bundle/tree"
	"vmrecord/cmd/internal/cli"
	"vmrecord/cmd/internal/exit"
	"vmrecord/vmm/tape"
)

// open opens the folder of a recording, or a bundle file, a sealed one with every
// key that is here.
func open(name string) (*bundle.Bundle, error) {
	if i, err := os.Stat(name); err == nil && i.IsDir() {
		b, err := bundle.OpenRecording(name)
		if errors.Is(err, fs.ErrNotExist) {
			err = exit.Errorf(exit.NotFound, "%s is not a file, and no recording's folder", name)
		}
		return b, status(err)
	}
	b, err := bundle.Open(name)
	if sealed := (*bundle.SealedError)(nil); errors.As(err, &sealed) {
		b, err = unseal(name)
	}
	if err == nil {
		f, err := folder()
		if err != nil {
			return nil, errors.Join(err, b.Close())
		}
		b.UseBases(f)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, exit.Errorf(exit.NotFound, "%s: there is no such file; to see what was received: vmbundle inbox list", name)
	}
	return b, status(err)
}

func unseal(name string) (*bundle.Bundle, error) {
	dir, err := cli.KeyDir()
	if err != nil {
		return nil, err
	}
	ids, err := keys.Identities(dir)
	if err != nil {
		return nil, err
	}
	b, err := bundle.Open(name, ids...)
	if sealed := (*bundle.SealedError)(nil); errors.As(err, &sealed) {
		return nil, exit.Errorf(exit.Consent, "%w; to use its secret half: cp THE-KEY %s", err, filepath.Join(dir, "NAME.key"))
	}
	return b, err
}

// openNamed opens what a user named, as find has it.
func openNamed(c *cobra.Command, name string) (*bundle.Bundle, error) {
	file, err := find(c, name)
	if err != nil {
		return nil, err
	}
	return open(file)
}

// find is the file that a user named: a path, the name or id of a node of the
// tree, or the report id of a bundle in the inbox.
func find(c *cobra.Command, name string) (string, error) {
	if _, err := os.Stat(name); !errors.Is(err, fs.ErrNotExist) || strings.ContainsAny(name, "./") {
		return name, nil
	}
	if path, err := pathOfNode(name); path != "" || err != nil {
		return path, err
	}
	in, _, err := openInbox(c)
	if err != nil {
		return "", err
	}
	r, err := in.Show(name)
	if err != nil || r.File == "" {
		return "", exit.Errorf(exit.NotFound, "%s is no file, branch, or complete report in the inbox; to see what is there: vmbundle tree, vmbundle inbox list", name)
	}
	return r.File, nil
}

// status gives what the bundle's packages say its exit status.
func status(err error) error {
	var (
		integrity    *bundle.IntegrityError
		incompatible *bundle.IncompatibleError
		diverged     *tape.Divergence
		position     *replay.PositionError
		name         *tree.NameError
		level        *bundle.LevelError
		missing      *base.MissingError
		damaged      *base.DamageError
	)
	switch {
	case err == nil:
		return nil
	case errors.As(err, &diverged):
		return exit.With(exit.Diverged, err)
	case errors.As(err, &integrity), errors.As(err, &damaged):
		return exit.With(exit.Integrity, err)
	case errors.As(err, &incompatible), errors.As(err, &missing), errors.As(err, &level):
		return exit.With(exit.Incompatible, err)
	case errors.As(err, &position), errors.As(err, &name):
		return exit.With(exit.Usage, err)
	case errors.Is(err, context.Canceled):
		return exit.With(exit.Interrupted, errors.New("interrupted"))
	}
	return err
}
