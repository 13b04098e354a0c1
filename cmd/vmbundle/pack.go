package main

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"github.com/spf13/cobra"

	"vmrecord/bundle"
	"vmrecord/bundle/keys"
	"vmrecord/cmd/internal/cli"
	"vmrecord/cmd/internal/exit"
)

// diskFull adds what to do to the error of a full disk.
func diskFull(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EFBIG) {
		return fmt.Errorf("%w; free some disk space, or choose another place: vmbundle pack RECORDING OUT", err)
	}
	return err
}

// A packDocument is what pack --json prints.
type packDocument struct {
	Schema string `json:"schema"` // vmbundle.pack/1
	bundle.Packed
}

func packCommand() *cobra.Command {
	var asJSON bool
	var seal sealing
	var names []string
	c := &cobra.Command{
		Use:   "pack RECORDING [OUT]",
		Short: "Make a bundle of a recording's folder",
		Long: "pack makes a bundle of a recording that an appliance kept: a folder such as\n" +
			"~/.local/share/vmrecord/recordings/000001, or of a branch, by its name. OUT is a file or a\n" +
			"folder, by default this one. With --to, only who has the key's other half can open it.\n" +
			"With --base it is of level L2: thin, for pages that are in a base, or nearly, are named\n" +
			"instead of held; who reads it needs the same bases (vmbundle base).",
		Example: "  vmbundle pack ~/.local/share/vmrecord/recordings/000001 --to age1...",
		Args:    cli.Args(1, 2),
	}
	c.Flags().StringArrayVar(&seal.to, "to", nil, "seal it to this public `KEY` (vmbundle keys list); may be repeated")
	c.Flags().StringVar(&seal.sign, "sign", "", "sign it with the key of this `NAME`")
	c.Flags().StringArrayVar(&names, "base", nil, "name what is in `FILE`, a base or any published file, which joins the folder of bases; may be repeated")
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	c.RunE = func(c *cobra.Command, args []string) error {
		o, err := seal.options()
		if err != nil {
			return err
		}
		if o.Bases, err = bases(names); err != nil {
			return status(err)
		}
		defer closeAll(o.Bases)
		from, err := find(c, args[0])
		if err != nil {
			return err
		}
		progress := cli.NewProgress(c.ErrOrStderr())
		o.Progress = func(done, total int) { progress.Part("packing", uint64(done), uint64(total)) }
		p, err := bundle.Pack(from, append(args, ".")[1], o)
		progress.End()
		if errors.Is(err, fs.ErrNotExist) {
			return exit.Errorf(exit.NotFound, "%s is no recording: %w; to see all: vmappliance recordings list", args[0], err)
		}
		if err != nil {
			return status(diskFull(err))
		}
		if asJSON {
			return cli.JSON(c.OutOrStdout(), packDocument{"vmbundle.pack/1", p})
		}
		fmt.Fprintln(c.OutOrStdout(), p.Path)
		return nil
	}
	return c
}

// A sealing says for whom a bundle is, and who makes it.
type sealing struct {
	to   []string
	sign string
}

func (s *sealing) options() (o bundle.PackOptions, err error) {
	if o.To, err = keys.Recipients(s.to); err != nil {
		return o, exit.Errorf(exit.Usage, "--to: %w", err)
	}
	if s.sign == "" {
		return o, nil
	}
	dir, err := cli.KeyDir()
	if err == nil {
		o.Sign, err = keys.Signer(dir, s.sign)
	}
	return o, err
}
