package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"vmrecord/bundle/inbox"
	"vmrecord/cmd/internal/cli"
	"vmrecord/cmd/internal/exit"
)

func inboxList() *cobra.Command {
	var asJSON bool
	var by inbox.Filter
	c := &cobra.Command{
		Use:   "list",
		Short: "List what was received, and the crashes it is about",
		Long: "list shows the buckets, each one crash and how many reports there are of it, and then\n" +
			"the reports. It answers from an index, which is made of the inbox's folder whenever it\n" +
			"is missing or old.",
		Args: cli.Args(0, 0),
	}
	f := c.Flags()
	f.BoolVar(&asJSON, "json", false, "print one JSON document")
	f.StringVar(&by.Tag, "tag", "", "only reports with this `TAG`")
	f.StringVar(&by.Bucket, "bucket", "", "only the reports of this `BUCKET`")
	f.StringVar(&by.State, "state", "", "only those that are complete, partial or damaged (`STATE`)")
	f.StringVar(&by.Verdict, "verdict", "", "only those found reproduced, diverged, hung, broken or report (`VERDICT`)")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if err := checkFilter(by); err != nil {
			return err
		}
		in, dir, err := openInbox(c)
		if err != nil {
			return err
		}
		x, err := in.Index()
		if err != nil {
			return err
		}
		defer x.Close()
		list, err := x.Entries(by)
		if err != nil {
			return err
		}
		buckets, err := x.Buckets()
		if err != nil {
			return err
		}
		if asJSON {
			return cli.JSON(c.OutOrStdout(), inboxDocument{"vmbundle.inbox-list/1", append([]inbox.Entry{}, list...), append([]inbox.Bucket{}, buckets...)})
		}
		if by == (inbox.Filter{}) {
			if err := writeBuckets(c.OutOrStdout(), buckets); err != nil {
				return err
			}
		}
		if len(list) == 0 {
			fmt.Fprintf(c.ErrOrStderr(), "no such report is in %s\n", dir)
		}
		return writeReports(c.OutOrStdout(), list)
	}
	return c
}

// checkFilter refuses words that no report has.
func checkFilter(by inbox.Filter) (err error) {
	if by.State != "" {
		err = oneOf("state", by.State, []string{inbox.Complete, inbox.Partial, inbox.Damaged})
	}
	if by.Verdict != "" && err == nil {
		err = oneOf("verdict", by.Verdict, []string{inbox.Reproduced, inbox.Diverged, inbox.Hung, inbox.Broken, inbox.ReportOnly})
	}
	return err
}

// writeBuckets lists those of which a crash is known or something was decided.
func writeBuckets(out io.Writer, all []inbox.Bucket) error {
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	head := "BUCKET\tSTATUS\tREPORTS\tLAST\tCRASH\n"
	for _, k := range all {
		if k.Crash == nil && k.Status == inbox.Unfixed {
			continue
		}
		status, crash := k.Status, ""
		switch {
		case k.Again:
			status += ", again"
		case k.Of != "":
			status += " of " + k.Of
		}
		if k.Crash != nil {
			crash = k.Crash.Brief()
		}
		fmt.Fprintf(w, "%s%s\t%s\t%d\t%s\t%s\n", head, k.Name, status, k.Count, k.Last.Local().Format(time.DateTime), crash)
		head = ""
	}
	if head == "" {
		fmt.Fprintln(w)
	}
	return w.Flush()
}

func writeReports(out io.Writer, list []inbox.Entry) error {
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	if len(list) > 0 {
		fmt.Fprintln(w, "ID\tSTATE\tSIZE\tFROM\tRECEIVED\tBUCKET\tREPLAYS\tTAGS\tFILE OR PARTS MISSING")
	}
	for _, r := range list {
		last, verdict := r.File, "-"
		if r.State != inbox.Complete {
			last = r.Need + strings.Map(cli.Plain, r.Problem)
		}
		if r.Verdict != nil {
			verdict = r.Verdict.State
		}
		if r.Foreign {
			verdict += ", not signed by its sender"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", r.ID, r.State, cli.Bytes(r.Size), r.From, r.First.Local().Format(time.DateTime),
			cmp.Or(r.Bucket, "-"), verdict, cmp.Or(strings.Join(r.Tags, ","), "-"), last)
	}
	return w.Flush()
}

// unknown gives what the inbox does not have its status.
func unknown(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return exit.With(exit.NotFound, err)
	}
	return err
}

// withInbox is a verb that does one thing in the inbox.
func withInbox(c *cobra.Command, do func(c *cobra.Command, in *inbox.Inbox, args []string) error) *cobra.Command {
	c.RunE = func(c *cobra.Command, args []string) error {
		in, _, err := openInbox(c)
		if err != nil {
			return err
		}
		return unknown(do(c, in, args))
	}
	return c
}

