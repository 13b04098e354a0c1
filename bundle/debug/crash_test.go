package debug

import (
	"strings"
	"testing"
)

func TestOwnFrames(t *testing.T) {
	for _, c := range []struct{ stack, want string }{
		{"main.post main.run runtime.main runtime.goexit", "main.post main.run"},
		{"x/vmrecordsdk/recorder.call x/vmrecordsdk/recorder.Fail main.round main.main runtime.main", "main.round main.main"},
		{"vmrecord/guestagent/recorder.call vmrecord/guestagent/recorder.Guard.func1 runtime.gopanic runtime.panicIndex main.load main.main", "main.load main.main"},
		{"asm vmrecord_call vmrecord_fail import main", "import main"},
		{"vmrecord_call vmrecord_fail", "vmrecord_call vmrecord_fail"},
		{"ledger+0x1234 ledger+0x88", "ledger+0x1234 ledger+0x88"},
		{"runtime.throw", "runtime.throw"},
		{"", ""},
	} {
		if got := strings.Join(ownFrames(strings.Fields(c.stack)), " "); got != c.want {
			t.Errorf("%s: %s, want %s", c.stack, got, c.want)
		}
	}
}
