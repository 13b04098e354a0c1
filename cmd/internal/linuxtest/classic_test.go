package linuxtest

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"vmrecord/bundle"
	"vmrecord/bundle/recording"
	"vmrecord/configs/guestkernel"
	"vmrecord/vmm/texttest"
)

// namesSession is played to gdb, which has no more of the module than the guest's
// kernel: to the handler by its name, up to the fault and back.
const namesSession = `break race_tick
reverse-continue
bt
stepi 3
break asm_exc_page_fault
continue
bt
reverse-continue
reverse-stepi
monitor sym race_replace
`

var namesFacts = []string{
	`hit Breakpoint 1, 0x\w+ in race_tick \(\)`,
	`#0 +0x\w+ in race_tick \(\)`, `in hrtimer_interrupt \(\)`, `<signal handler called>`,
	`#\d+ +0x\w+ in race_replace \(\)`, `#\d+ +0x\w+ in race_thread \(\)`, `#\d+ +0x\w+ in kthread \(\)`, `#\d+ +0x\w+ in ret_from_fork \(\)\n`,
	`0x\w+ in race_tick \(\)`, // after three steps
	`Breakpoint 2 at`, `hit Breakpoint 2, <signal handler called>`,
	`#\d+ +0x\w+ in race_count \(\)`, `#\d+ +0x\w+ in race_tick \(\)`, `in race_replace \(\)`,
	`hit Breakpoint 1, 0x\w+ in race_tick \(\)`, `0x\w+ in __hrtimer_run_queues \(\)`,
	`0x\w+ race_replace\n`,
}

// sourceSession is played to gdb that has the module's file: from the handler, step
// by step, to the line that fails, and back to the write that was too early.
const sourceSession = `break race_tick
reverse-continue
step
step
step
print j->owner
stepi
x/i $pc
reverse-stepi
watch -l job->owner
delete 1
reverse-continue
bt
stepi
print job->owner
monitor when
`

var sourceFacts = []string{
	`hit Breakpoint 1, race_tick \(t=0x\w+ <timer>\) at \S+/race.c:\d+\n\d+\s+\{\n\d+\s+race_count\(job\);`,
	`race_count \(j=0x\w+\) at \S+/race.c:\d+\n`, `\n\d+\s+j->owner->ticks\+\+;`, `\$1 = \(struct owner \*\) 0x0`,
	`=> 0x\w+ <race_count\+\d+>:\s+add`,
	`Hardware watchpoint 2: -location job->owner`,
	`Old value = \(struct owner \*\) 0x0\nNew value = \(struct owner \*\) 0x\w+ <owners(\+\d+)?>\n`,
	`race_replace \(fresh=0x\w+\) at \S+/race.c:\d+\n\d+\s+old->owner = NULL; // nobody's`,
	`#1 +0x\w+ in race_thread \(.*\) at \S+/race.c:\d+\n`, `#2 +0x\w+ in kthread`,
	`\$2 = \(struct owner \*\) 0x0`,
	`<race_replace\+\w+>, process \d+ race, ring 0`,
}

// TestClassic has Linux's oldest kind of bug: an interrupt's handler finds what a
// thread of the kernel's has half done. The guest loads the module and dies; gdb
// goes from the end, by the bundle alone, to the handler and back to the bad write.
func TestClassic(t *testing.T) {
	if testing.Short() {
		t.Skip("boots a kernel for real")
	}
	dir := t.TempDir()
	module := buildModule(t, dir)
	f, err := bootFiles(guestkernel.Cloud, "amd64", "init=vmrecord/cmd/vmagent", "loader=./testdata/loader", "race.ko="+module)
	if err != nil {
		t.Fatal(err)
	}
	shelf, err := recording.OpenShelf(t.TempDir(), recording.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	defer shelf.Close()
	g := f.boot(t, quick+" vmagent.run=/loader")
	sum := g.recordsItself(t, shelf, "")
	console := g.tx.String()
	texttest.InOrder(t, console, []string{`BUG: kernel NULL pointer dereference`, `RIP: 0010:race_count`, `Call Trace`, `race_replace`, `Fatal exception in interrupt`})
	file := filepath.Join(dir, "classic.vmb")
	if _, err := bundle.Pack(shelf.Dir(sum.Name), file, bundle.PackOptions{}); err != nil {
		t.Fatal(err)
	}
	vmbundle := buildVMBundle(t, t.TempDir())
	t.Run("symbols", func(t *testing.T) {
		said := gdb(t, vmbundle, file, namesSession, "--at", "end")
		texttest.InOrder(t, said[0]+said[1], namesFacts)
	})
	t.Run("probes", func(t *testing.T) {
		for _, c := range []struct {
			args, want string
		}{
			{"race_replace --limit 2", `^\d+\+\d+ \([\d.]+ s\) race/\d+ race_replace rdi=0xffff\w+ rsi=0x.*\n.* race_replace rdi=0xffff\w+ .*\n$`},
			{"race_replace --symbols " + dir + " --print args,fresh.results,stack --limit 1",
				` race_replace fresh=0xffff\w+ fresh\.results=\[0 0 0 0 0 0 0 0 \.\.\.32 in all\]\n +#1 +0x\w+ race_thread\+0x\w+\n +#2 +0x\w+ kthread\+0x\w+\n`},
			{"race_tick --symbols " + dir + " --return --from end", `^race_tick was not reached`},
		} {
			out, err := onBundle(t, vmbundle, file, append([]string{"probe", file}, strings.Fields(c.args)...)...).CombinedOutput()
			if err != nil || !regexp.MustCompile(c.want).Match(out) {
				t.Errorf("%s: %v, want %s in\n%s", c.args, err, c.want, out)
			}
		}
	})
	t.Run("source", func(t *testing.T) {
		first := gdb(t, vmbundle, file, sourceSession, "--at", "end", "--symbols", dir)
		texttest.InOrder(t, first[0]+first[1], sourceFacts)
		if again := gdb(t, vmbundle, file, sourceSession, "--at", "end", "--symbols", dir); again != first {
			t.Errorf("another time: %s\nwas: %s", again, first)
		}
	})
}

// buildModule builds testdata/race against the headers of the guest's kernel, and
// returns the module's file in dir.
func buildModule(t *testing.T, dir string) string {
	t.Helper()
	f, err := bootFiles(guestkernel.Cloud, "amd64")
	if err != nil {
		t.Fatal(err)
	}
	headers := "/usr/src/linux-headers-" + f.release
	if _, err := os.Stat(headers); err != nil {
		t.Fatalf("this test builds a module for the guest's kernel: %v; to have them: apt install linux-headers-%s; if apt has them no more, remove the kernel from the cache, which is older: ~/.cache/vmrecord/kernel", err, f.release)
	}
	if err := os.CopyFS(dir, os.DirFS("testdata/race")); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("make", "-C", headers, "M="+dir, "modules").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return filepath.Join(dir, "race.ko")
}
