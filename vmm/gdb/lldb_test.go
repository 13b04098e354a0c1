package gdb

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// A client that names threads behind registers is LLDB, and gets what it knows.
func TestLLDBPackets(t *testing.T) {
	c := connect(t, tasks(t))
	for _, l := range []struct{ send, want string }{
		{"qThreadStopInfo2a", "T00thread:2a;6:0000000000050000;7:0000000000040000;10:0010000000000000;"},
		{"p0;thread:2a;", badForm},
		{"QThreadSuffixSupported", "OK"},
		{"qThreadStopInfo1", "T05thread:1;hexname:6c6564676572;6:0000000000050000;7:0000000000040000;10:0010000000000000;"},
		{"qThreadStopInfo2a", "T00thread:2a;hexname:6b776f726b65722f303a31;6:0000000000050000;7:0000000000040000;10:0010000000000000;"},
		{"qThreadStopInfo3", notThere},
		{"qThreadStopInfo", notThere},
		{"p1;thread:2a;", "0000000000030000"},
		{"p0;thread:2a;", notThere}, // is not known
		{"p0;thread:1;", "0000000000000000"},
		{"p0;thread:3;", notThere},
		{"p0", "0000000000000000"}, // of the thread that runs, as ever
	} {
		if got := c.ask(l.send); got != l.want {
			t.Errorf("%s: %s, want %s", l.send, got, l.want)
		}
	}
}

// Each script, played to real LLDB, gives the transcript beside it, and that twice.
func TestLLDB(t *testing.T) {
	for name, target := range map[string]func(testing.TB) Target{"lldb": recorded, "lldbtasks": tasks} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			golden := filepath.Join("testdata", name+".txt")
			for i := range 2 {
				got, err := play(t, target(t), nothing, func(_, socket string) []string {
					// Debian's says first, on its standard error, that a module of Python's is not there.
					return []string{"sh", "-c", `exec lldb "$@" 2>/dev/null`, "lldb", "-x", "-b", "-s", "commands.lldb", "-o", "process connect unix-connect://" + socket,
						"-s", filepath.Join("testdata", name+".lldb")}
				})
				if err != nil {
					t.Error(err)
				}
				got = regexp.MustCompile(`/\S*/(s|\w+.lldb)\b`).ReplaceAllString(got, "/.../$1")
				if *update && i == 0 {
					if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
						t.Fatal(err)
					}
				}
				if want, err := os.ReadFile(golden); err != nil || string(want) != got {
					t.Errorf("time %d: got:\n%s\nwant (%v):\n%s", i, got, err, want)
				}
			}
		})
	}
}
