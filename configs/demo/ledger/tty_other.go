//go:build !linux

package main

import "os"

// eachKey leaves the terminal alone: keys arrive by the line.
func eachKey(*os.File) (restore func()) { return func() {} }

// drain does nothing: what is printed is on its way.
func drain(*os.File) {}
