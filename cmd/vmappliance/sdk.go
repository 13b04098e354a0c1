package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"vmrecord/cmd/internal/cli"
	"vmrecord/cmd/internal/exit"
	"vmrecord/guestagent/sdk"
)

func sdkCommand() *cobra.Command {
	var force bool
	c := &cobra.Command{
		Use:       "sdk go|c|sh|systemd DIR",
		Short:     "Write the SDK into your program's source tree",
		Long:      "sdk writes a copy of the recorder's SDK that stands alone: a Go module on the\nstandard library, one C header, shell functions, or units for systemd. Outside an\nappliance its calls do nothing.",
		Args:      cli.Args(2, 2),
		ValidArgs: sdk.Languages(),
	}
	c.Flags().BoolVar(&force, "force", false, "overwrite files")
	c.RunE = func(c *cobra.Command, args []string) error {
		names, err := sdk.Write(args[0], args[1], force)
		if err != nil {
			return exit.With(exit.Usage, err)
		}
		for _, n := range names {
			fmt.Fprintln(c.OutOrStdout(), n)
		}
		return nil
	}
	return c
}
