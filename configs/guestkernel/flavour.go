package guestkernel

// A Flavour is one of the kernels that Debian builds.
type Flavour uint8

// The flavours.
const (
	Cloud Flavour = iota // 64-bit, with the drivers of virtual machines only
	AMD64                // 64-bit, for any PC
	I686                 // 32-bit, for any PC, without PAE
)

// flavours are the table's rows, in the constants' order.
func flavours() []flavour {
	return []flavour{
		Cloud: {name: "debian", meta: "linux-image-cloud-amd64", arch: "amd64"},
		AMD64: {name: "debian-amd64", meta: "linux-image-amd64", arch: "amd64"},
		I686:  {name: "debian-686", meta: "linux-image-686", arch: "i386"},
	}
}

type flavour struct {
	name string // the KIND that users say
	meta string // the package that depends on today's kernel
	arch string // dpkg's name of the packages' architecture
}

func (f Flavour) row() flavour { return flavours()[f] }

// String is the name that users say.
func (f Flavour) String() string { return f.row().name }

// fetchCommand repairs whatever is wrong with the cache.
func (f Flavour) fetchCommand() string { return "vmappliance build --kernel " + f.String() }

// Named returns the flavour that users call name.
func Named(name string) (Flavour, bool) {
	for i, r := range flavours() {
		if r.name == name {
			return Flavour(i), true
		}
	}
	return 0, false
}

// Names are the names of all flavours.
func Names() (all []string) {
	for _, r := range flavours() {
		all = append(all, r.name)
	}
	return all
}
