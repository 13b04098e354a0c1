// Package tree knows which recording left which: a replay that went live and was
// recorded is a branch of what was replayed, and can be left again. The branches
// of all bundles stand on one shelf (package recording), so that what their
// snapshots have in common is stored once; dropping one leaves the chunks that
// others need.
//
// # Files
//
//	SHELF/NNNNNN/               a branch, as package recording has it; its
//	                            recording.json names its id, its parent's, and
//	                            the position at which it left that
//	SHELF/elsewhere/ID.json     stub, as JSON: what is remembered of a recording
//	                            that branches left and that is not on the shelf, a
//	                            bundle's file, or a branch that was dropped
//
// A branch's id is B-XXXX-XXXX in the letters of a report's id. Names are people's:
// letters, digits, - and _, each once on a shelf.
//
// Version rule: a stub names its format; one of another format is left alone.
package tree
