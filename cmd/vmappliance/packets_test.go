package main

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/binary"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The vendor's computer, and the user's, which sends through the vendor's whatever is
// for anybody else.
const (
	vendorAddr = "10.77.0.1"
	userAddr   = "10.77.0.2"
)

// Not one packet leaves before consent, through a recording, its failure, packing,
// queueing, preview, review and retries; after it, packets go to the configured
// recipient only. What left is the kernel's count at the user's interface, and the
// vendor's end sees every frame.
func TestNoPacketBeforeConsent(t *testing.T) {
	if out, err := exec.Command("unshare", "--user", "--map-root-user", "--net", "true").CombinedOutput(); err != nil {
		t.Fatalf("this host lets us make no network of our own (user_namespaces(7)), so nothing can be counted: %v: %s", err, out)
	}
	s := newSandbox(t)
	w := s.cable()
	recipient := w.inbox()
	s.write("appliance.toml", bytes.Replace(asking("guest", "1"), []byte("smtp://127.0.0.1:1"), []byte("smtps://"+recipient), 1))
	run := []string{"vmappliance", "run", "appliance.toml", "--record-from-start", "all"}

	r := w.want(4, run, "saved problem R-", "it waits for your consent")
	id := regexp.MustCompile(`R-\w{4}-\w{4}`).FindString(r.errors)
	w.want(0, []string{"vmappliance", "preview", id}, "demo@vendor.example")
	w.want(4, []string{"vmappliance", "review"}, "there is no terminal to ask at")
	w.want(0, []string{"vmappliance", "outbox", "retry"})
	w.want(4, []string{"vmappliance", "outbox", "retry", id})
	w.want(0, []string{"vmappliance", "consent", "revoke"})
	w.want(0, run, "is kept here and not sent")
	if n, seen := w.sent(), w.seen(); n != 0 || len(seen) != 0 {
		t.Errorf("%d packets left before consent: %v", n, seen)
	}

	w.want(0, []string{"vmappliance", "send", id}, "250 2.6.0 VMB1 ")
	seen := w.seen()
	for to, n := range seen {
		if to != "tcp "+recipient && to != "arp "+vendorAddr {
			t.Errorf("%d packets to %q", n, to)
		}
	}
	if n := w.sent(); n < 10 || seen["tcp "+recipient] == 0 {
		t.Errorf("a bundle went in %d packets: %v", n, seen)
	}

	// One to anybody else would have been seen.
	w.want(0, []string{"bash", "-c", "echo hello >/dev/udp/192.0.2.1/9"})
	for end := time.Now().Add(30 * time.Second); seen["udp 192.0.2.1:9"] == 0; seen = w.seen() {
		if time.Now().After(end) {
			t.Fatalf("a packet to another computer was not seen: %v", seen)
		}
	}
}

// A cable is a network of two computers, as namespaces: the vendor's, where a wiretap
// runs, and the user's.
type cable struct {
	sandbox     // the user's
	vendor  int // process ids
	user    string
	tap     io.Writer
	answers *bufio.Reader
}

// cable makes one, which ends with the test.
func (s *sandbox) cable() *cable {
	s.t.Helper()
	c := s.command("unshare", "--user", "--map-root-user", "--net", "wiretap")
	c.Stderr = os.Stderr
	in, err := c.StdinPipe()
	check(s.t, err)
	out, err := c.StdoutPipe()
	check(s.t, err)
	check(s.t, c.Start())
	s.t.Cleanup(func() { in.Close(); _ = c.Wait() })
	w := &cable{*s, c.Process.Pid, "", in, bufio.NewReader(out)}
	w.user, err = w.answers.ReadString('\n')
	check(s.t, err)
	w.user = strings.TrimSpace(w.user)
	w.prefix = enter(w.user)
	return w
}

// enter is a command's beginning that runs it in another process's network.
func enter(pid string) []string {
	return []string{"nsenter", "--target", pid, "--user", "--preserve-credentials", "--net"}
}

// inbox starts the vendor's, whose certificate the user's computer trusts, and tells
// its address.
func (w *cable) inbox() string {
	w.t.Helper()
	w.certificate()
	v := w.sandbox
	v.prefix = enter(strconv.Itoa(w.vendor))
	c := v.command("vmbundle", "inbox", "serve", "--listen", vendorAddr+":0", "--ready", "ready", "--dir", "in",
		"--tls", "--tls-cert", "cert", "--tls-key", "key")
	check(w.t, c.Start())
	w.t.Cleanup(func() { _ = c.Process.Signal(os.Interrupt); _ = c.Wait() })
	b, ok := waitFor(w.path("ready"), regexp.MustCompile(`\n`))
	if !ok {
		w.t.Fatal("the inbox is not ready")
	}
	return strings.TrimSpace(string(b))
}

