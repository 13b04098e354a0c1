package main

import (
	"fmt"

	"github.com/google/renameio/v2"
	"github.com/spf13/cobra"

	"vmrecord/cmd/internal/cli"
	"vmrecord/configs"
)

func initCommand() *cobra.Command {
	var force bool
	c := &cobra.Command{
		Use:   "init [FILE]",
		Short: "Write a commented configuration to start from",
		Long:  "init writes a commented configuration, appliance.toml where no FILE is named, to\nstandard output where FILE is -.",
		Args:  cli.Args(0, 1),
	}
	c.Flags().BoolVar(&force, "force", false, "overwrite FILE")
	c.RunE = func(c *cobra.Command, args []string) error {
		name := "appliance.toml"
		if len(args) > 0 {
			name = args[0]
		}
		if name == "-" {
			_, err := fmt.Fprint(c.OutOrStdout(), configs.Template())
			return err
		}
		if err := cli.Fresh(name, force); err != nil {
			return err
		}
		if err := renameio.WriteFile(name, []byte(configs.Template()), 0o644); err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
		fmt.Fprintf(c.ErrOrStderr(), "wrote %s; next: edit it, then vmappliance run %s\n", name, name)
		return nil
	}
	return c
}
