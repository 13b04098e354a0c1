// Package inbox is the vendor's receiver: it takes bundle parts from SMTP, from
// saved messages and maildirs, and whole bundle files, and puts the bundles
// together, in any order and however often a part comes. The messages are those of
// package mail; a bundle is opaque here too.
//
// Documents: SMTP RFC 5321, AUTH RFC 4954, enhanced codes RFC 3463, MIME RFC
// 2045-2046. Left out: LMTP; encryption and signatures of bundles are checked by those
// who open them.
//
// # What is trusted
//
// Nothing. A message is bounded in size, header bytes, depth and number of MIME
// parts before anything of it is kept. A part is kept when its SHA-256 is the one
// in its envelope, and a bundle is complete when the whole file's is: a part that
// lies spoils only the bundle it names, whose parts are then asked for again. No
// file name from a message is used.
//
// # Who may send
//
// Anybody, until the first enrolment code is made; from then on computers that were
// taken in (package enrol), unless it is served as open. Others are refused before
// DATA: 535 at AUTH where code or token is unknown, expired, used up or revoked, 530
// at MAIL without AUTH, 550 at MAIL for a computer revoked meanwhile. AUTH is offered
// over TLS or on loopback only. What one computer may have in the inbox is bounded,
// in bytes, of which each report counts 16 KiB more than it has, and in bundles that it
// began and did not finish: beyond it, 452. Files that are ingested are nobody's, and are
// not refused.
//
// access.json is an Access: codes and tokens by their SHA-256 only, and the public key
// of each computer. Its bundles should be signed by that key; who opens them tells
// (Verdict.Signer), and an Entry says where another one did.
//
// # Replies
//
// "250 2.6.0 VMB1 ..." (package mail, Receipt) is sent after the part is on disk:
// file and directory fsynced. Trouble of our own is 451, a full disk or quota 452,
// too many connections 421: the sender waits. A part that arrived damaged is 451
// with a receipt. What cannot become right by waiting is 5yz: 550 for an unknown
// recipient, before DATA, 552 for a message too big, 554 for one that is no part.
//
// # Inbox directory
//
//	lock                                flock(2)ed for every change below
//	access.json                         an Access; "vmbundle.access/1"; missing: anybody
//	tmp/in-*                            a part being received; flocked by its receiver
//	tmp/new-*/                          a report being begun or put together, under lock
//	partial/ID-DIGEST/envelope.json     a Report with state "partial"
//	partial/ID-DIGEST/OFFSET-LENGTH.part  verified bytes; both 16 decimal digits
//	reports/ID-DIGEST/ID.vmb            a complete bundle
//	reports/ID-DIGEST/report.json       a Report with state "complete"
//	reports/ID-DIGEST/triage.json       a Triage: tags; only where there are any
//	reports/ID-DIGEST/verdict.json      a Verdict: what replaying it came to, and its crash
//	reports/ID-DIGEST/checkpoints/      of package checkpoints, up to the failure; may be missing
//	buckets/NAME.json                   a Mark: what was decided about a crash
//	letters/NAME.json                   a Letter that waits, or was stopped
//	letters/sent/NAME.json              a Letter that was sent
//	letters/since.json                  since when who is told of what is new
//	letters/lock                        flock(2)ed by who sends letters
//	bases/                              of package base, for who reads the reports; only
//	                                    read, and not by this package
//	index.sqlite                        all that again, to be asked; see below
//
// DIGEST is the first 16 hex digits of the file's SHA-256. Each JSON file carries a
// schema of its own, "vmbundle.inbox/1" for reports, "vmbundle.triage/1",
// "vmbundle.verdict/1", "vmbundle.bucket/1", "vmbundle.letter/1",
// "vmbundle.since/1"; a reader refuses another number and
// ignores unknown members. A report appears in reports/ by one rename, when all of
// it is durable; its parts are removed after that. It leaves by one rename into
// tmp/, when it is purged. What a killed receiver left in tmp/ is cleared at the
// next Open. A bundle and its report.json are never changed.
//
// # Verdicts
//
// A Verdict is written by who had the bundle replayed, in a process of its own:
// "reproduced", "diverged", "hung" or "broken", and the reason; "report" where there is
// nothing to replay (level L0). This package only
// keeps it, with every text in it bounded and fit to print.
//
// # Buckets
//
// Reports of one crash are in one bucket: program, build id and innermost frames
// are the same (Crash.Bucket). Its name is B-XXXXXXXX; a report of which no crash
// is known is a bucket by itself, of the report's name.
//
// # Letters
//
// What the inbox tells people follows from the files above, and is written down before
// it is sent: reporters learn that their report arrived, what replaying it came to, of
// which other one it is a duplicate, and which version has the fix; engineers learn of
// each new bucket. A letter's NAME follows from what it says to whom, so none is written
// twice, and it is the local part of its Message-ID (a webhook's Idempotency-Key): who
// was killed between sending it and noting that sends the same again.
//
// A program answers programs here, so nothing may come back (RFC 3834): a reply has no
// return path and says Auto-Submitted: auto-replied, and the receiver takes no message
// that is not a part. Nobody is answered but the envelope sender of a report, and not if
// that is empty, a mail system's, the address the report was sent to, or if the message
// was an answer or came by a list; and of an address's reports in a day only 20 are.
// Who has no mailbox asks instead, with the next report (package mail, Question).
//
// # Index
//
// index.sqlite is an SQLite 3 database, user_version 2, of a row for each folder
// under partial/ and reports/ with its files' sizes and times, and the entry as
// JSON. The folders are the truth: rows whose files were touched are made again at
// each opening, in one transaction, and a database that is damaged or has another
// version is deleted and made anew. Marks are read from their files.
package inbox
