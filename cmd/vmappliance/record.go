package main

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"vmrecord/backdoor/wire"
	"vmrecord/cmd/internal/cli"
)

func recordCommand() *cobra.Command {
	c := cli.Group("record", "Start, stop, mark and save the recording of an appliance that runs",
		order("start [NAME]", "Start recording", 1, func(a []string) wire.Request {
			return wire.Request{Verb: wire.Start, Text: strings.Join(append(a, "manual")[:1], "")}
		}),
		order("stop [keep|drop]", "Stop recording; what was recorded is kept unless told otherwise", 1, func(a []string) wire.Request {
			return wire.Request{Verb: wire.Stop, Text: strings.Join(a, "")}
		}),
		order("mark [TEXT]", "Mark this moment", 1, func(a []string) wire.Request {
			return wire.Request{Verb: wire.Mark, Text: strings.Join(append(a, "mark")[:1], "")}
		}),
		order("save [REASON]", "Keep what an appliance that records always recorded last, and a while of what follows", 1, func(a []string) wire.Request {
			return wire.Request{Verb: wire.Save, Text: strings.Join(append(a, "saved by hand")[:1], "")}
		}),
		order("status", "Tell whether something is recorded, as JSON", 0, func([]string) wire.Request {
			return wire.Request{Verb: wire.GetStatus}
		}))
	c.PersistentFlags().String("recordings", "", "folder of recordings (default ~/.local/share/vmrecord/recordings)")
	return c
}

// order makes a verb that passes a request on to the running appliance.
func order(use, short string, most int, request func(args []string) wire.Request) *cobra.Command {
	c := &cobra.Command{Use: use, Short: short, Args: cli.Args(0, most)}
	c.RunE = func(c *cobra.Command, args []string) error {
		dir, err := recordingsDir(c)
		if err != nil {
			return err
		}
		text, err := askControl(dir, request(args))
		if err == nil && text != "" {
			fmt.Fprintln(c.OutOrStdout(), text)
		}
		return err
	}
	return c
}

// recordingsDir is the folder that --recordings or custom names.
func recordingsDir(c *cobra.Command) (string, error) {
	if dir, _ := c.Flags().GetString("recordings"); dir != "" {
		return dir, nil
	}
	state, err := cli.StateDir()
	return filepath.Join(state, "recordings"), err
}
