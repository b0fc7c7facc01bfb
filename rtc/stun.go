package rtc

import "encoding/binary"

// STUN message types of ICE (RFC 8489 section 5, RFC 8445).
const (
	stunRequest = 0x0001
	stunSuccess = 0x0101
)

const (
	stunHeader   = 20
	stunCookie   = 0x2112A442
	stunUsername = 0x0006
	maxUfrag     = 256 // characters (RFC 8839 section 5.4)
)

// isSTUN tells a STUN message from DTLS, which shares its port (RFC 7983).
func isSTUN(b []byte) bool {
	return len(b) >= stunHeader && b[0] < 4 && binary.BigEndian.Uint32(b[4:]) == stunCookie
}

// stunType returns the type of a message for which isSTUN holds.
func stunType(b []byte) uint16 { return binary.BigEndian.Uint16(b) }

// localUfrag returns the user fragment of the receiver that a STUN request
// names in its USERNAME, "receiver:sender". The result is part of b.
//
// It only chooses whose packet this is: whether the message is genuine is for
// that agent to find out.
func localUfrag(b []byte) ([]byte, bool) {
	if !isSTUN(b) || stunType(b) != stunRequest {
		return nil, false
	}
	size := int(binary.BigEndian.Uint16(b[2:]))
	if size%4 != 0 || stunHeader+size > len(b) {
		return nil, false
	}
	for attrs := b[stunHeader : stunHeader+size]; len(attrs) >= 4; {
		kind, n := binary.BigEndian.Uint16(attrs), int(binary.BigEndian.Uint16(attrs[2:]))
		attrs = attrs[4:]
		if n > len(attrs) {
			return nil, false
		}
		if kind == stunUsername {
			return beforeColon(attrs[:n])
		}
		attrs = attrs[min((n+3)&^3, len(attrs)):]
	}
	return nil, false
}

func beforeColon(name []byte) ([]byte, bool) {
	for i, c := range name {
		if c == ':' {
			return name[:i], i > 0 && i <= maxUfrag
		}
	}
	return nil, false
}
