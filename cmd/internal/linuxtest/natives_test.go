package linuxtest

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"vmrecord/vmm/host"
	"vmrecord/vmm/texttest"
	"vmrecord/vmm/trace/tracetest"
)

// libraries are those of this computer that a program in C++ maps.
var libraries = []string{"lib64/ld-linux-x86-64.so.2", "lib/x86_64-linux-gnu/libc.so.6", "lib/x86_64-linux-gnu/libm.so.6",
	"lib/x86_64-linux-gnu/libgcc_s.so.1", "lib/x86_64-linux-gnu/libstdc++.so.6"}

const inC, inCxx, inCxxStatic = "./testdata/count.c", "./testdata/bank.cc", "./testdata/bank.cc -static"

// natives are programs in C and C++ for bootFiles, with what they need.
func natives() []string {
	all := []string{"count=" + inC, "other=" + inC, "bank=" + inCxx, "bank-static=" + inCxxStatic}
	for _, l := range libraries {
		all = append(all, l+"=/"+l)
	}
	return all
}

// countSession is played to gdb where three processes run one program in C, the same
// code at the same addresses. adds tells of a number of calls.
const countSession = `define adds
  set $n = $arg0
  while $n > 0
    continue
    printf "%%s adds %%d, ", t->of, amount
    thread
    set $n = $n - 1
  end
end
break add
adds 6
bt
info args
up
info locals
info threads
monitor process all
adds 9
monitor process %d
adds 3
delete
watch tally.sum
continue
continue
reverse-continue
reverse-continue
reverse-continue
print tally
monitor why tally.sum
monitor who tally.sum 3
`

var countFacts = []string{
	`Breakpoint 1 at 0x4\w+: file \S*count.c, line \d+\.`, `hit Breakpoint 1, add \(t=t@entry=0x\w+ <tally>, amount=amount@entry=\d+\) at \S*count\.c:\d+`,
	`#0 +add \(t=.*\) at \S*count.c:\d+\n#1 +0x\w+ in round_of \(name=name@entry=0x\w+ "(one|two)", from=\d+\) at \S*count.c:\d+\n#2 +0x\w+ in main \(.*\) at \S*count.c:\d+\n`,
	`t = 0x\w+ <tally>\namount = \d+\n`, `\namount = \d+\ni = \d\n`,
	`Thread \d+ "count" \(`, `Thread \d+ "count" \(`, `Thread \d+ "other" \(`, `Thread \d+ "clerk-a" \(\w+, of process \d+\)`,
	`Hardware watchpoint 2: tally.sum`, `Old value = \d+\nNew value = \d+\n`, `Old value = \d+\nNew value = \d+\n`,
	`Old value = \d+\nNew value = \d+\n`, `Old value = \d+\nNew value = \d+\n`, `\$1 = \{of = 0x\w+ "two", sum = \d+, last = \{\d+, \d+, \d+, \d+\}, calls = \d+\}\n`,
}

// bankSession is played to gdb where a process runs a program in C++.
const bankSession = `break bank::Charged<bank::Tenth>::post
continue
bt
print *this
info args
info locals
watch -l this->balance
continue
reverse-continue
reverse-continue
delete
reverse-finish
break usleep
continue
bt
monitor when
monitor who bank::accounts 2
`

var bankFacts = []string{
	`Breakpoint 1 at 0x\w+: file \S*bank\.cc, line \d+\.`, `"clerk-[ab]" hit Breakpoint 1, bank::Charged<bank::Tenth>::post \(this=0x\w+, amount=\d+\) at \S*bank\.cc:\d+\n`,
	`#0 +bank::Charged<bank::Tenth>::post \(this=0x\w+, amount=\d+\) at \S*bank.cc:\d+\n#1 +0x\w+ in clerk \(.*\) at \S*bank.cc:\d+\n`,
	// The library has no symbol there, and what called it is shown all the same.
	`_M_run \(.*\n#\d+ +0x\w+ in \S+ \(.*\n#\d+ +0x\w+ in \S+ \(.*\n#\d+ +0x\w+ in \S+ \(.*\n`,
	`\$1 = \{<bank::Account> = \{_vptr\.Account = 0x\w+ <vtable for bank::Charged<bank::Tenth>\+16>, name = .*"(savings|current)".*balance = \d+\}, fee = `,
	`this = 0x\w+\namount = \d+\ntaken = \d+\n`, `Hardware watchpoint 2: -location this->balance\n`, `Old value = \d+\nNew value = \d+\n`,
	`Old value = \d+\nNew value = \d+\n`, `hit Breakpoint 1, bank::Charged<bank::Tenth>::post`, `in clerk \(.*\) at \S*bank.cc:\d+\n`,
	`"clerk-[ab]" hit Breakpoint 3, .*usleep `, `#1 +0x\w+ in clerk \(.*\) at \S*bank.cc:\d+\n`,
}

