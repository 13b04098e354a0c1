package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"vmrecord/bundle/consent"
	"vmrecord/bundle/mail"
	"vmrecord/cmd/internal/cli"
	"vmrecord/cmd/internal/exit"
	"vmrecord/configs"
)

// A consentDocument is what consent show --json prints.
type consentDocument struct {
	Schema    string             `json:"schema"` // vmappliance.consent/1
	Decisions []consent.Decision `json:"decisions"`
}

// party is who asks for consent in a configuration.
func party(a *configs.Appliance) consent.Party {
	p := consent.Party{Appliance: a.Appliance.Name, To: a.Vendor.Mail, Submit: a.Vendor.Submit, Keys: a.Vendor.Keys,
		Features: a.Record.Names(), Mode: consent.Mode(a.Consent.Mode), Signer: a.Vendor.Signer}
	if a.Record.Ring.On {
		p.Ring = a.Record.Ring.MinAge
	}
	return p
}

// book is what the user of this computer decided.
func book() (*consent.Book, error) {
	dir, err := cli.StateDir()
	return &consent.Book{Dir: dir, Now: time.Now}, err
}

const consentHelp = `consent shows, for each appliance that has run here, whether what it records of a
failure may be sent to its vendor; give, report, ask and revoke decide that. Where more than
one has run, say which: by its name, or by its configuration, which works before the
first run too. What waits to be sent is held back when consent is revoked.`

func consentCommand() *cobra.Command {
	show := consentShow()
	c := &cobra.Command{Use: "consent", Short: "See and decide whether recordings may be sent", Long: consentHelp, Args: show.Args, RunE: show.RunE}
	c.Flags().AddFlagSet(show.Flags())
	c.AddCommand(show,
		decide("give [APPLIANCE]", "Send what is recorded of failures, without asking", consent.Always),
		decide("report [APPLIANCE]", "Send a short report of each failure, and ask about its recording", consent.Report),
		decide("ask [APPLIANCE]", "Ask about each recording", consent.Ask),
		decide("revoke [APPLIANCE]", "Send nothing", consent.Never),
		consentForget())
	return c
}

func consentShow() *cobra.Command {
	asJSON := false
	c := &cobra.Command{Use: "show", Short: "Show what was decided", Args: cli.Args(0, 0)}
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	c.RunE = func(c *cobra.Command, _ []string) error {
		b, err := book()
		if err != nil {
			return err
		}
		all, err := b.List()
		if err != nil {
			return exit.With(exit.Integrity, err)
		}
		if asJSON {
			return cli.JSON(c.OutOrStdout(), consentDocument{"vmappliance.consent/1", append([]consent.Decision{}, all...)})
		}
		w := tabwriter.NewWriter(c.OutOrStdout(), 0, 8, 2, ' ', 0)
		if len(all) > 0 {
			fmt.Fprintln(w, "APPLIANCE\tSENDS TO\tDECIDED\tSINCE\tSIGNED BY")
		}
		for _, d := range all {
			to, _, _ := strings.Cut(d.To, " ")
			mode := string(d.Mode)
			if mode == "" {
				mode = "nothing"
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", d.Appliance, to, mode, d.At.Local().Format(time.DateTime), cmp.Or(d.Signer, "nobody"))
		}
		return w.Flush()
	}
	return c
}

// decide makes a verb that notes a decision.
func decide(use, short string, m consent.Mode) *cobra.Command {
	c := &cobra.Command{Use: use, Short: short, Args: cli.Args(0, 1)}
	c.RunE = func(c *cobra.Command, args []string) error {
		b, err := book()
		if err != nil {
			return err
		}
		name, err := whose(b, args)
		if err != nil {
			return err
		}
		if err := b.Decide(name, m); err != nil {
			return err
		}
		fmt.Fprintf(c.ErrOrStderr(), "%s: %s\n", name, map[consent.Mode]string{
			consent.Always: "recordings of failures are sent without asking from now on; to take it back: vmappliance consent revoke",
			consent.Report: "a short report of each failure is sent without asking, and you are asked about its recording",
			consent.Ask:    "you are asked about each recording",
			consent.Never:  "nothing is sent; recordings stay on this computer: vmappliance recordings list",
		}[m])
		if m != consent.Never {
			return nil
		}
		return holdBack(c, name)
	}
	return c
}

// whose finds the appliance that a decision is about. One that never ran is told of
// by its configuration.
func whose(b *consent.Book, args []string) (string, error) {
	all, err := b.List()
	if err != nil {
		return "", exit.With(exit.Integrity, err)
	}
	var names []string
	for _, d := range all {
		if len(args) == 1 && d.Appliance == args[0] {
			return d.Appliance, nil
		}
		names = append(names, d.Appliance)
	}
	switch {
	case len(args) == 0 && len(names) == 1:
		return names[0], nil
	case len(args) == 0:
		return "", exit.Errorf(exit.Usage, "which appliance? say its name or its configuration; those that ran here: %q", names)
	}
	if _, err := os.Stat(args[0]); errors.Is(err, fs.ErrNotExist) {
		return "", exit.Errorf(exit.NotFound, "no appliance %q has run here, and there is no such configuration; those that ran: %q", args[0], names)
	}
	a, err := loadConfig(args)
	if err != nil {
		return "", err
	}
	if err := trusted(b, a, args[0]); err != nil {
		return "", err
	}
	_, err = b.Told(party(a))
	return a.Appliance.Name, err
}

// holdBack keeps what waits to be sent of an appliance from being sent.
func holdBack(c *cobra.Command, appliance string) error {
	p, err := here()
	if err != nil {
		return err
	}
	items, err := p.spool.List()
	if err != nil {
		return err
	}
	for _, it := range items {
		if w, err := p.way(it); err == nil && w.Appliance != appliance {
			continue
		}
		switch it.State {
		case mail.Sent, mail.Cancelled, mail.Damaged, mail.Held:
			continue
		}
		it, err := p.spool.Hold(it.UUID, errRevoked.Error())
		if errors.Is(err, mail.ErrBusy) { // who sends it asks before each part
			fmt.Fprintf(c.ErrOrStderr(), "%s is being sent just now, and held back after the part that is under way\n", it.ID)
			continue
		}
		if err != nil {
			return err
		}
		fmt.Fprintf(c.ErrOrStderr(), "%s is held back; to send it after all: vmappliance send %s\n", it.ID, it.ID)
	}
	return nil
}
