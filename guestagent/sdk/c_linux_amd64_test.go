package sdk

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"vmrecord/guestagent/portlab"
)

// guestC makes the calls a program makes, with texts that must be cut and cleaned.
const guestC = `
#define VMRECORD_SIGNED() 1
#include "vmrecord.h"
int main(void)
{
    char name[200];
    memset(name, 'x', sizeof name);
    memcpy(name + 63, "\303\274", 3);
    if (!vmrecord_in_vm()) return 2;
    if (vmrecord_mark("too early") != -1) return 3;
    if (vmrecord_start(name) != 0) return 4;
    if (vmrecord_start("again") != -1) return 5;
    if (vmrecord_attr("a b", "") != 0) return 6;
    if (vmrecord_mark("\tphase\none\303\274\377 ") != 0) return 7;
    if (vmrecord_fail("") != 0) return 8;
    if (vmrecord_stop(VMRECORD_DROP) != 0) return 9;
    if (vmrecord_stop(VMRECORD_KEEP) != -1) return 10;
    return 42;
}
`

// guestCPP uses what only C++ has.
const guestCPP = `
#define VMRECORD_SIGNED() 1
#include "vmrecord.h"
static int well(void *) { return 0; }
static int badly(void *) { return -7; }
static int thrown(void *) { throw 1; }
int main()
{
    char status[86];
    if (vmrecord_guard("well", well, nullptr) != 0) return 2;
    if (vmrecord_guard("badly", badly, nullptr) != -7) return 3;
    try {
        vmrecord_guard("thrown", thrown, nullptr);
        return 4;
    } catch (int) {
    }
    if (vmrecord_status(status, sizeof status) != 0 || strcmp(status, "idle 3") != 0) return 5;
    return 42;
}
`

// Every compiler takes the header and the example without a warning. Debian's
// packages clang, g++ and gcc-multilib are needed.
func TestCompilers(t *testing.T) {
	dir := sources(t, map[string]string{"all.c": strings.Replace(guestC, "#define VMRECORD_SIGNED() 1\n", "", 1)})
	for _, cc := range []string{"gcc", "clang"} {
		for _, bits := range []string{"-m64", "-m32"} {
			for _, how := range []string{"-x c -std=c99 -O0", "-x c -std=c99 -O2 -fPIC", "-x c -std=gnu17 -O2", "-x c++ -std=c++11 -O0 -fPIC", "-x c++ -std=c++20 -O2"} {
				run(t, dir, nil, cc, append(strings.Fields(how), bits, "-Wall", "-Wextra", "-Werror", "-pedantic", "-S", "all.c", "example.c")...)
			}
		}
	}
}

// sources writes the C SDK and further files into a folder.
func sources(t *testing.T, files map[string]string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if _, err := Write("c", dir, false); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// On this computer, which is no appliance, the example only runs, with 32 bits too.
func TestCOutside(t *testing.T) {
	dir := sources(t, nil)
	for _, bits := range []string{"-m64", "-m32"} {
		run(t, dir, nil, "gcc", bits, "-O2", "-o", "example", "example.c")
		if got := run(t, dir, nil, filepath.Join(dir, "example")); got != "not inside a recording appliance\n" {
			t.Errorf("%s: the example printed %q", bits, got)
		}
	}
}

// In a guest, whose port is answered here, the calls are those of the Go SDK.
func TestC(t *testing.T) {
	inC := []string{"getversion", "vmrecord.version", "vmrecord.mark too early",
		"vmrecord.prepare " + strings.Repeat("x", 63), "log 1 = 1", "vmrecord.prepare again",
		"vmrecord.attr a_b ", "vmrecord.mark phase oneü?", "vmrecord.fail -", "vmrecord.drop",
		"kept=true", "log 2 = 1", "vmrecord.keep", "log 2 = 3"}
	inCPP := []string{"getversion", "vmrecord.version",
		"vmrecord.prepare well", "log 1 = 1", "vmrecord.drop", "kept=false", "log 2 = 1",
		"vmrecord.prepare badly", "log 1 = 1", "vmrecord.fail badly ended with -7", "vmrecord.keep", "kept=true", "log 2 = 1",
		"vmrecord.prepare thrown", "log 1 = 1", "vmrecord.fail an exception left the guarded function", "vmrecord.keep", "kept=true", "log 2 = 1",
		"vmrecord.status"}
	dir := sources(t, map[string]string{"guest.c": guestC, "guest.cpp": guestCPP})
	for _, c := range []struct {
		command string
		want    []string
	}{
		{"gcc -std=gnu17 -O0 guest.c", inC},
		{"gcc -std=gnu17 -O2 -fPIC guest.c", inC},
		{"clang -std=c99 -O2 guest.c", inC},
		{"g++ -O2 guest.cpp", inCPP},
		{"clang++ -O0 guest.cpp", inCPP},
	} {
		words := append(strings.Fields(c.command), "-Wall", "-Wextra", "-Werror", "-pedantic", "-o", "guest")
		run(t, dir, nil, words[0], words[1:]...)
		var lab portlab.Machine
		status, err := portlab.Run(exec.Command(filepath.Join(dir, "guest")), lab.In)
		if err != nil || status != 42 || !slices.Equal(lab.Log, c.want) {
			t.Errorf("%s: status %d, %v; seen %q\nwant %q", c.command, status, err, lab.Log, c.want)
		}
	}
}
