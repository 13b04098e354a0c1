package main

import (
	"bytes"
	"debug/elf"
	"encoding/hex"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
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
	for _, dir := range []string{app, filepath.Join(d.out, "state"), filepath.Join(d.out, "inbox"), d.symbols()} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	d.step("build", "the guest's programs: vmagent, ledger")
	if err := d.programs(app); err != nil {
		return err
	}
	d.step("kernel", "Debian's, unmodified, from its package")
	if err := d.tool(app, "vmappliance", "build", "--kernel", "debian"); err != nil {
		return err
	}
	if err := d.tool(app, "vmappliance", "build", "--initramfs", "initramfs.cpio", "--file", "init=vmagent", "--file", "ledger=ledger"); err != nil {
		return err
	}
	if err := d.vendorKeys(); err != nil {
		return err
	}
	return d.configure(app)
}

// vendorKeys makes the keys that open what the appliance sends.
func (d *demo) vendorKeys() error {
	d.step("keys", "the vendor's: the appliance gets the public half, and seals what it sends")
	c := d.command(d.out, "vmbundle", "keys", "new")
	c.Stderr = nil
	b, err := c.Output()
	if err != nil {
		return fmt.Errorf("vmbundle keys new: %w", err)
	}
	if d.public = regexp.MustCompile(`age1\w+`).FindString(string(b)); d.public == "" {
		return fmt.Errorf("vmbundle keys new prints no key: %.200q", b)
	}
	return nil
}

// keys is the vendor's folder of keys.
func (d *demo) keys() string { return filepath.Join(d.out, "vendor", "keys") }

// symbols is the vendor's folder of what debuggers need.
func (d *demo) symbols() string { return filepath.Join(d.out, "vendor", "symbols") }

// programs builds what runs in the guest, small: the vendor keeps the ledger's
// symbols, in a program that has the same code and the same build id.
func (d *demo) programs(app string) error {
	const small, agent, ledger = "-s -w -buildid=", "./cmd/vmagent", "./configs/demo/ledger"
	if err := compile(agent, filepath.Join(app, "vmagent"), small); err != nil {
		return err
	}
	full := filepath.Join(d.symbols(), "ledger")
	if err := compile(ledger, full, ""); err != nil {
		return err
	}
	id, err := buildID(full)
	if err != nil {
		return err
	}
	return compile(ledger, filepath.Join(app, "ledger"), small+" -B 0x"+id)
}

func compile(pkg, to, flags string) error {
	c := exec.Command("go", "build", "-trimpath", "-ldflags="+flags, "-o", to, pkg)
	c.Env = append(os.Environ(), "GOOS=linux", "GOARCH=amd64", "GOAMD64=v1", "CGO_ENABLED=0", "GOFLAGS=-buildvcs=false")
	c.Stderr = os.Stderr
	if err := c.Run(); err != nil {
		return fmt.Errorf("build %s: %w", pkg, err)
	}
	return nil
}

// buildID is a program's GNU build id, which Go's linker makes of Go's own.
func buildID(name string) (string, error) {
	f, err := elf.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	const section = ".note.gnu.build-id"
	s := f.Section(section)
	if s == nil {
		return "", fmt.Errorf("%s has no %s: build with Go 1.24 or later", name, section)
	}
	b, err := s.Data()
	const head = 16 // sizes, type, and "GNU\x00" (elf(5), Notes)
	if err != nil || len(b) <= head {
		return "", fmt.Errorf("%s: %s of %d bytes: %v", name, section, len(b), err)
	}
	return hex.EncodeToString(b[head:]), nil
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

// configure copies the configuration, with the vendor's key in it, and with another
// port where its own is taken.
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
	key := regexp.MustCompile(`(?m)^keys = .*$`)
	if !key.Match(text) {
		return fmt.Errorf("configs/demo/appliance.toml has no line of keys")
	}
	text = key.ReplaceAll(text, fmt.Appendf(nil, "keys = [%q]", d.public))
	return os.WriteFile(filepath.Join(app, "appliance.toml"), text, 0o644)
}

// command is one of our programs, with all its state under out.
func (d *demo) command(dir, name string, args ...string) *exec.Cmd {
	c := exec.Command(filepath.Join(d.bin, name), args...)
	c.Dir = dir
	c.Env = append(os.Environ(), "VMRECORD_STATE="+filepath.Join(d.out, "state"))
	if name == "vmbundle" { // the vendor's; the appliance has keys of its own
		c.Env = append(c.Env, "VMRECORD_KEYS="+d.keys())
	}
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
