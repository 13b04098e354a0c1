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
#include <stdlib.h>
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

// The C header needs a C compiler to be tested: gcc, of package gcc.
func TestC(t *testing.T) {
	dir := t.TempDir()
	if _, err := Write("c", dir, false); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "guest.c"), []byte(guestC), 0o644); err != nil {
		t.Fatal(err)
	}
	strict := []string{"-Wall", "-Wextra", "-Werror", "-pedantic"}
	for _, c := range [][]string{
		{"-std=c99", "-O2", "-o", "example", "example.c"},
		{"-std=gnu17", "-O0", "-o", "guest", "guest.c"},
		{"-std=gnu17", "-O2", "-fPIC", "-o", "guest2", "guest.c"},
		{"-m32", "-ffreestanding", "-O0", "-fPIC", "-S", "-isystem", "stub", "header.c"},
		{"-m32", "-ffreestanding", "-O2", "-fPIC", "-S", "-isystem", "stub", "header.c"},
	} {
		if c[0] == "-m32" {
			stub(t, dir)
		}
		run(t, dir, nil, "gcc", append(slices.Clone(strict), c...)...)
	}
	if got := run(t, dir, nil, filepath.Join(dir, "example")); got != "not inside a recording appliance\n" {
		t.Errorf("the example printed %q", got)
	}
	for _, prog := range []string{"guest", "guest2"} {
		var lab portlab.Machine
		status, err := portlab.Run(exec.Command(filepath.Join(dir, prog)), lab.In)
		if err != nil || status != 42 {
			t.Errorf("%s: status %d, %v", prog, status, err)
		}
		want := []string{"getversion", "vmrecord.version", "vmrecord.mark too early",
			"vmrecord.prepare " + strings.Repeat("x", 63), "log 1 = 1", "vmrecord.prepare again",
			"vmrecord.attr a_b ", "vmrecord.mark phase oneü?", "vmrecord.fail -", "vmrecord.drop",
			"kept=true", "log 2 = 1", "vmrecord.keep", "log 2 = 3"}
		if !slices.Equal(lab.Log, want) {
			t.Errorf("%s: seen %q\nwant %q", prog, lab.Log, want)
		}
	}
}

// stub stands in for the 32-bit C library, which is seldom installed.
func stub(t *testing.T, dir string) {
	t.Helper()
	for name, text := range map[string]string{
		"stub/string.h": "typedef __SIZE_TYPE__ size_t; void *memcpy(void *, const void *, size_t); int memcmp(const void *, const void *, size_t);\n" +
			"size_t strlen(const char *); char *strcpy(char *, const char *); char *strcat(char *, const char *);\n" +
			"char *strchr(const char *, int); int strncmp(const char *, const char *, size_t);\n",
		"header.c": "#include \"vmrecord.h\"\nint main(void) { return vmrecord_start(\"x\") + vmrecord_attr(\"k\", \"v\") + vmrecord_mark(\"m\") + vmrecord_fail(\"f\") + vmrecord_stop(VMRECORD_KEEP); }\n",
	} {
		p := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
