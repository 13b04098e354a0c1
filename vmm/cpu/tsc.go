package cpu

// Counts of the time-stamp counter come early by up to 31, the same for all in
// a block of 64 and never beyond its last: so the counter never runs backwards.
const (
	FlutterBlock = 6                  // bits of a count within a block
	FlutterMix   = 0x9e3779b97f4a7c15 // spreads the block's number over the product
	FlutterBits  = 5                  // its highest bits are how early
)

// Flutter is what the counter reads when its true count is t.
//
// A loop of n instructions always takes n counts here. No processor is so even,
// and programs depend on that: kernels and libraries that draw randomness from
// the time between two readings test it first and refuse to work (NIST SP
// 800-90B, 4.4). The unevenness is a function of the count, so it replays; it
// adds no randomness, which comes from RDRAND's seed and from the inputs.
func Flutter(t uint64) uint64 {
	const most = 1<<FlutterBlock - 1
	early := t >> FlutterBlock * FlutterMix >> (64 - FlutterBits)
	return t&^most | min(t&most+early, most)
}
