package cli

import (
	"fmt"
	"net"

	"vmrecord/cmd/internal/exit"
)

// OnLoopback refuses an address for debuggers that is not on this computer only: whoever
// connects reads the guest's memory. flag gave it.
func OnLoopback(flag, addr string) error {
	host, _, err := net.SplitHostPort(addr)
	if ip := net.ParseIP(host); err != nil || host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return exit.Errorf(exit.Usage, "%s %s: whoever connects reads the guest's memory; give a loopback address, like 127.0.0.1:1234", flag, addr)
	}
	return nil
}

// Loopback listens for debuggers at such an address.
func Loopback(flag, addr string) (net.Listener, error) {
	if err := OnLoopback(flag, addr); err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("%s: %w; for any free port: 127.0.0.1:0", flag, err)
	}
	return l, nil
}
