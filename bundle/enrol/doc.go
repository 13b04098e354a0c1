// Package enrol is how a computer that runs an appliance and its vendor's inbox come
// to know each other. An appliance's configuration carries a code. At first contact
// the computer gives the code and its own public key, and gets a token, by which it
// authenticates from then on (AUTH PLAIN, RFC 4616).
//
// Documents: SASL RFC 4422, SMTP AUTH RFC 4954. The codes and tokens that an inbox
// gave are kept by package inbox. Left out: channel binding. The exchange runs over
// TLS, or between two programs of one computer.
//
// # Exchange
//
// A SASL mechanism, X-VMB-ENROLL; the client begins. Words are ASCII, parted by one
// blank, and the first is the version.
//
//	C  1 CODE KEY       the code, and the computer's public key (RW..., of minisign)
//	S  1 NONCE          26 letters, another each time
//	C  SIGNATURE        of the Statement, as minisign writes it
//	S  1 NAME TOKEN     noted durably before it is sent
//	C  1 kept           once it is durable there too
//
// The statement is "vmrecord enrolment 1", the code and the nonce, each ended by LF:
// nobody enrols with another's key, and who has overheard an exchange cannot repeat
// it. One of another version is refused.
//
// A computer that enrols again, by the same key, gets another token in place of its
// first one, and no use of the code is counted. So nothing is lost when either side
// dies in between: the next try goes through, with a code that was used up, or has
// expired, too.
//
// # Names
//
//	E- and 26 of A-Z2-7       a code; 130 random bits
//	T- and 26 of A-Z2-7       a token; likewise
//	I- and 16 hex digits      a computer: of the SHA-256 of its public key's text
//
// # Token file
//
// One JSON object, replaced whole (fsync, rename, fsync of the folder), mode 0600:
//
//	schema   "vmrecord.token/1"; a reader takes any other for no token
//	name     of this computer
//	token    the secret
//	key      the public key that it was given to; with another one it does not count
package enrol
