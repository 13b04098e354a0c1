package inbox

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"
)

// Touched is another text whenever a report came, or something was found out or
// decided about one.
func (b *Inbox) Touched() string {
	var s strings.Builder
	for _, room := range []string{"reports", "buckets"} {
		if st, err := os.Stat(b.path(room)); err == nil { // else nothing was decided yet
			fmt.Fprintln(&s, st.ModTime().UnixNano())
		}
	}
	return s.String()
}

const (
	lookEvery = time.Second // Await looks
	lookAgain = time.Minute // it sees a change by then that came in the same tick of a coarse clock
)

// Await waits until the inbox is not as it was seen by Touched any more, whichever
// program did it, until due comes, unless that is zero, or for a minute. It returns
// false when ctx ends.
func (b *Inbox) Await(ctx context.Context, seen string, due time.Time) bool {
	t := time.NewTicker(lookEvery)
	defer t.Stop()
	begun := time.Now()
	for ctx.Err() == nil && b.Touched() == seen && (due.IsZero() || b.opt.Now().Before(due)) && time.Since(begun) < lookAgain {
		select {
		case <-t.C:
		case <-ctx.Done():
		}
	}
	return ctx.Err() == nil
}
