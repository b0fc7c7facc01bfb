// Package signing holds what makes a Liberdus or Shardus object authentic: its
// canonical text, its hash, the two signature schemes and the files keys live in.
//
//	wire text ──Parse──► value ──Canonical──► one text ──Hash──► 64 hex digits
//	                                                                │
//	     nodes, archivers   Ed25519 over the 32 bytes of the hash ──┤
//	     users              secp256k1 over EIP-191 of the hex text ─┘
//
// The invariant: two texts that a JavaScript node reads as the same object have
// one canonical text here, and it is byte for byte the text that the node
// hashes (safeStringify of @shardus/lib-types after its safeJsonParse). So a
// signature is checked over the parsed object and never over received bytes.
//
// Refused: text that is not UTF-8 or not JSON, nesting deeper than 64 levels,
// tagged values that JavaScript cannot revive, signatures that are malleable
// (high s, recovery ids other than 1b and 1c) or made by keys that anybody can
// sign for (points of small order), and key files that other users can read. Where a
// JavaScript node would coerce something absurd, such as an array taken for the
// digits of a bigint, this package refuses it too: it never accepts more.
//
// Nothing here bounds the size of a text: the caller does, before it parses.
// A parsed value takes up to about 50 times the memory of its text.
package signing

// An Object is a JSON object. The members of a parsed Object, and the values
// that [Canonical] writes, are:
//
//	nil, bool, float64, string   as in JSON; a lone surrogate is kept as its three bytes of WTF-8
//	*big.Int                     {"dataType":"bi","value":"<hex>"}
//	Buffer                       {"value":"<base64>","dataType":"bb"}
//	Bytes                        {"value":"<base64>","dataType":"u8ab"}
//	[]any, Object                arrays and objects of these
type Object = map[string]any

// A Buffer is the Buffer of Node.js.
type Buffer []byte

// Bytes is JavaScript's Uint8Array.
type Bytes []byte

// maxDepth is how deep arrays and objects may nest, in both directions, so that
// what was written can be read again.
const maxDepth = 64

// Names that the wire format gives a meaning to.
const (
	tagMember   = "dataType"
	tagBigInt   = "bi"
	tagBuffer   = "bb"
	tagBytes    = "u8ab"
	valueMember = "value"
	signMember  = "sign"
	sigMember   = "sig"
	ownerMember = "owner"
)
