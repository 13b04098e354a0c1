package relaytest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// unpacked returns the folder into which a Debian package's files were unpacked,
// below the user's cache. Postfix and Exim exclude each other as installed
// packages, and an installed one would be this computer's own mail server: they
// are only unpacked. The package is the one that apt's signed index names.
func unpacked(t testing.TB, name string) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	ok(t, err)
	dir := filepath.Join(cache, "vmrecord", "relays")
	ok(t, os.MkdirAll(dir, 0o755))
	if had, _ := filepath.Glob(filepath.Join(dir, name+"_*")); len(had) > 0 {
		return had[0]
	}
	version, sum := "", ""
	for line := range strings.Lines(tool(t, dir, "apt-cache", "show", "--no-all-versions", name)) {
		switch k, v, _ := strings.Cut(strings.TrimSpace(line), ": "); k {
		case "Version":
			version = v
		case "SHA256":
			sum = v
		}
	}
	final := filepath.Join(dir, name+"_"+strings.ReplaceAll(version, "/", "-"))
	tmp, err := os.MkdirTemp(dir, "fetch-")
	ok(t, err)
	defer os.RemoveAll(tmp)
	tool(t, tmp, "apt-get", "download", "-q", "-o", "APT::Sandbox::User=root", name+"="+version)
	debs, _ := filepath.Glob(filepath.Join(tmp, "*.deb"))
	if len(debs) != 1 {
		t.Fatalf("apt-get left %q", debs)
	}
	b, err := os.ReadFile(debs[0])
	ok(t, err)
	if d := sha256.Sum256(b); hex.EncodeToString(d[:]) != sum {
		t.Fatalf("%s is not the package of SHA-256 %s that apt's index names", debs[0], sum)
	}
	tool(t, tmp, "dpkg-deb", "-x", debs[0], "root")
	ok(t, os.Chmod(filepath.Join(tmp, "root"), 0o755))
	if err := os.Rename(filepath.Join(tmp, "root"), final); err != nil && !errors.Is(err, fs.ErrExist) {
		t.Fatal(err)
	}
	return final
}

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// tool runs a program of the host and returns what it prints.
func tool(t testing.TB, dir, name string, arg ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, name, arg...)
	c.Dir, c.Env = dir, append(os.Environ(), "LC_ALL=C")
	var said bytes.Buffer
	c.Stderr = &said
	out, err := c.Output()
	if err != nil {
		t.Fatalf("%s %s: %v: %s; this needs Debian 12, and an index: apt-get update", name, strings.Join(arg, " "), err, said.Bytes())
	}
	return string(out)
}

// A Relay is a real mail server between our sender and our inbox.
type Relay struct {
	Addr string         // where it takes mail
	Pool *x509.CertPool // that its certificate is good with
	logs string         // its own, a pattern of files
}

// A Config is what a test wants of it.
type Config struct {
	Inbox  string    // HOST:PORT to which all mail is passed on
	Extra  string    // lines of the server's configuration, beyond the distribution's defaults
	folder string    // for configuration and queue; its owners are the server's users
	port   string    // to listen at
	tls    [2]string // files with a certificate for 127.0.0.1, and its key
}

// A Program prepares a server in its folder, and tells its environment and command
// line: the folder that it was unpacked to, and what stands for it as root/.
type Program func(Config) (env, command []string)

// The users that the servers change to are made up in a copy of the host's list.
const (
	eximUser, postfixUser, postdropGroup = 901, 902, 903

	users = "Debian-exim:x:901:901::/:/bin/false\npostfix:x:902:902::/:/bin/false\n"
	teams = "Debian-exim:x:901:\npostfix:x:902:\npostdrop:x:903:\n"
)

// Start runs a server until the test ends, in a mount namespace where its users are
// known and a process namespace that ends with it. Who is not root is so in a user
// namespace with the subordinate IDs of his own (subuid(5)).
func Start(t testing.TB, cfg Config, prepare Program) *Relay {
	t.Helper()
	r := new(Relay)
	own, pool := Certificate(t, "127.0.0.1")
	r.Pool = pool
	for try := 0; ; try++ {
		var err error
		cfg.folder, err = os.MkdirTemp("", "relay-") // t.TempDir is closed to the servers' users
		ok(t, err)
		ok(t, os.Chmod(cfg.folder, 0o755))
		t.Cleanup(func() { ok(t, exec.Command("unshare", inside("rm", "-rf", cfg.folder)...).Run()) })
		cfg.tls[0], cfg.tls[1] = Write(t, own, cfg.folder)
		l, err := net.Listen("tcp", "127.0.0.1:0")
		ok(t, err)
		r.Addr, r.logs = l.Addr().String(), filepath.Join(cfg.folder, "log*")
		_, cfg.port, _ = net.SplitHostPort(r.Addr)
		l.Close() // another program may take it now: hence the tries
		if err = r.run(t, cfg, prepare); err == nil {
			return r
		}
		if try == 2 {
			t.Fatal(err)
		}
	}
}