func inboxShow() *cobra.Command {
	c := &cobra.Command{Use: "show ID", Short: "Show one report as JSON, with its crash and tags", Args: cli.Args(1, 1)}
	c.Flags().Bool("json", true, "print one JSON document, as always")
	return withInbox(c, func(c *cobra.Command, in *inbox.Inbox, args []string) error {
		e, err := in.Entry(args[0])
		if err != nil {
			return err
		}
		return cli.JSON(c.OutOrStdout(), e)
	})
}

// A marked is what tag, fix and dup print with --json.
type marked struct {
	Schema string   `json:"schema"` // vmbundle.inbox-mark/1
	ID     string   `json:"id"`
	Bucket string   `json:"bucket,omitempty"`
	Status string   `json:"status,omitempty"`
	Of     string   `json:"of,omitempty"`
	Tags   []string `json:"tags,omitempty"`
}

func (m marked) print(c *cobra.Command, asJSON bool, text string) error {
	if !asJSON {
		_, err := fmt.Fprintln(c.OutOrStdout(), text)
		return err
	}
	m.Schema = "vmbundle.inbox-mark/1"
	return cli.JSON(c.OutOrStdout(), m)
}

func inboxTag() *cobra.Command {
	var remove []string
	var asJSON bool
	c := &cobra.Command{Use: "tag ID [TAG...]", Short: "Add tags to a report, or remove some", Args: cli.Args(1, 33)}
	c.Flags().StringArrayVar(&remove, "remove", nil, "take this `TAG` away; may be repeated")
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	return withInbox(c, func(c *cobra.Command, in *inbox.Inbox, args []string) error {
		tags, err := in.Tag(args[0], args[1:], remove)
		if err != nil {
			return err
		}
		return marked{ID: args[0], Tags: tags}.print(c, asJSON, args[0]+"  "+cmp.Or(strings.Join(tags, ","), "no tags"))
	})
}

func inboxFix() *cobra.Command {
	var again, asJSON bool
	var note, version string
	c := &cobra.Command{Use: "fix ID|BUCKET", Short: "Mark a crash as fixed, or open again", Args: cli.Args(1, 1),
		Long: "fix marks the whole bucket of a report. Reports that come later are told as \"again\"."}
	c.Flags().BoolVar(&again, "reopen", false, "mark it as open again")
	c.Flags().StringVar(&version, "in", "", "the `VERSION` that has the fix, which reporters are told")
	c.Flags().StringVar(&note, "note", "", "what fixed it, for you (`TEXT`)")
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	return withInbox(c, func(c *cobra.Command, in *inbox.Inbox, args []string) error {
		bucket, err := in.Fix(args[0], version, note, again)
		if err != nil {
			return err
		}
		m := marked{ID: args[0], Bucket: bucket, Status: inbox.Fixed}
		if again {
			m.Status = inbox.Unfixed
		}
		return m.print(c, asJSON, bucket+"  "+m.Status)
	})
}

func inboxDup() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{Use: "dup ID|BUCKET OF", Short: "Mark a crash as a duplicate of another", Args: cli.Args(2, 2)}
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	return withInbox(c, func(c *cobra.Command, in *inbox.Inbox, args []string) error {
		bucket, of, err := in.Dup(args[0], args[1])
		if err != nil {
			return err
		}
		return marked{ID: args[0], Bucket: bucket, Status: inbox.Duplicate, Of: of}.print(c, asJSON, bucket+"  duplicate of "+of)
	})
}

// A purgeDocument is what inbox purge --json prints.
type purgeDocument struct {
	Schema  string         `json:"schema"` // vmbundle.inbox-purge/1
	Removed []inbox.Report `json:"removed"`
}

func inboxPurge() *cobra.Command {
	var asJSON bool
	var days int
	c := &cobra.Command{Use: "purge [ID...]", Short: "Remove reports for good", Args: cli.Args(0, 1<<16),
		Long: "purge removes the reports that are named, or with --older-than all that came before, with\ntheir bundles, whole or begun, and with what was noted about them."}
	c.Flags().IntVar(&days, "older-than", 0, "remove what came more than `DAYS` days ago")
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	return withInbox(c, func(c *cobra.Command, in *inbox.Inbox, args []string) (err error) {
		if (len(args) == 0) == (days <= 0) {
			return exit.Errorf(exit.Usage, "what is to be removed? vmbundle inbox purge R-XXXX-XXXX, or: vmbundle inbox purge --older-than 90")
		}
		doc := purgeDocument{"vmbundle.inbox-purge/1", []inbox.Report{}}
		if days > 0 {
			doc.Removed, err = in.PurgeBefore(time.Now().AddDate(0, 0, -days))
			doc.Removed = append([]inbox.Report{}, doc.Removed...)
		}
		for _, ref := range args {
			var r inbox.Report
			if r, err = in.Purge(ref); err != nil {
				break
			}
			doc.Removed = append(doc.Removed, r)
		}
		if asJSON {
			return errors.Join(err, cli.JSON(c.OutOrStdout(), doc))
		}
		for _, r := range doc.Removed {
			fmt.Fprintf(c.OutOrStdout(), "%s  %s  removed\n", r.ID, cli.Bytes(r.Bytes))
		}
		return err
	})
}
