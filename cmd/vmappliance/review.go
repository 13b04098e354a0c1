package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"vmrecord/bundle/consent"
	"vmrecord/bundle/mail"
	"vmrecord/cmd/internal/cli"
	"vmrecord/cmd/internal/exit"
	"vmrecord/vmm/host"
)

// A review asks the user about each report that waits for consent.
type review struct {
	post *post
	book *consent.Book
	say  func(it mail.Item) []string // what a report holds
	show func(lines ...string)
	key  func() (k byte, ok bool) // what the user typed; false: nobody answers

	never []string // appliances of which the user wants nothing sent
}

const question = "send it?  y yes   n no   a yes, and always   v no, and never   any other key: later"

// run asks about reports that wait, and tells how many it asked about. It ends where
// nobody answers.
func (r *review) run(items []mail.Item) (asked int, err error) {
	for _, it := range items {
		if r.refused(it) {
			r.show(fmt.Sprintf("%s is kept here; to send it: vmappliance send %s", it.ID, it.ID))
			continue
		}
		r.show(r.say(it)...)
		r.show(question)
		asked++
		k, ok := r.key()
		if !ok {
			return asked, nil
		}
		if err := r.answer(it, k); err != nil {
			return asked, err
		}
	}
	return asked, nil
}

// refused tells whether an answer before was about this report too.
func (r *review) refused(it mail.Item) bool {
	w, err := r.post.way(it)
	return err == nil && slices.Contains(r.never, w.Appliance)
}

// review asks at the guest's terminal about the reports that wait and are wanted,
// until ctx ends, and tells how many it asked about.
func (l *oneRun) review(ctx context.Context, wanted func(uuid string) bool) (asked int) {
	t := l.console.Terminal()
	if l.courier == nil || t == nil || l.doc.Boots == 0 {
		return 0
	}
	l.asking.Lock()
	defer l.asking.Unlock()
	items, err := l.courier.post.held()
	items = slices.DeleteFunc(items, func(it mail.Item) bool { return !wanted(it.UUID) })
	if err == nil && len(items) > 0 {
		asked, err = l.ask(ctx, t, items)
	}
	if err != nil {
		l.say("%v", err)
	}
	return asked
}

// ask has the terminal for as long as it takes.
func (l *oneRun) ask(ctx context.Context, t *host.Terminal, items []mail.Item) (asked int, err error) {
	keys, done := l.console.Ask()
	defer done()
	r := &review{post: l.courier.post, book: l.courier.book, say: l.courier.post.describe, show: func(lines ...string) { t.Note(strings.Join(lines, "\r\n")) }}
	r.key = func() (byte, bool) {
		select {
		case k, ok := <-keys:
			return k, ok && k != ctrlC && k != ctrlD
		case <-ctx.Done():
			return 0, false
		}
	}
	return r.run(items)
}

const (
	ctrlC = 3
	ctrlD = 4
)

// reviewNow is the review while the guest runs.
func (l *oneRun) reviewNow() {
	if t := l.console.Terminal(); t != nil {
		defer t.Guard()
	}
	if l.review(l.ended, func(string) bool { return true }) == 0 {
		l.say("no report waits for you")
		return
	}
	l.courier.soon()
}

// answer does what the user said about a report.
func (r *review) answer(it mail.Item, k byte) error {
	w, err := r.post.way(it)
	if err != nil {
		return err
	}
	said, decided := fmt.Sprintf("%s is kept here; to send it: vmappliance send %s", it.ID, it.ID), consent.Mode("")
	switch k {
	case 'y', 'Y', 'a', 'A':
		if err := r.post.release(it, r.book.Now(), false); err != nil {
			return err
		}
		said = it.ID + " will be sent"
		if k|0x20 == 'a' {
			said, decided = said+", and those to come without asking; to take it back: vmappliance consent revoke", consent.Always
		}
	case 'n', 'N', 'v', 'V':
		if _, err := r.post.spool.Cancel(it.UUID); err != nil {
			return err
		}
		said = it.ID + " will not be sent"
		if k|0x20 == 'v' {
			said, decided = said+", nor will others; to be asked again: vmappliance consent ask", consent.Never
		}
	}
	if decided != "" {
		if err := r.book.Decide(w.Appliance, decided); err != nil {
			return err
		}
	}
	if decided == consent.Never {
		r.never = append(r.never, w.Appliance)
	}
	r.show(said)
	return nil
}

