// Package hostfpu runs single SSE and x87 instructions of an amd64 host under a
// given MXCSR or control word, so that the tests of softfp can compare. Nothing
// but those tests may import it; on other hosts it is empty.
package hostfpu