// inside are the arguments of unshare(1) for a program that is root in there.
func inside(name string, arg ...string) []string {
	args := []string{"--mount", "--pid", "--fork", "--kill-child", "--", name}
	if os.Getuid() != 0 {
		args = append([]string{"--user", "--map-root-user", "--map-auto"}, args...)
	}
	return append(args, arg...)
}

const enter = `set -e
mkdir root
mount --bind "$1" root # out of a home that is closed to the servers' users
shift
for f in passwd group; do cat /etc/$f $f.more >$f; chmod 644 $f; mount --bind $f /etc/$f; done
. ./owners
exec timeout -s KILL 300 "$@" # whatever becomes of the test`

func (r *Relay) run(t testing.TB, cfg Config, prepare Program) error {
	env, command := prepare(cfg)
	for name, text := range map[string]string{"passwd.more": users, "group.more": teams} {
		ok(t, os.WriteFile(filepath.Join(cfg.folder, name), []byte(text), 0o644))
	}
	c := exec.Command("unshare", inside("sh", append([]string{"-c", enter, "sh"}, command...)...)...)
	c.Dir, c.Env = cfg.folder, append([]string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"}, env...)
	said, err := os.Create(filepath.Join(cfg.folder, "said"))
	ok(t, err)
	defer said.Close()
	c.Stdout, c.Stderr = said, said
	ok(t, c.Start())
	gone := make(chan struct{})
	go func() { c.Wait(); close(gone) }()
	t.Cleanup(func() {
		// With the namespace's first process all others end, and only then it is waited for.
		first, _ := os.ReadFile(fmt.Sprintf("/proc/%[1]d/task/%[1]d/children", c.Process.Pid))
		if pid, err := strconv.Atoi(strings.TrimSpace(string(first))); err == nil {
			syscall.Kill(pid, syscall.SIGKILL)
		} else {
			c.Process.Kill()
		}
		<-gone
		if t.Failed() {
			t.Log(r.told())
		}
	})
	for limit := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		if greeted(r.Addr) {
			return nil
		}
		select {
		case <-gone:
			limit = time.Time{}
		default:
		}
		if time.Now().After(limit) {
			b, _ := os.ReadFile(said.Name())
			return fmt.Errorf("%s does not answer at %s: %s%s", command[1], r.Addr, b, r.told())
		}
	}
}

// told is the end of what the server wrote into its logs.
func (r *Relay) told() string {
	names, _ := filepath.Glob(r.logs)
	all := ""
	for _, n := range names {
		b, _ := os.ReadFile(n)
		all += string(b[max(0, len(b)-4000):])
	}
	return all
}

func greeted(addr string) bool {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return false
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(10 * time.Second))
	b := make([]byte, 4)
	n, _ := c.Read(b)
	return string(b[:n]) == "220 "
}

