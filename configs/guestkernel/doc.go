// Package guestkernel fetches the kernel that guests of ours boot: Debian's own
// image for clouds, unmodified, from the package archive that the host already
// trusts. Nothing is installed; dpkg-deb unpacks the package into the cache.
//
// # In the cache
//
//	kernel/debian.json              which kernel, and its digests
//	kernel/PACKAGE_VERSION/vmlinuz  the image
//
// The package's SHA-256 must be the one that apt's signed index names. The
// image's own SHA-256 goes into debian.json and is computed again at each use.
// A cache made by an unknown version of this format is fetched anew.
package guestkernel
