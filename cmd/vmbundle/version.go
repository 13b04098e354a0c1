package main

import (
	"fmt"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	"vmrecord/cmd/internal/cli"
	"vmrecord/vmm"
	"vmrecord/vmm/cpu"
	"vmrecord/vmm/interp"
	"vmrecord/vmm/x86"
)

// A versionDocument is what version --json prints.
type versionDocument struct {
	Schema   string `json:"schema"` // vmbundle.version/1
	Model    int    `json:"model"`
	Revision string `json:"revision"`
	Go       string `json:"go"`

	CPU *cpuDocument `json:"cpu,omitempty"`
}

func versionCommand() *cobra.Command {
	var asJSON, processor bool
	c := &cobra.Command{Use: "version", Short: "Tell model number and source revision", Args: cli.Args(0, 0)}
	c.Flags().BoolVar(&processor, "cpu", false, "tell what the software CPU has")
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	c.RunE = func(c *cobra.Command, _ []string) error {
		v := version()
		if processor {
			v.CPU = describeCPU()
		}
		if asJSON {
			return cli.JSON(c.OutOrStdout(), v)
		}
		_, err := fmt.Fprintf(c.OutOrStdout(), "model %d, revision %s, %s\n", v.Model, v.Revision, v.Go)
		if err == nil && processor {
			_, err = fmt.Fprintf(c.OutOrStdout(), "%s\n", v.CPU)
		}
		return err
	}
	return c
}

// A cpuDocument is what the instruction table comes to.
type cpuDocument struct {
	Features    []string `json:"features"` // claimed in CPUID, of those that rows depend on
	NotClaimed  []string `json:"not_claimed"`
	Implemented int      `json:"rows_implemented"`
	Undefined   int      `json:"rows_undefined"` // #UD by architecture
	Unclaimed   int      `json:"rows_not_claimed"`
	Later       int      `json:"rows_later"`
}

func describeCPU() *cpuDocument {
	n := interp.Coverage()
	d := &cpuDocument{Implemented: n[interp.Implemented], Undefined: n[interp.Undefined], Unclaimed: n[interp.NotClaimed], Later: n[interp.Later]}
	for f := x86.FeatNone + 1; int(f) < x86.NumFeature; f++ {
		if cpu.Claims(f) {
			d.Features = append(d.Features, f.String())
		} else {
			d.NotClaimed = append(d.NotClaimed, f.String())
		}
	}
	return d
}

func (d *cpuDocument) String() string {
	return fmt.Sprintf("claimed: %s\nnot claimed: %s\nforms: %d implemented, %d #UD by architecture, %d not claimed, %d later",
		strings.Join(d.Features, " "), strings.Join(d.NotClaimed, " "), d.Implemented, d.Undefined, d.Unclaimed, d.Later)
}

func version() versionDocument {
	return versionDocument{Schema: "vmbundle.version/1", Model: vmm.Model, Revision: cli.Revision(), Go: runtime.Version()}
}
