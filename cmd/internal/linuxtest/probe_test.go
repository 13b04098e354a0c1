package linuxtest

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"vmrecord/bundle"
	"vmrecord/bundle/debug"
	"vmrecord/bundle/replay"
	"vmrecord/cmd/internal/machine"
	"vmrecord/vmm/tape"
	"vmrecord/vmm/timeline"
)

// looking opens a bundle.
func looking(t *testing.T, file string) *debug.Session {
	t.Helper()
	b, err := bundle.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	line, err := timeline.Open(t.Context(), func() (*timeline.Run, error) {
		var free func()
		r, err := replay.Open(b, machine.Replayed(machine.Auto, &free))
		t.Cleanup(free)
		if err != nil {
			return nil, err
		}
		return r.Timeline(nil), nil
	}, timeline.Options{End: b.Manifest().Tape.End})
	if err != nil {
		t.Fatal(err)
	}
	s := debug.Open(debug.Source{Name: file, Manifest: b.Manifest(), Line: line, Tape: func() (*tape.Reader, error) { return b.Tape() }})
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// probed records testdata/caller, and prints afterwards what the kernel, it, and
// the program in C that it starts were called with.
func probed(t *testing.T, ready *guest) {
	dir := t.TempDir()
	file := filepath.Join(dir, "linux.vmb")
	computing(t, ready.fork(t), file)
	for name, pkg := range map[string]string{"init": "./testdata/caller", "pie": "./testdata/pie.c"} {
		b, err := program("amd64", pkg)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	s := looking(t, file)
	from := s.Position()
	to, err := s.Parse("end")
	if err != nil {
		t.Fatal(err)
	}
	const when = `^\d+\+\d+ \([\d.]+ s\) `
	some := func(p ...string) []string { return p }
	for _, c := range []struct {
		probe debug.Probe
		want  string
	}{
		{debug.Probe{At: "do_sys_openat2", Print: some("dfd", "*filename:s")}, when + `init/1 do_sys_openat2 dfd=-100 \*filename:s="/note"\n.* dfd=-100 \*filename:s="/missing"\n$`},
		{debug.Probe{At: "do_sys_openat2", Return: true, Process: "init"}, when + `init/1 do_sys_openat2\+0x\w+ returns \d\n.* returns -2\n$`},
		{debug.Probe{At: "vfs_mkdir", Print: some("args", "stack"), Symbols: dir}, `mode=\d+\n +#1  0x\w+ do_mkdirat\+0x(.*\n)+ +#\d+ +0x\w+ entry_SYSCALL_64_after_hwframe\+0x\w+\n` +
			`(.*\n)+.* syscall\.Mkdirat\+0x\w+ \(zsyscall_linux_amd64\.go:\d+\)\n.* main\.main\+0x\w+ \(\w+\.go:\d+\)\n.* runtime\.main\+0x`},
		{debug.Probe{At: "main.take", Symbols: dir}, when + `init/1 main\.take \(main\.go:\d+\) ` +
			`n=-3 s="a text" list=\[1 2 3\] o=\{from:4 to:5 amount:6\} p=0x\w+ f=1.5 ok=true pair=\[8 9\] e=\{tab:nil data:nil\}\n$`},
		{debug.Probe{At: "main.take", Symbols: dir, Print: some("p.amount", "list", "o.to", "*p+8:8", "no_such_name")},
			`p\.amount=7 list=\[1 2 3\] o\.to=5 \*p\+8:8=0x7 no_such_name=<no_such_name: no register, argument or symbol>\n$`},
		{debug.Probe{At: "main.take", Symbols: dir, Return: true}, `returns sum=38 text="a text, taken"\n$`},
		{debug.Probe{At: "mix", Symbols: dir, Print: some("args", "stack")}, `pie/\d+ mix \(pie\.c:\d+\) ` +
			`c=-5 u=65000 s="from C" p=\{x:3 y:-4\} d=2\.5 k=GREEN big=-1 stacked=77\n +#1 +0x\w+ main\+0x\w+ \(pie\.c:\d+\)\n`},
		{debug.Probe{At: "func mix", Symbols: dir, Return: true, Process: "pie"}, `pie/\d+ mix\+0x\w+ \(pie\.c:\d+\) returns 65175\n$`},
		{debug.Probe{At: "pie.c:15", Symbols: dir, Print: some("rdi")}, when + `pie/\d+ main\S* \(pie\.c:\d+\) rdi=0x\w+\n`},
		{debug.Probe{At: "main.take", Symbols: dir, Process: "pie"}, `^$`},
	} {
		c.probe.From, c.probe.To = from, to
		out := ""
		err := s.Probe(t.Context(), c.probe, func(shot *debug.Shot) (bool, error) {
			out += shot.String() + "\n"
			return true, nil
		})
		if err != nil || !regexp.MustCompile(c.want).MatchString(out) {
			t.Errorf("%+v: %v, want %s in\n%s", c.probe, err, c.want, out)
		}
	}
}
