// Package serial models serial ports.
//
// UART16550 follows the PC16550D data sheet (National Semiconductor,
// TL/C/8652, June 1995). Modelled: all registers, both FIFOs' control, the
// receive FIFO with its trigger levels and the character timeout, loopback,
// the four interrupt sources with their priorities, and OUT2, with which PCs
// gate the interrupt line.
//
// Three things differ from a wire at some bit rate. Sent bytes leave at once,
// so the transmitter reads empty always; only the interrupt that announces it
// follows a write by thrDelay, as it would on a fast line (a driver that loops
// until its interrupt is gone would never leave otherwise). Received bytes
// arrive as fast as they are delivered. And there are no parity or framing
// errors, for there is no line to make them; break enters by nothing either.
//
// Outside the machine, a UART has:
//
//	rx     inlet: received bytes, in order; what finds no room is lost (LSR.OE)
//	tx     outlet: sent bytes
//	space  outlet: one byte, how many bytes rx takes now without loss (0 to
//	       16), written whenever that changes. A door that sends no more than
//	       the last announcement never overruns the FIFO. An rx input without
//	       bytes changes nothing and has the space announced again; a door that
//	       connects to a running machine begins with that.
package serial
