package main

import (
	"time"

	"github.com/spf13/cobra"

	"vmrecord/cmd/internal/cli"
)

func sendCommand() *cobra.Command {
	force := false
	c := &cobra.Command{
		Use:   "send ID...",
		Short: "Consent to sending reports, and send them now",
		Long: "send gives your consent to these reports, and sends them to the vendor. To see before\n" +
			"what goes: vmappliance preview ID. User and password, where the server wants them,\n" +
			"stand in VMRECORD_SMTP_USER and VMRECORD_SMTP_PASSWORD. Answers come to the mail\n" +
			"address in VMRECORD_MAIL_FROM, if there is one, and to \"outbox list\".",
		Args: cli.Args(1, 1000),
	}
	c.Flags().BoolVar(&force, "force", false, "beyond the limits of size and of reports a day, too")
	c.RunE = func(c *cobra.Command, args []string) error {
		p, err := here()
		if err != nil {
			return err
		}
		for _, ref := range args {
			it, err := p.spool.Find(ref)
			if err != nil {
				return missing(err)
			}
			if err := p.release(it, time.Now(), force); err != nil {
				return missing(err)
			}
		}
		return p.sendAll(c, args)
	}
	return c
}
