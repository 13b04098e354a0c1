package rig

import (
	"context"
	"fmt"
	"os"
	"strings"

	"vmrecord/cmd/internal/cli"
	"vmrecord/configs/guestkernel"
)

// Kernel is one of Debian's kernels out of the cache, fetched if it is not there, and
// its release.
func Kernel(f guestkernel.Flavour) (image []byte, release string, err error) {
	cache, err := cli.CacheDir()
	if err != nil {
		return nil, "", err
	}
	k, err := (&guestkernel.Fetcher{Flavour: f, Cache: cache}).Fetch(context.Background())
	if err != nil {
		return nil, "", fmt.Errorf("to have Debian's kernel in the cache: vmappliance build --kernel %s: %w", f, err)
	}
	image, err = os.ReadFile(k.Path)
	return image, strings.TrimPrefix(k.Package, "linux-image-"), err
}
