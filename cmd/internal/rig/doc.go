// Package rig runs guests of our own with the programs that a user has, built
// from this checkout, and measures them: processor seconds, resident memory,
// bytes on disk, and what the engine did. Commands soak and pairs use it; it is
// host code.
package rig
