package main

import (
	"errors"
	"fmt"
	"io/fs"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"vmrecord/bundle/keys"
	"vmrecord/cmd/internal/cli"
	"vmrecord/cmd/internal/exit"
)

// A keysDocument is what keys list --json prints.
type keysDocument struct {
	Schema string        `json:"schema"` // vmbundle.keys/1
	Keys   []keys.Vendor `json:"keys"`
}

func keysCommand() *cobra.Command {
	return cli.Group("keys", "Make the keys that open bundles", keysNew(), keysList())
}

func keysNew() *cobra.Command {
	return &cobra.Command{
		Use:   "new [NAME]",
		Short: "Make a vendor's keys (NAME: vendor)",
		Long: "new makes a key that opens bundles and one that signs configurations. The public half\n" +
			"of the first goes into the appliance's configuration. The secret halves stay in\n" +
			"~/.local/share/vmrecord/keys, or $VMRECORD_KEYS: every bundle sealed to a key that is\n" +
			"lost is lost too, so keep a copy of that folder where no one else reads it.",
		Args: cli.Args(0, 1),
		RunE: func(c *cobra.Command, args []string) error {
			dir, err := cli.KeyDir()
			if err != nil {
				return err
			}
			v, err := keys.New(dir, append(args, "vendor")[0])
			if errors.Is(err, fs.ErrExist) {
				return fmt.Errorf("%w; for another pair: vmbundle keys new NAME; to see all: vmbundle keys list", err)
			}
			if err != nil {
				return err
			}
			fmt.Fprintf(c.ErrOrStderr(), "keys %q are in %s; keep a copy: what is sealed to a lost key nobody can open\nin the appliance's configuration write:\n", v.Name, v.Folder)
			fmt.Fprintf(c.OutOrStdout(), "[vendor]\nkeys = [%q]\n", v.Opens)
			return nil
		},
	}
}

func keysList() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{Use: "list", Short: "List the keys that are here", Args: cli.Args(0, 0)}
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	c.RunE = func(c *cobra.Command, _ []string) error {
		dir, err := cli.KeyDir()
		if err != nil {
			return err
		}
		all, err := keys.List(dir)
		if err != nil {
			return err
		}
		if asJSON {
			return cli.JSON(c.OutOrStdout(), keysDocument{"vmbundle.keys/1", append([]keys.Vendor{}, all...)})
		}
		if len(all) == 0 {
			return exit.Errorf(exit.NotFound, "no keys in %s; to make some: vmbundle keys new", dir)
		}
		w := tabwriter.NewWriter(c.OutOrStdout(), 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "NAME\tOPENS\tSIGNS")
		for _, k := range all {
			fmt.Fprintf(w, "%s\t%s\t%s\n", k.Name, k.Opens, k.Signs)
		}
		return w.Flush()
	}
	return c
}
