package exit

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestOf(t *testing.T) {
	for _, c := range []struct {
		err  error
		want Code
	}{
		{nil, OK},
		{errors.New("x"), Failure},
		{With(Integrity, errors.New("x")), Integrity},
		{fmt.Errorf("y: %w", With(Integrity, errors.New("x"))), Integrity},
		{With(Usage, With(Integrity, errors.New("x"))), Usage},
		{With(Usage, nil), OK},
	} {
		if got := Of(c.err); got != c.want {
			t.Errorf("%v: %d, want %d", c.err, got, c.want)
		}
	}
}

// Numbers in scripts of others depend on these.
func TestHelp(t *testing.T) {
	for _, line := range []string{"  0  well", "  7  the replay diverged", " 75  queued", "130  interrupted"} {
		if !strings.Contains(Help(), line) {
			t.Errorf("no %q in\n%s", line, Help())
		}
	}
}
