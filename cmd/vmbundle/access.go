package main

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"vmrecord/bundle/inbox"
	"vmrecord/cmd/internal/cli"
	"vmrecord/cmd/internal/exit"
)

// An enrollDocument is what inbox enroll list --json prints.
type enrollDocument struct {
	Schema string       `json:"schema"` // vmbundle.enroll/1
	Codes  []inbox.Code `json:"codes"`
}

// A tokensDocument is what inbox tokens list --json prints.
type tokensDocument struct {
	Schema   string          `json:"schema"` // vmbundle.tokens/1
	Installs []inbox.Install `json:"installs"`
}

func inboxEnroll() *cobra.Command {
	c := cli.Group("enroll", "Make the codes by which computers get their tokens", enrollNew(), enrollList(), enrollRevoke())
	c.Long = "Once an inbox has made a code it takes reports of computers that enrolled, and of no\n" +
		"others (but see: inbox serve --open). An appliance's configuration carries the code; a\n" +
		"computer exchanges it for a token of its own when it first sends."
	return c
}

func enrollNew() *cobra.Command {
	var uses, days int
	var note string
	c := &cobra.Command{
		Use:   "new",
		Short: "Make a code, and print it",
		Args:  cli.Args(0, 0),
	}
	f := c.Flags()
	f.IntVar(&uses, "uses", 100, "computers that it takes in, `N`; 0: any number")
	f.IntVar(&days, "expires", 90, "after so many `DAYS` it takes in no others; 0: never")
	f.StringVar(&note, "note", "", "what it is for (`TEXT`)")
	return withInbox(c, func(c *cobra.Command, in *inbox.Inbox, _ []string) error {
		if uses < 0 || days < 0 {
			return exit.Errorf(exit.Usage, "--uses %d --expires %d: want whole numbers, 0 for no limit", uses, days)
		}
		end := time.Time{}
		if days > 0 {
			end = time.Now().AddDate(0, 0, days)
		}
		k, secret, err := in.NewCode(uses, end, note)
		if err != nil {
			return err
		}
		fmt.Fprintln(c.OutOrStdout(), secret)
		fmt.Fprintf(c.ErrOrStderr(), "%s takes in %s, %s; it is shown this once; put it into the configuration for users:\n  vmappliance build --sign vendor --enroll %s appliance.toml\n",
			k.Name, computers(k), until(k), secret)
		return nil
	})
}

func computers(k inbox.Code) string {
	switch k.Uses {
	case 0:
		return "any number of computers"
	case 1:
		return "1 computer"
	}
	return fmt.Sprintf("%d computers", k.Uses)
}

func until(k inbox.Code) string {
	if k.Expires.IsZero() {
		return "for ever"
	}
	return "until " + k.Expires.Local().Format(time.DateTime)
}

func enrollList() *cobra.Command {
	return accessList("List codes and how often they were used", func(a *inbox.Access) any {
		return enrollDocument{"vmbundle.enroll/1", append([]inbox.Code{}, a.Codes...)}
	}, func(w io.Writer, a *inbox.Access) {
		if len(a.Codes) > 0 {
			fmt.Fprintln(w, "CODE\tSTATE\tUSED\tTAKES IN\tVALID\tNOTE")
		}
		for _, k := range a.Codes {
			fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%s\t%s\n", k.Name, stateOf(k), k.Used, computers(k), until(k), k.Note)
		}
	})
}

// accessList lists some of those who may send: as a document, or as a table.
func accessList(short string, doc func(*inbox.Access) any, table func(io.Writer, *inbox.Access)) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{Use: "list", Short: short, Args: cli.Args(0, 0)}
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	return withInbox(c, func(c *cobra.Command, in *inbox.Inbox, _ []string) error {
		a, err := in.Access()
		if err != nil {
			return err
		}
		if asJSON {
			return cli.JSON(c.OutOrStdout(), doc(a))
		}
		w := tabwriter.NewWriter(c.OutOrStdout(), 0, 8, 2, ' ', 0)
		table(w, a)
		return w.Flush()
	})
}

func stateOf(k inbox.Code) string {
	switch {
	case !k.Revoked.IsZero():
		return "revoked"
	case !k.Expires.IsZero() && !time.Now().Before(k.Expires):
		return "expired"
	case k.Uses > 0 && k.Used >= k.Uses:
		return "used up"
	}
	return "valid"
}

func enrollRevoke() *cobra.Command {
	c := &cobra.Command{
		Use:   "revoke CODE...",
		Short: "Have codes, C-..., take in nobody else",
		Long:  "revoke ends codes, by their names. The computers that they took in may send still; to\nhave nothing more of those: vmbundle inbox tokens revoke.",
	}
	return accessEnd(c, "%s takes in nobody else\n", (*inbox.Inbox).RevokeCode)
}

// accessEnd does what ends somebody's access to each that is named, and says so.
func accessEnd(c *cobra.Command, said string, end func(in *inbox.Inbox, name string) error) *cobra.Command {
	c.Args = cli.Args(1, 1000)
	return withInbox(c, func(c *cobra.Command, in *inbox.Inbox, args []string) error {
		for _, name := range args {
			if err := end(in, name); err != nil {
				return err
			}
			fmt.Fprintf(c.ErrOrStderr(), said, name)
		}
		return nil
	})
}

func inboxTokens() *cobra.Command {
	return cli.Group("tokens", "List the computers that may send, and revoke their tokens", tokensList(),
		tokensRevoke("revoke", "Take nothing more from computers, nor them in again", "%s may send nothing more\n", false),
		tokensRevoke("forget", "Forget computers, so that they may be taken in again", "%s is forgotten\n", true))
}

func tokensList() *cobra.Command {
	return accessList("List computers and what they sent", func(a *inbox.Access) any {
		return tokensDocument{"vmbundle.tokens/1", append([]inbox.Install{}, a.Installs...)}
	}, func(w io.Writer, a *inbox.Access) {
		if len(a.Installs) > 0 {
			fmt.Fprintln(w, "COMPUTER\tSTATE\tCODE\tENROLLED\tREPORTS\tSIZE\tKEY")
		}
		for _, x := range a.Installs {
			state := "valid"
			if !x.Revoked.IsZero() {
				state = "revoked"
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%s\t%s\n", x.Name, state, x.Code, x.Enrolled.Local().Format(time.DateTime), x.Reports, cli.Bytes(x.Bytes), x.Key)
		}
	})
}

func tokensRevoke(verb, short, said string, forget bool) *cobra.Command {
	return accessEnd(&cobra.Command{Use: verb + " COMPUTER...", Short: short}, said,
		func(in *inbox.Inbox, name string) error { return in.RevokeInstall(name, forget) })
}
