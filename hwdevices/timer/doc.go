// Package timer models the clocks of a PC.
//
//   - I8254: the programmable interval timer (Intel 231164-005) at 1.193182 MHz,
//     with port 61h, system control port B, through which a PC reaches counter 2
//     (82371AB, 290562-001, "NMI status and control").
//   - MC146818: the real-time clock and its battery-backed memory (Motorola
//     MC146818A, ADI1026).
//   - ACPIPM: the power management timer (ACPI 6.5, 4.8.3.3) at 3.579545 MHz.
//
// No chip counts. Each remembers when it was started, in periods of its own
// clock since the machine's first instant, and computes what a read shows;
// it arms a timer only for the changes of a line that is connected.
package timer
