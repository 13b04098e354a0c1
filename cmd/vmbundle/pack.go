package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"vmrecord/bundle"
	"vmrecord/bundle/base"
	"vmrecord/bundle/keys"
	"vmrecord/bundle/replay"
	"vmrecord/cmd/internal/cli"
	"vmrecord/cmd/internal/exit"
	"vmrecord/cmd/internal/levels"
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
	var level string
	c := &cobra.Command{
		Use:   "pack RECORDING [OUT]",
		Short: "Make a bundle of a recording's folder",
		Long: "pack makes a bundle of a recording that an appliance kept: a folder such as\n" +
			"~/.local/share/vmrecord/recordings/000001, or of a branch, by its name. OUT is a file or a\n" +
			"folder, by default this one. With --to, only who has the key's other half can open it.\n" +
			"With --base, pages that are in a base, or nearly, are named instead of held; who reads the\n" +
			"bundle needs the same bases (vmbundle base).\n\n" +
			"Levels: L3 holds all, L2 all but what is in bases. L1 leaves out the memory that neither the\n" +
			"replay uses nor a debugger reads at the failure: it replays and can be debugged, but cannot\n" +
			"go live. To make one the recording is replayed twice. It can have bases too. L0 is a report:\n" +
			"what ran at the failure, who else was there, the last lines on the console.",
		Example: "  vmbundle pack ~/.local/share/vmrecord/recordings/000001 --to age1...",
		Args:    cli.Args(1, 2),
	}
	c.Flags().StringArrayVar(&seal.to, "to", nil, "seal it to this public `KEY` (vmbundle keys list); may be repeated")
	c.Flags().StringVar(&seal.sign, "sign", "", "sign it with the key of this `NAME`")
	c.Flags().StringArrayVar(&names, "base", nil, "name what is in `FILE`, a base or any published file, which joins the folder of bases; may be repeated")
	c.Flags().StringVar(&level, "level", "", "`LEVEL` L0 to L3: how much it holds (default L2 with --base, else L3)")
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	c.RunE = func(c *cobra.Command, args []string) error {
		o, err := seal.options()
		if err != nil {
			return err
		}
		if err := levelFits(level, len(names)); err != nil {
			return err
		}
		have, err := folder()
		if err != nil {
			return err
		}
		if o.Bases, err = bases(have, names); err != nil {
			return status(err)
		}
		defer base.CloseAll(o.Bases)
		from, err := find(c, args[0])
		if err != nil {
			return err
		}
		if i, err := os.Stat(from); err == nil && !i.IsDir() {
			return exit.Errorf(exit.NotFound, "%s is no recording's folder; to see all: vmappliance recordings list", args[0])
		}
		progress := cli.NewProgress(c.ErrOrStderr())
		o.Progress = func(done, total int) { progress.Part("packing", uint64(done), uint64(total)) }
		switch level {
		case "L0":
			o.Report, err = report(c, from)
		case "L1":
			o.Slice, err = sliced(c, from, o, have, progress)
		}
		var p bundle.Packed
		if err == nil {
			p, err = bundle.Pack(from, append(args, ".")[1], o)
		}
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

// levelFits tells whether a level can be had with so many bases.
func levelFits(level string, bases int) error {
	switch {
	case level == "" || level == "L1" || level == "L0" && bases == 0 || level == "L2" && bases > 0 || level == "L3" && bases == 0:
		return nil
	case level == "L2":
		return exit.Errorf(exit.Usage, "--level L2 holds what is in no base: which ones are there? --base FILE")
	case level == "L0":
		return exit.Errorf(exit.Usage, "--level L0 holds no memory: leave out --base")
	case level == "L3":
		return exit.Errorf(exit.Usage, "--level L3 holds all: leave out --base, or say --level L2")
	}
	return exit.Errorf(exit.Usage, "--level %.20q: it is L0, L1, L2 or L3", level)
}

// sliced is the slice of a recording, proved to replay under these options.
func sliced(c *cobra.Command, from string, o bundle.PackOptions, have base.Folder, bar *cli.Progress) (*bundle.Slice, error) {
	ctx, stop := signal.NotifyContext(c.Context(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return levels.Slice(ctx, from, o, have, func(what string, s replay.Step) {
		bar.Part(what, uint64(s.Now-s.Start), uint64(s.End-s.Start))
	})
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
