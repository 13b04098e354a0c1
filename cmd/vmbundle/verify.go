package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"vmrecord/cmd/internal/cli"
)

// A verifyDocument is what verify --bytes-only --json prints where all is well;
// without --bytes-only that is a replay's.
type verifyDocument struct {
	Schema string `json:"schema"` // vmbundle.verify/1
	ID     string `json:"id"`
	Parts  int    `json:"parts"` // that are as they were packed
}

func verifyCommand() *cobra.Command {
	v := replayVerb{quiet: true}
	var bytesOnly bool
	c := &cobra.Command{
		Use:   "verify FILE|ID",
		Short: "Check every byte of a bundle, and replay it without its console",
		Long:  "verify checks that a bundle is as it was packed, and replays it.\n" + wallHelp,
		Args:  cli.Args(1, 1),
	}
	c.Flags().BoolVar(&v.asJSON, "json", false, "print one JSON document")
	c.Flags().BoolVar(&bytesOnly, "bytes-only", false, "check the bytes, and execute nothing")
	c.RunE = func(c *cobra.Command, args []string) error {
		file, err := enclosed(c, args[0])
		if err != nil {
			return err
		}
		b, err := open(file)
		if err != nil {
			return err
		}
		doc := verifyDocument{Schema: "vmbundle.verify/1", ID: b.ID(), Parts: len(b.Manifest().Parts)}
		err = b.Verify()
		report := b.Manifest().Level == "L0"
		_ = b.Close()
		switch {
		case err != nil:
			return status(err)
		case !bytesOnly && !report:
			return v.run(c, file)
		case v.asJSON:
			return cli.JSON(c.OutOrStdout(), doc)
		}
		if report {
			fmt.Fprintln(c.ErrOrStderr(), "every part is as it was packed: a report, nothing to replay")
			return nil
		}
		fmt.Fprintln(c.ErrOrStderr(), "every part is as it was packed")
		return nil
	}
	return c
}