// Postfix is Debian's, with its own defaults but for where things are.
func Postfix(t testing.TB) Program {
	from := unpacked(t, "postfix")
	return func(c Config) (env, command []string) {
		d, root := c.folder, filepath.Join(c.folder, "root")
		for _, n := range []string{"etc", "data", "queue"} {
			ok(t, os.MkdirAll(filepath.Join(d, n), 0o755))
		}
		queue := strings.Fields("active bounce corrupt defer deferred flush hold incoming private saved trace public maildrop pid")
		owners := fmt.Sprintf("chown %d data\n", postfixUser)
		for _, n := range queue {
			ok(t, os.MkdirAll(filepath.Join(d, "queue", n), 0o700))
			owners += fmt.Sprintf("chown %d queue/%s\n", postfixUser, n)
		}
		owners += fmt.Sprintf("chown 0 queue/pid\nchgrp %d queue/public queue/maildrop\nchmod 710 queue/public\nchmod 730 queue/maildrop\n", postdropGroup)
		host, port, err := net.SplitHostPort(c.Inbox)
		ok(t, err)
		lib := filepath.Join(root, "usr/lib/postfix")
		main := fmt.Sprintf("compatibility_level = 3.6\nqueue_directory = %[1]s/queue\ndata_directory = %[1]s/data\nmeta_directory = %[1]s/etc\n"+
			"command_directory = %[2]s/usr/sbin\ndaemon_directory = %[3]s/sbin\nshlib_directory = %[3]s\n"+
			"import_environment = MAIL_CONFIG LD_LIBRARY_PATH\nmaillog_file = %[1]s/log\nmaillog_file_prefixes = %[1]s\n"+
			"myhostname = relay.example\nmydestination =\nalias_maps =\nlocal_recipient_maps =\ninet_interfaces = 127.0.0.1\ninet_protocols = ipv4\n"+
			"mynetworks = 127.0.0.0/8\nrelayhost = [%[4]s]:%[5]s\nsmtpd_tls_security_level = may\nsmtpd_tls_cert_file = %[6]s\nsmtpd_tls_key_file = %[7]s\n"+
			"queue_run_delay = 1s\nminimal_backoff_time = 1s\nmaximal_backoff_time = 1s\n%[8]s\n",
			d, root, lib, host, port, c.tls[0], c.tls[1], c.Extra)
		ok(t, os.WriteFile(filepath.Join(d, "etc/main.cf"), []byte(main), 0o644))
		// As in the package's master.cf, but not chrooted.
		services := "127.0.0.1:" + c.port + ` inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
`
		ok(t, os.WriteFile(filepath.Join(d, "etc/master.cf"), []byte(services), 0o644))
		ok(t, os.WriteFile(filepath.Join(d, "owners"), []byte(owners), 0o644))
		return []string{"LD_LIBRARY_PATH=" + lib, "MAIL_CONFIG=" + d + "/etc"}, []string{from, filepath.Join(lib, "sbin/master"), "-d"}
	}
}

// Exim is Debian's, with its own defaults but for where things are. It takes mail
// from whom it is told to, or with the password of "beta".
func Exim(t testing.TB) Program {
	from := unpacked(t, "exim4-daemon-light")
	return func(c Config) (env, command []string) {
		d, root := c.folder, filepath.Join(c.folder, "root")
		ok(t, os.MkdirAll(filepath.Join(d, "queue"), 0o700))
		host, port, err := net.SplitHostPort(c.Inbox)
		ok(t, err)
		program := filepath.Join(root, "usr/sbin/exim4")
		text := fmt.Sprintf("primary_hostname = relay.example\nexim_path = %[2]s\nspool_directory = %[1]s/queue\nlog_file_path = %[1]s/log.%%s\npid_file_path = %[1]s/pid\n"+
			"daemon_smtp_ports = %[3]s\nlocal_interfaces = 127.0.0.1\nkeep_environment =\ntls_advertise_hosts = *\ntls_certificate = %[4]s\ntls_privatekey = %[5]s\n"+
			"acl_smtp_rcpt = allowed\n%[6]s\nbegin acl\nallowed:\n  accept authenticated = *\n  accept condition = ${if eq{$sender_address_local_part}{agent}}\n  deny message = authentication required\n"+
			"begin routers\nall:\n  driver = manualroute\n  route_list = * %[7]s byname\n  self = send\n  transport = out\n"+
			"begin transports\nout:\n  driver = smtp\n  port = %[8]s\n  hosts_avoid_tls = *\nbegin retry\n* * F,1h,1s\n"+
			"begin authenticators\nplain:\n  driver = plaintext\n  public_name = PLAIN\n  server_condition = ${if and{{eq{$auth2}{beta}}{eq{$auth3}{token}}}}\n  server_set_id = $auth2\n",
			d, program, c.port, c.tls[0], c.tls[1], c.Extra, host, port)
		ok(t, os.WriteFile(filepath.Join(d, "exim.conf"), []byte(text), 0o644))
		owners := fmt.Sprintf("chown %[1]d:%[1]d queue . key.pem\n", eximUser)
		ok(t, os.WriteFile(filepath.Join(d, "owners"), []byte(owners), 0o644))
		return nil, []string{from, program, "-C", filepath.Join(d, "exim.conf"), "-bdf", "-q1s"}
	}
}
