package main

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/spf13/cobra"

	"vmrecord/bundle"
	"vmrecord/cmd/internal/cli"
	"vmrecord/cmd/internal/exit"
)

func packCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "pack RECORDING [OUT]",
		Short: "Make a bundle of a recording's folder",
		Long:  "pack makes a bundle of a recording that an appliance kept: a folder such as\n~/.local/share/vmrecord/recordings/000001. OUT is a file or a folder, by default this one.",
		Args:  cli.Args(1, 2),
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	c.RunE = func(c *cobra.Command, args []string) error {
		progress := cli.NewProgress(c.ErrOrStderr())
		p, err := bundle.Pack(args[0], append(args, ".")[1], func(done, total int) { progress.Part("packing", uint64(done), uint64(total)) })
		progress.End()
		if errors.Is(err, fs.ErrNotExist) {
			return exit.Errorf(exit.NotFound, "%s is no recording: %w; to see all: vmappliance recordings list", args[0], err)
		}
		if err != nil {
			return status(err)
		}
		if asJSON {
			return cli.JSON(c.OutOrStdout(), p)
		}
		fmt.Fprintln(c.OutOrStdout(), p.Path)
		return nil
	}
	return c
}
