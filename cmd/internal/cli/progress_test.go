package cli

import (
	"bytes"
	"testing"
	"time"
)

func TestProgress(t *testing.T) {
	for _, c := range []struct {
		name string
		tty  bool
		want string
	}{
		{"terminal", true, "\rget [##########..........] 5.0 MB of 10.0 MB, 1.0 MB/s, 5 s left\x1b[K\rget [################....] 8.0 MB of 10.0 MB, 1.0 MB/s, 2 s left\x1b[K\n"},
		{"log", false, "get [##########..........] 5.0 MB of 10.0 MB, 1.0 MB/s, 5 s left\n"},
	} {
		var b bytes.Buffer
		now := time.Unix(0, 0)
		p := &Progress{w: &b, tty: c.tty, now: func() time.Time { return now }}
		for _, s := range []int{0, 1, 5, 8} {
			now = time.Unix(int64(s), 0)
			p.Step("get", int64(s)*1e6, 10e6)
		}
		p.End()
		if b.String() != c.want {
			t.Errorf("%s: %q\nwant %q", c.name, b.String(), c.want)
		}
	}
}