// held are the bundles that wait for consent.
func (p *post) held() (held []mail.Item, err error) {
	items, err := p.spool.List()
	for _, it := range items {
		if it.State == mail.Held {
			held = append(held, it)
		}
	}
	return held, err
}

// describe says what would be sent, and to whom. A report that cannot be looked into
// says why.
func (p *post) describe(it mail.Item) []string {
	v, err := p.preview(it)
	if err != nil {
		return []string{fmt.Sprintf("● %s, %s: %v", it.ID, cli.Bytes(it.Size), err)}
	}
	return v.lines()
}

func reviewCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "review",
		Short: "Decide about the reports that wait for your consent",
		Long:  "review shows each report that waits, asks whether it is sent, and sends it. While an\nappliance runs, Ctrl-] r does the same.",
		Args:  cli.Args(0, 0),
	}
	c.RunE = func(c *cobra.Command, _ []string) error {
		p, err := here()
		if err != nil {
			return err
		}
		b, err := book()
		if err != nil {
			return err
		}
		r := &review{post: p, book: b, key: lines(os.Stdin), say: p.describe, show: func(lines ...string) {
			fmt.Fprintln(c.ErrOrStderr(), strings.Join(lines, "\n"))
		}}
		held, err := p.held()
		if err != nil {
			return err
		}
		if len(held) > 0 && !term.IsTerminal(int(os.Stdin.Fd())) {
			for _, it := range held {
				r.show(r.say(it)...)
			}
			return exit.Errorf(exit.Consent, "there is no terminal to ask at; to send one: vmappliance send %s", held[0].ID)
		}
		if len(held) == 0 {
			r.show("no report waits for you; to see all: vmappliance outbox list")
			return nil
		}
		if _, err := r.run(held); err != nil {
			return err
		}
		return p.sendReleased(c, held)
	}
	return c
}

// lines reads answers from a terminal that is not raw: the first letter of a line.
func lines(in io.Reader) func() (byte, bool) {
	s := bufio.NewScanner(in)
	return func() (byte, bool) {
		if !s.Scan() {
			return 0, false
		}
		return (strings.TrimSpace(s.Text()) + " ")[0], true
	}
}

// sendReleased sends those of the items that may be sent now.
func (p *post) sendReleased(c *cobra.Command, items []mail.Item) error {
	var refs []string
	now, err := p.spool.List()
	if err != nil {
		return err
	}
	for _, it := range now {
		for _, was := range items {
			if it.UUID == was.UUID && it.State == mail.Queued {
				refs = append(refs, it.UUID)
			}
		}
	}
	return p.sendAll(c, refs)
}

// sendAll sends bundles now, and prints how each went.
func (p *post) sendAll(c *cobra.Command, refs []string) error {
	worst := 0
	for _, ref := range refs {
		it, res, err := p.deliver(context.Background(), ref)
		if errors.Is(err, mail.ErrBusy) {
			fmt.Fprintf(c.OutOrStdout(), "%s  is being sent by a program that runs\n", ref)
			continue
		}
		if err != nil {
			return missing(err)
		}
		fmt.Fprintf(c.OutOrStdout(), "%s  %s\n", it.ID, res)
		worst = max(worst, res.ExitCode())
	}
	if worst == 0 && len(refs) > 0 { // without an answer there will be another time
		_ = p.ask(context.Background(), func(it mail.Item) { fmt.Fprintf(c.OutOrStdout(), "%s  %s\n", it.ID, it.Status.Text()) })
	}
	if worst != 0 {
		return cli.Status(worst)
	}
	return nil
}
