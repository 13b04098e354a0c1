package cli

import (
	"fmt"
	"net"

	"vmrecord/cmd/internal/exit"
)

// Loopback listens for debuggers at an address that a flag gave: on this computer
// only, since whoever connects reads the guest's memory.
func Loopback(flag, addr string) (net.Listener, error) {
	host, _, err := net.SplitHostPort(addr)
	if ip := net.ParseIP(host); err != nil || host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, exit.Errorf(exit.Usage, "%s %s: whoever connects reads the guest's memory; give a loopback address, like 127.0.0.1:1234", flag, addr)
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("%s: %w; for any free port: 127.0.0.1:0", flag, err)
	}
	return l, nil
}
