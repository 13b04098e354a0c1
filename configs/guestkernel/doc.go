// Package guestkernel fetches the kernels that guests of ours boot: Debian's own
// images, unmodified, from the package archive that the host already trusts.
// Nothing is installed; dpkg-deb unpacks the package into the cache.
//
// # In the cache
//
//	kernel/KIND.json                which kernel, and its digests
//	kernel/PACKAGE_VERSION/vmlinuz  the image
//
// KIND is a row's name in the table of flavours. The package's SHA-256 must be
// the one that apt's signed index names. The image's own SHA-256 goes into
// KIND.json and is computed again at each use. A cache made by an unknown
// version of this format is fetched anew.
//
// # Kernels of another architecture
//
// The host's apt has indexes of the host's own architecture, as a rule, and dpkg's
// list of architectures is the owner's business. So for another one apt-get update
// fetches the indexes of that architecture alone, from the host's own sources and
// checked with the host's own keys, into a folder that goes when the kernel is
// there. apt's options on the command line (apt.conf(5)) see to both: to apt run
// this way the other architecture is the only one. An archive whose index cannot
// be had is left out; the package is then an older one, or the error tells.
package guestkernel
