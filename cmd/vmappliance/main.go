// Command vmappliance runs an appliance and records it: the beta user's
// program, and that of the vendor who builds one. One file a verb.
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
		Use:   "vmappliance",
		Short: "Run a guest, record it, and send its failures to the vendor",
		Long: "vmappliance runs a virtual machine that records itself, bit for bit, when its\n" +
			"guest asks for it, and sends the recording of a failure to the vendor.\n\n" +
			"  vmappliance run appliance.toml      run an appliance; Ctrl-] q quits\n" +
			"  vmappliance help user               for those who run one\n" +
			"  vmappliance help isv                for those who make one",
	}
	c.AddCommand(
		runCommand(), initCommand(), buildCommand(), sdkCommand(),
		doctorCommand(), selftestCommand(), recordCommand(), recordingsCommand(), outboxCommand(),
		consentCommand(), reviewCommand(), previewCommand(), sendCommand(),
		cli.Topic("isv", "How to make an appliance", isvHelp),
		cli.Topic("user", "How to run one", userHelp),
		cli.Topic("engine", "What executes the guest, and what it did", machine.EngineHelp),
		cli.Topic("exit-codes", "What exit statuses mean", exit.Help()),
	)
	return c
}
