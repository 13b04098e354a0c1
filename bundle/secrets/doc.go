// Package secrets looks in a guest's memory, and in what it printed and was typed,
// for what a person would not want to give away: keys, tokens, passwords in
// addresses, numbers of cards. It is a help before consent is given, not a promise:
// it knows a bounded table of forms, a secret that the end of a page cuts is not
// found, and what looks like one may be none.
//
// Documents: RFC 7468 (textual encodings of keys), RFC 7519 (JSON Web Token), RFC 3986
// 3.2.1 (user information in addresses), ISO/IEC 7812-1 annex B (check digit of card
// numbers), and the forms that AWS, GitHub, GitLab, Google, Slack and Stripe publish
// for their tokens. Left out: passwords in forms of programs' own, UTF-16, base64 and
// compressed text.
package secrets
