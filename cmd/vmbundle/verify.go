package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"vmrecord/cmd/internal/cli"
)

func verifyCommand() *cobra.Command {
	v := replayVerb{quiet: true}
	var whole bool
	c := &cobra.Command{
		Use:   "verify FILE|ID",
		Short: "Check every byte of a bundle, and replay it without its console",
		Args:  cli.Args(1, 1),
	}
	c.Flags().BoolVar(&v.asJSON, "json", false, "print one JSON document")
	c.Flags().BoolVar(&whole, "bytes-only", false, "check the bytes, and execute nothing")
	c.RunE = func(c *cobra.Command, args []string) error {
		b, err := openNamed(c, args[0])
		if err != nil {
			return err
		}
		err = b.Verify()
		b.Close()
		if err != nil {
			return status(err)
		}
		if whole {
			fmt.Fprintln(c.ErrOrStderr(), "every part is as it was packed")
			return nil
		}
		return v.run(c, args[0])
	}
	return c
}
