//go:build !linux

package main

import "syscall"

// isolation: elsewhere a worker is a process of its own, and no more.
func isolation(bool) *syscall.SysProcAttr { return nil }

// limitSelf bounds nothing here.
func limitSelf() error { return nil }
