package main

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"

	"vmrecord/cmd/internal/cli"
	"vmrecord/vmm"
)

// A versionDocument is what version --json prints.
type versionDocument struct {
	Schema   string `json:"schema"` // vmbundle.version/1
	Model    int    `json:"model"`
	Revision string `json:"revision"`
	Go       string `json:"go"`
}

func versionCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{Use: "version", Short: "Tell model number and source revision", Args: cli.Args(0, 0)}
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	c.RunE = func(c *cobra.Command, _ []string) error {
		v := version()
		if asJSON {
			return cli.JSON(c.OutOrStdout(), v)
		}
		_, err := fmt.Fprintf(c.OutOrStdout(), "model %d, revision %s, %s\n", v.Model, v.Revision, v.Go)
		return err
	}
	return c
}

func version() versionDocument {
	return versionDocument{"vmbundle.version/1", vmm.Model, cli.Revision(), runtime.Version()}
}
