package bare

import (
	"os"
	"testing"
)

func TestZZ(t *testing.T) {
	b := Image(Options{Float: true})
	t.Log(len(b))
	os.WriteFile("/tmp/bare.bin", b[1024:], 0644)
}
