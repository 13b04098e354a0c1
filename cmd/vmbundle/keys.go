package main

import (
	"errors"
	"fmt"
	"io/fs"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"vmrecord/bundle/keys"
	"vmrecord/cmd/internal/cli"
	"vmrecord/cmd/internal/exit"
)

// A keysDocument is what keys list --json prints.
type keysDocument struct {
	Schema string        `json:"schema"` // vmbundle.keys/1
	Keys   []keys.Vendor `json:"keys"`
}

func keysCommand() *cobra.Command {
	c := cli.Group("keys", "Make keys; what to do when one is lost or stolen", keysNew(), keysList(), keysRotate())
	c.Long = keysHelp
	return c
}

func keysNew() *cobra.Command {
	return &cobra.Command{
		Use:   "new [NAME]",
		Short: "Make a vendor's keys (NAME: vendor)",
		Long: "new makes a key that opens bundles and one that signs configurations. The public half\n" +
			"of the first goes into the appliance's configuration. The secret halves stay in\n" +
			"~/.local/share/vmrecord/keys, or $VMRECORD_KEYS: every bundle sealed to a key that is\n" +
			"lost is lost too, so keep a copy of that folder where no one else reads it.",
		Args: cli.Args(0, 1),
		RunE: func(c *cobra.Command, args []string) error {
			dir, err := cli.KeyDir()
			if err != nil {
				return err
			}
			v, err := keys.New(dir, append(args, "vendor")[0])
			if errors.Is(err, fs.ErrExist) {
				return fmt.Errorf("%w; for another pair: vmbundle keys new NAME; to see all: vmbundle keys list", err)
			}
			if err != nil {
				return err
			}
			fmt.Fprintf(c.ErrOrStderr(), "keys %q are in %s; keep a copy: what is sealed to a lost key nobody can open\nin the appliance's configuration write:\n", v.Name, v.Folder)
			fmt.Fprintf(c.OutOrStdout(), "[vendor]\nkeys = [%q]\n", v.Opens)
			fmt.Fprintf(c.ErrOrStderr(), "to sign it for users: vmappliance build --sign %s appliance.toml\n", v.Name)
			return nil
		},
	}
}

func keysRotate() *cobra.Command {
	return &cobra.Command{
		Use:   "rotate OLD NEW",
		Short: "Have keys called NEW follow those called OLD",
		Long: "rotate makes keys called NEW, unless there are some, and a statement signed by OLD that\n" +
			"NEW's signing key follows it. What \"vmappliance build --sign NEW\" then writes has the\n" +
			"statement beside it, and the computers that knew OLD take it. OLD's keys stay: what was\n" +
			"sealed to them they open still. What to do when a key is lost or stolen: vmbundle help keys.",
		Args: cli.Args(2, 2),
		RunE: func(c *cobra.Command, args []string) error {
			dir, err := cli.KeyDir()
			if err != nil {
				return err
			}
			v, err := keys.Rotate(dir, args[0], args[1])
			if errors.Is(err, fs.ErrNotExist) {
				return exit.Errorf(exit.NotFound, "%w; to see those that are here: vmbundle keys list", err)
			}
			if err != nil {
				return err
			}
			fmt.Fprintf(c.ErrOrStderr(), "%q follows %q; in the appliance's configuration write as keys:\n", v.Name, args[0])
			fmt.Fprintf(c.OutOrStdout(), "[vendor]\nkeys = [%q]\n", v.Opens)
			fmt.Fprintf(c.ErrOrStderr(), "to sign it for users: vmappliance build --sign %s appliance.toml\n", v.Name)
			return nil
		},
	}
}

func keysList() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{Use: "list", Short: "List the keys that are here", Args: cli.Args(0, 0)}
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	c.RunE = func(c *cobra.Command, _ []string) error {
		dir, err := cli.KeyDir()
		if err != nil {
			return err
		}
		all, err := keys.List(dir)
		if err != nil {
			return err
		}
		if asJSON {
			return cli.JSON(c.OutOrStdout(), keysDocument{"vmbundle.keys/1", append([]keys.Vendor{}, all...)})
		}
		if len(all) == 0 {
			return exit.Errorf(exit.NotFound, "no keys in %s; to make some: vmbundle keys new", dir)
		}
		w := tabwriter.NewWriter(c.OutOrStdout(), 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "NAME\tOPENS\tSIGNS")
		for _, k := range all {
			fmt.Fprintf(w, "%s\t%s\t%s\n", k.Name, k.Opens, k.Signs)
		}
		return w.Flush()
	}
	return c
}

const keysHelp = `Which secrets there are, and what to do when one is lost, stolen or old. The vendor's are in
~/.local/share/vmrecord/keys, or $VMRECORD_KEYS; keep a copy where no one else reads it.

The key that opens bundles (NAME.key); the appliance seals what it sends to it.
  lost     What was sealed to it nobody opens any more: ask for those reports again. Make
           another and give users a new configuration:
             vmbundle keys new next
             vmappliance build --sign vendor appliance.toml
  stolen   The thief reads what he gets hold of. The same, at once; recordings cannot be
           called back.
  old      The same, when it suits you. Keep the old one: every NAME.key there is tried,
           so old bundles open as before.

The key that signs configurations (NAME.sign.key); computers that ran a signed appliance
take no other's for one of its name.
  old      Have another follow it, and sign with that one: computers that know the first
           take it, by the statement that lies beside the configuration then.
             vmbundle keys rotate vendor next
             vmappliance build --sign next appliance.toml
  lost     No statement can be made. Give users the new configuration by a way that they
           trust; theirs says that the signer is another one, until they run
             vmappliance consent forget NAME
  stolen   The thief can sign configurations that send to him, and statements too. Tell
           your users; then as if it were lost: what the old key says of the new one
           proves nothing now.

The key of each computer that runs an appliance (appliance.sign.key), made by itself: it
signs the bundles.
  lost     Nothing to do: another one is made, and the computer enrolls anew.
  stolen   The thief can sign bundles as that computer: revoke its token, as below. The
           user moves the file away, and enrolls anew.

The token of each computer, by which it sends to your inbox, where that has made codes:
"vmbundle inbox enroll". It belongs to the computer's key; a report that another key
signed is told from the others by "vmbundle inbox check".
  lost     Nothing to do: the computer gets another one by itself, by its key.
  stolen   The thief can send to your inbox as that computer, and read nothing. Forgotten,
           the token ends, and the computer gets another one; revoked, it gets none.
             vmbundle inbox tokens forget I-XXXXXXXXXXXXXXXX
             vmbundle inbox tokens revoke I-XXXXXXXXXXXXXXXX
  an enrolment code got around: it takes in nobody else after
             vmbundle inbox enroll revoke C-XXXXXXXX
`
