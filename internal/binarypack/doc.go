// Package binarypack translates between JSON text and BinaryPack, in which
// PeerJS's "binary" connections carry values. BinaryPack looks like MessagePack
// but gives other codes to strings and bytes; what peerjs-js-binarypack 2.1
// reads and writes is the standard here.
//
//	0…127, -32…-1          00–7f, e0–ff
//	uint 8, 16, 32, 64     cc cd ce cf       null        c0
//	int 8, 16, 32, 64      d0 d1 d2 d3       undefined   c1
//	float 32, 64           ca cb             false true  c2 c3
//	bytes                  a0–af da db       array       90–9f dc dd
//	string, UTF-8          b0–bf d8 d9       object      80–8f de df
//
// All numbers are big endian. A short form has its length in the code, the
// others in 16 and 32 bits after it.
//
// JSON is what both ends of a session mean by a message, so what only one of
// the two can say is translated: see [ToJSON] and [FromJSON].
//
// The invariant: a value costs no more memory than a small multiple of the
// bytes that hold it, whatever lengths it claims and however deep it is.
package binarypack

import (
	"errors"
	"fmt"
)

// MaxDepth is how deep arrays and objects may be in each other.
const MaxDepth = 128

// ErrTooLong is the error of a value whose JSON is over the limit.
var ErrTooLong = errors.New("the value is too long as JSON")

// A SyntaxError says where a value ceases to be BinaryPack, or a text to be
// JSON that BinaryPack can hold.
type SyntaxError struct {
	Offset int // bytes read before it
	Why    string
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("%s at byte %d", e.Why, e.Offset) }

// Codes. Those of the short forms have the length or the number in their low bits.
const (
	codeShortObject = 0x80
	codeShortArray  = 0x90
	codeShortBytes  = 0xa0
	codeShortString = 0xb0
	codeNull        = 0xc0
	codeUndefined   = 0xc1
	codeFalse       = 0xc2
	codeTrue        = 0xc3
	codeFloat32     = 0xca
	codeFloat64     = 0xcb
	codeUint8       = 0xcc
	codeUint16      = 0xcd
	codeUint32      = 0xce
	codeUint64      = 0xcf
	codeInt8        = 0xd0
	codeInt16       = 0xd1
	codeInt32       = 0xd2
	codeInt64       = 0xd3
	codeString16    = 0xd8
	codeString32    = 0xd9
	codeBytes16     = 0xda
	codeBytes32     = 0xdb
	codeArray16     = 0xdc
	codeArray32     = 0xdd
	codeObject16    = 0xde
	codeObject32    = 0xdf
	codeMinusOne    = 0xff // and down to e0: -1 to -32

	shortLen = 15 // the longest that a short form holds
)
