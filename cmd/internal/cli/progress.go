package cli

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"
)

// A Progress shows how far a long job is: nothing for 2 s; then, on a terminal,
// a bar with rate and time left, elsewhere a line every 10 s.
type Progress struct {
	w     io.Writer
	tty   bool
	now   func() time.Time
	what  string
	start time.Time
	last  time.Time
	drawn bool
}

// NewProgress writes to w, usually os.Stderr.
func NewProgress(w io.Writer) *Progress {
	f, ok := w.(*os.File)
	return &Progress{w: w, tty: ok && term.IsTerminal(int(f.Fd())), now: time.Now}
}

// Step tells how many of total bytes are done; total 0 means that nobody knows.
func (p *Progress) Step(what string, done, total int64) {
	p.show(what, func(took time.Duration) string { return tail(done, total, took) })
}

// Part tells what part of a job without a unit is done.
func (p *Progress) Part(what string, done, total uint64) {
	p.show(what, func(took time.Duration) string {
		share := float64(done) / float64(max(total, 1))
		return fmt.Sprintf(" [%s] %.0f%%, %.0f s left", bar(share), 100*share, took.Seconds()*(1-share)/max(share, 1e-6))
	})
}

func (p *Progress) show(what string, tail func(took time.Duration) string) {
	t := p.now()
	if what != p.what {
		p.End()
		p.what, p.start, p.last = what, t, t
	}
	pause := 10 * time.Second
	if p.tty {
		pause = 200 * time.Millisecond
	}
	if t.Sub(p.start) < 2*time.Second || t.Sub(p.last) < pause && p.drawn {
		return
	}
	p.last, p.drawn = t, true
	line := what + tail(t.Sub(p.start))
	if p.tty {
		fmt.Fprintf(p.w, "\r%s\x1b[K", line)
		return
	}
	fmt.Fprintln(p.w, line)
}

// End leaves the line; what comes next is another job.
func (p *Progress) End() {
	if p.tty && p.drawn {
		fmt.Fprintln(p.w)
	}
	p.drawn, p.what = false, ""
}

func tail(done, total int64, took time.Duration) string {
	if done <= 0 || total <= 0 {
		return fmt.Sprintf(" ... %d s", int(took.Seconds()))
	}
	rate := float64(done) / took.Seconds()
	return fmt.Sprintf(" [%s] %s of %s, %s/s, %d s left", bar(float64(done)/float64(total)),
		Bytes(done), Bytes(total), Bytes(int64(rate)), int(float64(max(total-done, 0))/rate))
}

func bar(share float64) string {
	const width = 20
	n := int(max(0, min(share, 1)) * width)
	return strings.Repeat("#", n) + strings.Repeat(".", width-n)
}

// Bytes prints a number of bytes for people.
func Bytes(n int64) string {
	switch {
	case n >= 1e9:
		return fmt.Sprintf("%.1f GB", float64(n)/1e9)
	case n >= 1e6:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	case n >= 1e3:
		return fmt.Sprintf("%d KB", n/1e3)
	}
	return fmt.Sprintf("%d B", n)
}
