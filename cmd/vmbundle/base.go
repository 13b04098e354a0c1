package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"vmrecord/bundle"
	"vmrecord/bundle/base"
	"vmrecord/cmd/internal/cli"
	"vmrecord/cmd/internal/exit"
)

// A basesDocument is what base list and base add print with --json.
type basesDocument struct {
	Schema string      `json:"schema"` // vmbundle.bases/1
	Bases  []base.Info `json:"bases"`
}

func baseCommand() *cobra.Command {
	return cli.Group("base", "Keep the bases that thin bundles need", baseAdd(), baseList())
}

// folder is where this user's bases are, and those of the inbox.
func folder() (f base.Folder, err error) {
	if f.Dir, err = cli.BaseDir(); err != nil {
		return f, err
	}
	in, err := inboxDir()
	f.Also = []string{filepath.Join(in, inboxBases)}
	return f, err
}

// inboxBases is the folder of bases in an inbox's.
const inboxBases = "bases"

// bases puts files into the folder and opens the bases that they are there.
func bases(f base.Folder, names []string) ([]*base.Base, error) {
	all, err := f.Take(names...)
	if errors.Is(err, fs.ErrNotExist) {
		err = exit.Errorf(exit.NotFound, "there is no file: %w", err)
	}
	return all, err
}

func baseAdd() *cobra.Command {
	var asJSON, shared bool
	c := &cobra.Command{
		Use:   "add FILE...",
		Short: "Put files into the folder of bases",
		Long: "add puts bases into ~/.local/share/vmrecord/bases, or $VMRECORD_BASES, where every verb\n" +
			"that reads a thin bundle looks for them. FILE is a golden that vmbundle golden made, or a file\n" +
			"that was published with the appliance: its kernel, its initramfs, any other. With --inbox they go\n" +
			"into the inbox's folder ($VMB_INBOX), for all who read its reports: a base that is not here\n" +
			"is read there, over a file server too, and only as far as a bundle needs it.",
		Example: "  vmbundle base add ledger-0.9.vmg",
		Args:    cli.Args(1, 1000),
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	c.Flags().BoolVar(&shared, "inbox", false, "into the inbox's folder, for the whole team")
	c.RunE = func(c *cobra.Command, args []string) error {
		f, err := folder()
		if err != nil {
			return err
		}
		if shared {
			f = base.Folder{Dir: f.Also[0]}
		}
		all, err := bases(f, args)
		if err != nil {
			return status(diskFull(err))
		}
		defer base.CloseAll(all)
		infos := []base.Info{}
		for _, b := range all {
			infos = append(infos, b.Info)
		}
		return printBases(c, infos, asJSON)
	}
	return c
}

func baseList() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{Use: "list", Short: "List the bases that are here", Args: cli.Args(0, 0)}
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	c.RunE = func(c *cobra.Command, _ []string) error {
		f, err := folder()
		if err != nil {
			return err
		}
		all, err := f.List()
		if err != nil {
			return status(err)
		}
		if len(all) == 0 && !asJSON {
			return exit.Errorf(exit.NotFound, "no bases in %s; to add one: vmbundle base add FILE", f.Dir)
		}
		return printBases(c, append([]base.Info{}, all...), asJSON)
	}
	return c
}

func printBases(c *cobra.Command, all []base.Info, asJSON bool) error {
	if asJSON {
		return cli.JSON(c.OutOrStdout(), basesDocument{"vmbundle.bases/1", all})
	}
	w := tabwriter.NewWriter(c.OutOrStdout(), 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tKIND\tPAGES\tID")
	for _, i := range all {
		fmt.Fprintf(w, "%q\t%.20q\t%d\t%.16s\n", i.Name, i.Kind, i.Pages, i.ID)
	}
	return w.Flush()
}

// A goldenDocument is what golden --json prints.
type goldenDocument struct {
	Schema string    `json:"schema"` // vmbundle.golden/1
	Path   string    `json:"path"`
	Bytes  int64     `json:"bytes"`
	Base   base.Info `json:"base"`
}

func goldenCommand() *cobra.Command {
	var asJSON, force bool
	c := &cobra.Command{
		Use:   "golden RECORDING|FILE|ID [OUT]",
		Short: "Make a base of an appliance that has booted",
		Long: "golden makes a base (.vmg) of the memory with which a recording begins. Who builds an\n" +
			"appliance records it once, booted and before anybody has used it, publishes the golden with\n" +
			"it and keeps it: bundles that name its pages are thin. All that was in memory is in it.",
		Example: "  vmbundle golden ~/.local/share/vmrecord/recordings/000001 ledger-0.9.vmg\n" +
			"  vmbundle pack RECORDING --base ledger-0.9.vmg",
		Args: cli.Args(1, 2),
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	c.Flags().BoolVar(&force, "force", false, "overwrite OUT")
	c.RunE = func(c *cobra.Command, args []string) error {
		b, err := openNamed(c, args[0])
		if err != nil {
			return err
		}
		defer b.Close()
		out := append(args, filepath.Base(b.ID())+base.Ext)[1]
		if err := cli.Fresh(out, force); err != nil {
			return err
		}
		progress := cli.NewProgress(c.ErrOrStderr())
		i, err := bundle.Golden(b, out, func(done, total int) { progress.Part("packing", uint64(done), uint64(total)) })
		progress.End()
		if err != nil {
			return status(diskFull(err))
		}
		s, err := os.Stat(out)
		if err != nil {
			return err
		}
		if asJSON {
			return cli.JSON(c.OutOrStdout(), goldenDocument{"vmbundle.golden/1", out, s.Size(), i})
		}
		fmt.Fprintln(c.OutOrStdout(), out)
		return nil
	}
	return c
}
