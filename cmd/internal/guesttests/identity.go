package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
)

// identity asks a guest what it thinks of its processor. The answers are those
// of /proc/cpuinfo, of lscpu with its --cache and --json, and of the files in
// vulnerabilities, by the first two's names.
func identity(memory uint64) (map[string]string, error) {
	dir, err := os.MkdirTemp("", "guesttests-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	lscpu, err := exec.LookPath("lscpu")
	if err != nil {
		return nil, fmt.Errorf("%w; it is in Debian's package util-linux", err)
	}
	if err := install(dir, lscpu); err != nil {
		return nil, err
	}
	jobs := []job{
		{name: "cpuinfo", show: true, dir: "/", args: []string{"/init", "-print", "/proc/cpuinfo"}},
		{name: "lscpu", show: true, dir: "/", args: []string{lscpu}},
		{name: "cache", show: true, dir: "/", args: []string{lscpu, "-C=NAME,ONE-SIZE,ALL-SIZE,WAYS,TYPE,LEVEL,SETS,COHERENCY-SIZE"}},
		{name: "vulnerabilities", show: true, dir: "/", args: []string{"/init", "-print", "/sys/devices/system/cpu/vulnerabilities/*"}},
	}
	if err := build(dir, jobs); err != nil {
		return nil, err
	}
	initrd, err := pack(dir)
	if err != nil {
		return nil, err
	}
	says := map[string]string{}
	err = inside(initrd, memory, io.Discard, func(s *said) {
		says[s.Name] = s.Output
		if s.End != "ok" {
			says[s.Name] += s.End
		}
	})
	return says, err
}
