// Package keys keeps the keys of those who make bundles and of those who open
// them: small text files in one folder, which only their owner may read.
//
//	NAME.key        an identity that opens bundles, as age-keygen writes it
//	                (age-encryption.org/v1): a comment, then AGE-SECRET-KEY-1…
//	NAME.pub        its public key, age1…, which an appliance's configuration
//	                carries
//	NAME.sign.key   a signing key, as minisign -W writes it: not encrypted
//	NAME.sign.pub   its public key, as minisign writes it
//	NAME.rotation   statements that NAME's signing key follows an older one's
//
// A vendor has all four, an appliance the last two: it makes its own the first
// time that it needs it, and with it signs what it sends.
//
// Any program that reads these formats can be used instead. A file is never
// overwritten: a key that is lost opens nothing more, and nobody can make it
// again. To rotate, make another under a new name, ship its public key, and keep
// the old one for the bundles that were sealed to it: every NAME.key in the
// folder is tried.
//
// # Statement of rotation
//
// Who knows a vendor by one signing key takes another for it when the first says so.
// Six lines, ended by LF: the new public key in two, as minisign writes it, and the
// old key's signature of these two lines in four, whose trusted comment is
//
//	vmrecord: the key above follows RW...
//
// with the old public key at its end. A file has one statement after the other, at
// most 16 KiB. A reader refuses all of them where one is not right, and any other
// comment: another form of statement has another comment.
package keys
