package signing

import (
	"crypto/ed25519"
	"slices"
)

// verifyEd25519 accepts what libsodium accepts. It is stricter than
// crypto/ed25519: a public key that is a point of small order, for which anybody can
// make signatures, and a key or signature not encoded in the one right way are refused.
func verifyEd25519(public, msg, sig []byte) bool {
	if len(public) != ed25519.PublicKeySize || len(sig) != ed25519.SignatureSize {
		return false
	}
	if !canonicalPoint(public) || smallOrder(public) || smallOrder(sig[:32]) {
		return false
	}
	return ed25519.Verify(public, msg, sig)
}

// canonicalPoint reports whether the y coordinate of an encoded point is
// below 2^255-19. It is little-endian; the top bit is the sign of x.
func canonicalPoint(p []byte) bool {
	if p[0] < 0xed || p[31]&0x7f != 0x7f {
		return true
	}
	return slices.ContainsFunc(p[1:31], func(b byte) bool { return b != 0xff })
}

// smallOrderY are the y coordinates of the eight points whose order divides
// eight, of which some share one: orders 4, 1, 8, 8 and 2.
var smallOrderY = [...]string{
	"0000000000000000000000000000000000000000000000000000000000000000",
	"0100000000000000000000000000000000000000000000000000000000000000",
	"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
	"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
}

func smallOrder(p []byte) bool {
	y := [32]byte(p)
	y[31] &= 0x7f
	return slices.Contains(smallOrderPoints, y)
}

var smallOrderPoints = func() (points [][32]byte) {
	for _, y := range smallOrderY {
		points = append(points, [32]byte(mustHex(y)))
	}
	return points
}()
