//go:build !unix

package cli

func tolerateFullDisk() {}
