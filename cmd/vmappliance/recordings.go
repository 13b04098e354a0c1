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
	all := false
	c := &cobra.Command{Use: "drop NAME... | --all", Short: "Remove recordings; with --all, their memory is wiped at once",
		Long: "drop removes recordings. The memory that only they had is given back by and by, with\n--all at once. What was packed stays in the outbox: vmappliance outbox list."}
	c.Flags().BoolVar(&all, "all", false, "all recordings")
	c.Args = func(c *cobra.Command, args []string) error {
		if all {
			return cli.Args(0, 0)(c, args)
		}
		return cli.Args(1, 1000)(c, args)
	}
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
		if all {
			return dropAll(c, s, dir)
		}
		for _, n := range args {
			if err := s.Drop(n); err != nil {
				return exit.With(exit.NotFound, err)
			}
		}
		return nil
	}
	return c
}

// dropAll removes all recordings of a shelf, and their pages.
func dropAll(c *cobra.Command, s *recording.Shelf, dir string) error {
	all, err := recording.List(dir)
	if err != nil {
		return err
	}
	before := s.Bytes()
	for _, e := range all {
		if err := s.Drop(e.Name); err != nil {
			return err
		}
	}
	s.Sweep()
	fmt.Fprintf(c.ErrOrStderr(), "dropped %d recordings, %s; what was packed is in the outbox: vmappliance outbox list\n",
		len(all), cli.Bytes(before-s.Bytes()))
	return nil
}
