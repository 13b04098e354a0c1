// Package mail carries a bundle file from the appliance to its vendor: it cuts
// the file in parts, keeps a durable queue of what is still to be sent, and holds
// the SMTP conversation. To it a bundle is opaque: an id, a uuid, a size and a
// SHA-256.
//
// Documents: SMTP RFC 5321, SIZE RFC 1870, enhanced codes RFC 3463 and 5248, AUTH
// RFC 4954, STARTTLS RFC 3207, submission RFC 8314, MIME RFC 2045-2046,
// Auto-Submitted RFC 3834. Left out: message/partial (refused by too many
// servers), XOAUTH2, BDAT and LMTP. What goes ahead of a recording, a report of level L0,
// is a bundle like others.
//
// # Authentication
//
// AUTH PLAIN by a user's own name and password, or by the token of the vendor's inbox
// (package enrol): at first contact, and where the inbox does not know the token any
// more, this computer enrolls in the same conversation, before MAIL. Neither goes to
// another computer without TLS.
//
// # Part message
//
// Each part is one multipart/mixed message, lines ended by CRLF, ASCII only:
//
//	From, To, Date, Subject
//	Message-ID   <R-XXXX-XXXX.DIGEST.BYTES.N@DOMAIN>: DIGEST the first 16 hex digits of
//	             the file's SHA-256, BYTES the part size, N the part, DOMAIN the sender's;
//	             the same part has the same id however often it is sent
//	References, In-Reply-To   the Message-ID of part 1, in every later part
//	Auto-Submitted: auto-generated
//	X-VMB: 1; id=R-XXXX-XXXX; part=N/M
//	  1. text/plain                              for a person who opens it
//	  2. application/vnd.vmbundle.envelope+json  the Envelope, at most 16 KiB
//	  3. application/vnd.vmbundle.part           the bytes, base64
//
// A reader finds 2 and 3 by type, at any place and in either order, and ignores
// what it does not know.
//
// # Envelope, version 1
//
// One JSON object, in every part, so that order and loss are visible:
//
//	schema       "vmbundle.envelope/1"; a reader refuses another number
//	id, uuid     of the bundle
//	size, sha256 of the whole file; lower-case hex
//	part, parts  n of m, from 1
//	part_bytes   size of every part but the last; parts = ceil(size/part_bytes)
//	offset       (part-1) * part_bytes
//	length       min(part_bytes, size-offset)
//	part_sha256  of this part's bytes
//
// Unknown members are ignored. What counts is the byte range: a file sent half in
// large and half in small parts is whole when its bytes are.
//
// # Receipt
//
// A receiver that knows bundles answers the final dot, and a refusal where it
// can, with one line after the enhanced code:
//
//	250 2.6.0 VMB1 id=R-XXXX-XXXX have=1-3,5 need=4
//
// Numbers are parts in the split of the message just answered; an empty list is
// left out; a list too long for a reply line ends in ",+". Unknown words are
// ignored. "have" without "+" replaces what the sender believed: a receiver that
// lost parts gets them again. Any other 250 acknowledges the part just sent.
//
// # Question
//
// A sender may ask a receiver that answers with receipts what became of bundles that
// it took: a message whose part of type application/vnd.vmbundle.question+json, at
// most 16 KiB, is one JSON object:
//
//	schema   "vmbundle.question/1"; a reader refuses another number
//	reports  at most 8, each an id and the sha256 of the whole file: who knows it had it
//
// The answer is the reply to the final dot, a word for each bundle that is there:
//
//	250 2.6.0 VMB1 status R-XXXX-XXXX=reproduced R-YYYY-YYYY=fixed:1.2
//
// A word is received, reproduced, unreproduced, duplicate:ID or fixed:VERSION (up to 40
// letters, digits and ._+-); others are ignored.
//
// # Spool directory
//
//	ID.UUID/bundle.vmb   a copy of the bundle
//	ID.UUID/item.json    an Item, replaced atomically (file fsync, rename, directory fsync)
//	ID.UUID/lock         flock(2)ed while the item is sent or changed
//	.new-*/              an Add under way, renamed to ID.UUID when it is durable
//
// item.json has schema "vmbundle.spool/1"; a reader refuses another number. State
// "sending" counts only while the lock is held: after kill -9 the item is queued
// again, with the parts acknowledged so far. A damaged entry is shown as damaged
// and never removed. Only an unfinished ".new-" directory, whose Add never
// returned, is cleared away.
package mail
