package main

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// marker says that a folder is ours to empty.
const marker = ".vmrecord-demo"

// prepare makes the appliance: guest programs, kernel, initramfs, configuration.
func (d *demo) prepare() error {
	if err := d.empty(); err != nil {
		return err
	}
	app := filepath.Join(d.out, "appliance")
	for _, dir := range []string{app, filepath.Join(d.out, "state"), filepath.Join(d.out, "inbox"), filepath.Join(d.out, "vendor")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	d.step("build", "the guest's programs: vmagent, ledger")
	for name, pkg := range map[string]string{"vmagent": "./cmd/vmagent", "ledger": "./configs/demo/ledger"} {
		c := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w -buildid=", "-o", filepath.Join(app, name), pkg)
		c.Env = append(os.Environ(), "GOOS=linux", "GOARCH=amd64", "GOAMD64=v1", "CGO_ENABLED=0", "GOFLAGS=-buildvcs=false")
		c.Stderr = os.Stderr
		if err := c.Run(); err != nil {
			return fmt.Errorf("build %s: %w", pkg, err)
		}
	}
	d.step("kernel", "Debian's, unmodified, from its package")
	if err := d.tool(app, "vmappliance", "build", "--kernel", "debian"); err != nil {
		return err
	}
	if err := d.tool(app, "vmappliance", "build", "--initramfs", "initramfs.cpio", "--file", "init=vmagent", "--file", "ledger=ledger"); err != nil {
		return err
	}
	return d.configure(app)
}

// empty makes out a fresh folder. It refuses one that it did not make.
func (d *demo) empty() error {
	names, err := os.ReadDir(d.out)
	if err == nil && len(names) > 0 {
		if _, err := os.Stat(filepath.Join(d.out, marker)); err != nil {
			return fmt.Errorf("%s has files that are not the demo's; name another folder: make demo OUT=FOLDER", d.out)
		}
		if err := os.RemoveAll(d.out); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(d.out, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(d.out, marker), nil, 0o644)
}

// configure copies the configuration, with another port where its own is taken.
func (d *demo) configure(app string) error {
	text, err := os.ReadFile("configs/demo/appliance.toml")
	if err != nil {
		return err
	}
	const port = "127.0.0.1:2525"
	d.smtp = port
	if !bytes.Contains(text, []byte(port)) {
		return fmt.Errorf("configs/demo/appliance.toml: submit is not %s", port)
	}
	if l, err := net.Listen("tcp", port); err == nil {
		l.Close()
	} else {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		d.smtp = l.Addr().String()
		l.Close()
		text = bytes.ReplaceAll(text, []byte(port), []byte(d.smtp))
	}
	return os.WriteFile(filepath.Join(app, "appliance.toml"), text, 0o644)
}

// command is one of our programs, with all its state under out.
func (d *demo) command(dir, name string, args ...string) *exec.Cmd {
	c := exec.Command(filepath.Join(d.bin, name), args...)
	c.Dir = dir
	c.Env = append(os.Environ(), "VMRECORD_STATE="+filepath.Join(d.out, "state"))
	c.Stderr = os.Stderr
	return c
}

// tool runs one of our programs; what it prints is progress.
func (d *demo) tool(dir, name string, args ...string) error {
	c := d.command(dir, name, args...)
	c.Stdout = os.Stderr
	if err := c.Run(); err != nil {
		return fmt.Errorf("%s %s: %w", name, strings.Join(args, " "), err)
	}
	return nil
}
