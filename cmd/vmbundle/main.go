// Command vmbundle is for whoever has a bundle: it looks inside, verifies,
// replays, and receives them. One file a verb.
package main

import (
	"os"

	"github.com/spf13/cobra"

	"vmrecord/cmd/internal/cli"
	"vmrecord/cmd/internal/exit"
	"vmrecord/cmd/internal/machine"
)

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) int { return cli.Run(root(), args) }

func root() *cobra.Command {
	c := &cobra.Command{
		Use:   "vmbundle",
		Short: "Replay what a recording appliance sent",
		Long: "vmbundle replays bundles: the recordings of a whole machine that an appliance made\n" +
			"of a failure. A replay is the same on any computer, as often as wanted.\n\n" +
			"  vmbundle replay FILE         run it again\n" +
			"  vmbundle help engineer       for those who look for the bug",
	}
	c.AddCommand(
		inspectCommand(), verifyCommand(), replayCommand(), goliveCommand(), gdbCommand(), psCommand(), whoCommand(), traceCommand(),
		probeCommand(), sessionCommand(), exportCommand(), bisectCommand(), treeCommand(), packCommand(), splitCommand(), joinCommand(), inboxCommand(), ingestCommand(), keysCommand(), baseCommand(), goldenCommand(),
		versionCommand(),
		cli.Topic("engineer", "How to find the bug", engineerHelp),
		cli.Topic("engine", "What executes the guest, and what it did", machine.EngineHelp),
		cli.Topic("exit-codes", "What exit statuses mean", exit.Help()),
	)
	return c
}
