package guestagent

import (
	"fmt"
	"strings"
)

// A Config says what Init runs and what it does afterwards.
type Config struct {
	Run   []string // program and arguments
	Dir   string   // working folder, "/" if nothing is said
	AtEnd string   // "poweroff", "reboot" or "halt"
	Env   []string // NAME=VALUE, added to the defaults
	Serve []string // programs of which serve tells before Run; nil: it does not run
}

// ParseConfig reads the text of init.conf, then the kernel's command line; both
// are described in the package comment. Either may be empty.
func ParseConfig(file, cmdline string) (Config, error) {
	c := Config{Dir: "/", AtEnd: "poweroff"}
	for i, line := range strings.Split(file, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		if !ok {
			return Config{}, fmt.Errorf("init.conf line %d: want key = value", i+1)
		}
		if err := c.set(strings.TrimSpace(key), strings.TrimSpace(value)); err != nil {
			return Config{}, fmt.Errorf("init.conf line %d: %w", i+1, err)
		}
	}
	for _, word := range kernelWords(cmdline) {
		setting, ours := strings.CutPrefix(word, "vmagent.")
		if !ours {
			continue
		}
		key, value, _ := strings.Cut(setting, "=")
		if err := c.set(key, value); err != nil {
			return Config{}, fmt.Errorf("kernel command line: %w", err)
		}
	}
	if len(c.Run) == 0 {
		return Config{}, fmt.Errorf("nothing to run: put run = /program into /etc/vmrecord/init.conf or vmagent.run=/program on the kernel's command line")
	}
	return c, nil
}

func (c *Config) set(key, value string) error {
	name, env := strings.CutPrefix(key, "env.")
	switch {
	case env && name != "" && !strings.ContainsAny(name, " =\x00"):
		c.Env = append(c.Env, name+"="+value)
	case key == "run" && strings.TrimSpace(value) != "":
		c.Run = strings.Fields(value)
	case key == "dir" && strings.HasPrefix(value, "/"):
		c.Dir = value
	case key == "at-end" && (value == "poweroff" || value == "reboot" || value == "halt"):
		c.AtEnd = value
	case key == "serve":
		c.Serve = append([]string{}, strings.Fields(value)...)
	case key == "run", key == "dir", key == "at-end":
		return fmt.Errorf("%s cannot be %q", key, value)
	default:
		return fmt.Errorf("unknown setting %q: there are run, dir, at-end, serve and env.NAME", key)
	}
	return nil
}

// kernelWords splits a kernel command line at blanks outside double quotes, which
// it removes.
func kernelWords(s string) []string {
	quoted := false
	words := strings.FieldsFunc(s, func(r rune) bool {
		if r == '"' {
			quoted = !quoted
		}
		return !quoted && (r == ' ' || r == '\n' || r == '\t')
	})
	for i, w := range words {
		words[i] = strings.ReplaceAll(w, `"`, "")
	}
	return words
}
