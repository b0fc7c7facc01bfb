// Package certs gives a listener its certificates: from files that it reads
// again when they change. What an invalid change would break stays as it was.
//
// It knows nothing of HTTP but one thing: whoever speaks it in the clear to a
// listener of [NewListener] is told so in words.
package certs
