package main

import (
	"errors"
	"fmt"
	"io/fs"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"vmrecord/bundle/recording"
	"vmrecord/cmd/internal/cli"
	"vmrecord/cmd/internal/exit"
)

// A recordingsDocument is what recordings list --json prints.
type recordingsDocument struct {
	Schema     string            `json:"schema"` // vmappliance.recordings/1
	Folder     string            `json:"folder"`
	Recordings []recording.Entry `json:"recordings"`
}

// A recordingDocument is what recordings show prints.
type recordingDocument struct {
	Schema string `json:"schema"` // vmappliance.recording/1
	recording.Entry
}

func recordingsCommand() *cobra.Command {
	c := cli.Group("recordings", "List, show and remove recordings on this computer",
		recordingsList(), recordingsShow(), recordingsDrop())
	c.PersistentFlags().String("recordings", "", "folder of recordings (default ~/.local/share/vmrecord/recordings)")
	return c
}

func recordingsList() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{Use: "list", Short: "List recordings", Args: cli.Args(0, 0)}
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	c.RunE = func(c *cobra.Command, _ []string) error {
		dir, all, err := entries(c)
		if err != nil {
			return err
		}
		if asJSON {
			return cli.JSON(c.OutOrStdout(), recordingsDocument{"vmappliance.recordings/1", dir, append([]recording.Entry{}, all...)})
		}
		w := tabwriter.NewWriter(c.OutOrStdout(), 0, 8, 2, ' ', 0)
		if len(all) > 0 {
			fmt.Fprintln(w, "NAME\tFEATURE\tMADE\tSIZE\tSTATE")
		}
		for _, e := range all {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", e.Name, e.Meta.Feature, time.Unix(e.Meta.Created, 0).Format(time.DateTime), cli.Bytes(e.Summary.Bytes), standing(e))
		}
		return w.Flush()
	}
	return c
}

func standing(e recording.Entry) string {
	switch {
	case e.Err != "":
		return "damaged: " + e.Err
	case e.Open:
		return "being made"
	case e.Summary.Lost != "":
		return "lost: " + e.Summary.Lost
	case e.Summary.Truncated:
		return "truncated: " + e.Summary.Cause
	}
	return "whole: " + e.Summary.Why
}

// entries reads the shelf; one that does not exist is empty. What a killed run
// left behind is recovered first, unless the shelf is in use.
func entries(c *cobra.Command) (dir string, all []recording.Entry, err error) {
	if dir, err = recordingsDir(c); err != nil {
		return "", nil, err
	}
	all, err = recording.Settle(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return dir, nil, nil
	}
	return dir, all, err
}

func recordingsShow() *cobra.Command {
	c := &cobra.Command{Use: "show NAME", Short: "Show one recording as JSON", Args: cli.Args(1, 1)}
	c.RunE = func(c *cobra.Command, args []string) error {
		dir, all, err := entries(c)
		if err != nil {
			return err
		}
		for _, e := range all {
			if e.Name == args[0] {
				return cli.JSON(c.OutOrStdout(), recordingDocument{"vmappliance.recording/1", e})
			}
		}
		return exit.Errorf(exit.NotFound, "no recording %q in %s; to see all: vmappliance recordings list", args[0], dir)
	}
	return c
}

func recordingsDrop() *cobra.Command {
	c := &cobra.Command{Use: "drop NAME...", Short: "Remove recordings", Args: cli.Args(1, 1000)}
	c.RunE = func(c *cobra.Command, args []string) (err error) {
		dir, err := recordingsDir(c)
		if err != nil {
			return err
		}
		s, err := recording.OpenShelf(dir, recording.Limits{})
		if err != nil {
			return err
		}
		defer func() {
			if e := s.Close(); err == nil {
				err = e
			}
		}()
		for _, n := range args {
			if err := s.Drop(n); err != nil {
				return exit.With(exit.NotFound, err)
			}
		}
		return nil
	}
	return c
}