func (w *cable) certificate() {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(w.t, err)
	c := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		IPAddresses: []net.IP{net.ParseIP(vendorAddr)}}
	cert, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	check(w.t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	check(w.t, err)
	w.write("cert", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}))
	w.write("key", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}))
	w.t.Setenv("SSL_CERT_FILE", w.path("cert"))
}

// sent is how many packets have left the user's computer, by its kernel's count, on any
// interface.
func (w *cable) sent() (n int) {
	w.t.Helper()
	b, err := os.ReadFile("/proc/" + w.user + "/net/dev")
	check(w.t, err)
	for line := range strings.Lines(string(b)) {
		if name, counts, ok := strings.Cut(line, ":"); ok {
			sent, err := strconv.Atoi(strings.Fields(counts)[9])
			check(w.t, err)
			w.t.Logf("%s: %d packets sent", strings.TrimSpace(name), sent)
			n += sent
		}
	}
	return n
}

// seen is where the frames went that have come out of the user's computer.
func (w *cable) seen() (n map[string]int) {
	w.t.Helper()
	_, err := io.WriteString(w.tap, "\n")
	check(w.t, err)
	line, err := w.answers.ReadBytes('\n')
	check(w.t, err)
	check(w.t, json.Unmarshal(line, &n))
	return n
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wiretap is a program that makes a cable, of the network that it runs in and of a new
// one. It prints a process id in that, and for each line that it reads how many frames
// have come from there, by destination.
func wiretap() {
	user := exec.Command("unshare", "--net", "sh", "-c", "echo; exec sleep infinity")
	user.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	ready, err := user.StdoutPipe()
	must(err)
	must(user.Start())
	_, err = ready.Read(make([]byte, 1))
	must(err)
	pid := strconv.Itoa(user.Process.Pid)
	there := []string{"nsenter", "--target", pid, "--net"}
	// IPv6 looks for neighbours by itself.
	const quiet = "if test -e /proc/sys/net/ipv6; then echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6; fi; ip link set lo up"
	const up = "ip address add $2/24 dev $1 && ip link set $1 up"
	shell(nil, quiet)
	shell(there, quiet)
	shell(nil, "ip link add vendor type veth peer name user netns "+pid)
	shell(nil, up, "vendor", vendorAddr)
	tap := tapOn("vendor") // before the other end is up
	shell(there, up+" && ip route add default via "+vendorAddr, "user", userAddr)
	fmt.Println(pid)
	seen := map[string]int{}
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		frame := make([]byte, 1<<16)
		for {
			n, from, err := unix.Recvfrom(tap, frame, unix.MSG_DONTWAIT)
			if err == unix.EAGAIN {
				break
			}
			must(err)
			if from.(*unix.SockaddrLinklayer).Pkttype != unix.PACKET_OUTGOING {
				seen[destination(frame[:n])]++
			}
		}
		must(json.NewEncoder(os.Stdout).Encode(seen))
	}
}

// tapOn is a socket (packet(7)) to which every frame at an interface comes.
func tapOn(name string) int {
	const everything = unix.ETH_P_ALL>>8 | unix.ETH_P_ALL&0xff<<8 // in network byte order
	i, err := net.InterfaceByName(name)
	must(err)
	tap, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, everything)
	must(err)
	must(unix.Bind(tap, &unix.SockaddrLinklayer{Protocol: everything, Ifindex: i.Index}))
	return tap
}

// destination is where an Ethernet frame goes: "tcp ADDRESS:PORT", "udp" likewise, or
// "arp ADDRESS" for a question who has it; anything else as its first bytes.
func destination(f []byte) string {
	at := func(off int) net.IP { return net.IP(f[off : off+4]) }
	port := func(off int) string { return strconv.Itoa(int(binary.BigEndian.Uint16(f[off:]))) }
	switch {
	case len(f) >= 42 && binary.BigEndian.Uint16(f[12:]) == unix.ETH_P_ARP:
		return "arp " + at(38).String()
	case len(f) >= 42 && binary.BigEndian.Uint16(f[12:]) == unix.ETH_P_IP && f[14] == 0x45:
		if name := map[byte]string{unix.IPPROTO_TCP: "tcp", unix.IPPROTO_UDP: "udp"}[f[23]]; name != "" {
			return name + " " + net.JoinHostPort(at(30).String(), port(36))
		}
	}
	return fmt.Sprintf("% x", f[:min(len(f), 64)])
}

// shell runs a script, with its arguments from $1 on.
func shell(prefix []string, script string, args ...string) {
	all := slices.Concat(prefix, []string{"sh", "-ec", script, "sh"}, args)
	out, err := exec.Command(all[0], all[1:]...).CombinedOutput()
	if err != nil {
		must(fmt.Errorf("%s: %w: %s", script, err, out))
	}
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "wiretap:", err)
		os.Exit(1)
	}
}
