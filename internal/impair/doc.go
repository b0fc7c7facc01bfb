// Package impair puts a bad network between two programs, for tests: a [UDP]
// line loses, doubles, delays and reorders datagrams and gives clients another
// address, as a NAT does that forgets its table; a [TCP] line holds connections
// up after so many bytes, resets them, or lets them fall silent.
//
// Both are proxies: the programs know the line's address alone. Delays are
// given from outside, so a line is exact about what it does and to how many,
// and counts it; which datagrams it does it to is a matter of chance, from a
// seed.
package impair