// nativesDebugged debugs programs in C and C++ with gdb, from a bundle alone, and
// twice the same.
func nativesDebugged(t *testing.T, ready *guest) {
	g := ready.fork(t)
	keys := g.connect(host.Virtual)
	g.until(t, "== done")
	keys.At(g.Now()+1, []byte("\n"))
	g.until(t, "== natives")
	pids := map[string]int{}
	for _, m := range regexp.MustCompile(`started (.*) (\d+)\r\n`).FindAllStringSubmatch(g.tx.String(), -1) {
		pids[m[1]], _ = strconv.Atoi(m[2])
	}
	dir := t.TempDir()
	file, vmbundle, symbols := filepath.Join(dir, "natives.vmb"), buildVMBundle(t, dir), filepath.Join(dir, "symbols")
	computing(t, g, file)
	nativeSymbols(t, symbols)
	perfettoHeld(t, vmbundle, file)
	once := func(process, script string) [2]string {
		t.Helper()
		return gdb(t, vmbundle, file, "set width 0\n"+script, "--symbols", symbols, "--process", process)
	}
	twice := func(process, script string) [2]string {
		t.Helper()
		first := once(process, script)
		if again := once(process, script); again != first {
			t.Errorf("%s, the second time: %s\nthe first: %s", process, again, first)
		}
		return first
	}
	said := twice("count", fmt.Sprintf(countSession, pids["count two"]))
	texttest.InOrder(t, said[0], countFacts)
	texttest.InOrder(t, said[1], []string{`program symbols: \S+/count\n`, `by 0x\w+ <add count.c:\d+>, process ` + fmt.Sprint(pids["count two"]) + ` count, ring 3\n`, ` write \d+ -> \d+ +add count.c:\d+\n`})
	addsHeld(t, said[0], pids)
	said = twice("bank", bankSession)
	texttest.InOrder(t, said[0], bankFacts)
	texttest.InOrder(t, said[1], []string{`program symbols: \S+/bank, \S+`, `<usleep\S*( \S+)?>, process ` + fmt.Sprint(pids["bank"]) + ` clerk-[ab], thread \d+, ring 3\n`, ` clerk-[ab] +read +0x\w+ +clerk bank.cc:\d+\n`})
	said = once(fmt.Sprint(pids["bank-static"]), bankSession)
	texttest.InOrder(t, said[0], bankFacts)
	for command, want := range map[string]string{ // whose threads have names of their own
		"probe " + file + " bank.cc:34 --limit 1":                           `clerk-[ab]/\d+ bank::Charged<bank::Tenth>::post\+0x\w+ \(bank\.cc:34\)\n`,
		"trace " + file + " --what call --process bank --from 12% --to 24%": ` clerk-[ab]/\d+ \w+ clerk\+0x\w+ \[bank\] +call bank::Charged<bank::Tenth>::post`,
	} {
		out, err := onBundle(t, vmbundle, file, strings.Fields(command+" --symbols "+symbols)...).Output()
		if err != nil || !regexp.MustCompile(want).Match(out) {
			t.Errorf("%s: %v, want %s in %d bytes that begin %.500s", command, err, want, len(out), out)
		}
	}
	texttest.InOrder(t, said[0], []string{`execute_native_thread_routine \(\)\n#\d+ +0x\w+ in start_thread \(\)\n#\d+ +0x\w+ in clone3 \(\)\n`})
}

// perfettoHeld holds traces of a real Linux against their format, as the vendor's
// program writes them.
func perfettoHeld(t *testing.T, vmbundle, file string) {
	t.Helper()
	for _, what := range []string{"sched", "syscall", "irq"} {
		out, err := onBundle(t, vmbundle, file, "trace", file, "--what", what, "--from", "start", "--to", "end", "--format", "perfetto").Output()
		if err == nil {
			err = tracetest.Perfetto(string(out))
		}
		if err == nil && what == "sched" {
			err = tracetest.Turns(string(out))
		}
		if err != nil || what != "irq" && !strings.Contains(string(out), `"clerk-a"`) {
			t.Errorf("%s: %v in %d bytes that begin %.500s", what, err, len(out), out)
		}
	}
}

// nativeSymbols puts the programs and what they map into a folder.
func nativeSymbols(t *testing.T, dir string) {
	t.Helper()
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range natives() {
		name, source, _ := strings.Cut(name, "=")
		read := func() ([]byte, error) { return program("amd64", source) }
		if filepath.IsAbs(source) {
			read = func() ([]byte, error) { return os.ReadFile(source) }
		}
		b, err := read()
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, filepath.Base(name)), b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// addsHeld holds calls that countSession stopped at against the processes that
// breakpoints wait for: those of a name, all, the one of a number.
func addsHeld(t *testing.T, said string, pids map[string]int) {
	t.Helper()
	process := map[string]string{"one": "count one", "two": "count two", "three": "other three"}
	calls := regexp.MustCompile(`(\w+) adds \d+, \[Current thread is \d+ \(Thread (\d+)\)\]\n`).FindAllStringSubmatch(said, -1)
	if len(calls) != 18 {
		t.Fatalf("it stops at %d calls, want 18: %s", len(calls), said)
	}
	for i, c := range calls {
		who := c[1]
		if fmt.Sprint(pids[process[who]]) != c[2] || i < 6 && who == "three" || i >= 15 && who != "two" {
			t.Errorf("call %d: %q; processes are %v", i, c[0], pids)
		}
	}
	for _, part := range []struct{ from, to, whose int }{{0, 6, 2}, {6, 15, 3}, {15, 18, 1}} {
		whose := map[string]bool{}
		for _, c := range calls[part.from:part.to] {
			whose[c[1]] = true
		}
		if len(whose) != part.whose {
			t.Errorf("calls %d to %d are of %v, want %d processes", part.from, part.to-1, whose, part.whose)
		}
	}
}
