// Package input models what people type and point with.
//
// I8042 is the keyboard controller of a PS/2 (IBM Personal System/2 Hardware
// Interface Technical Reference, 1990, "Keyboard/Auxiliary Device Controller")
// without devices on its two ports: whatever is sent to either is answered with
// FEh and the timeout bit, as the controller does when a device does not clock
// the byte in.
package input
