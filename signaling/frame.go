package signaling

import "encoding/binary"

// Frames of RFC 6455, section 5.2, as a server gets them: two bytes, a longer
// length, a mask, the payload.
const (
	finalBit  = 0x80 // of the first byte
	maskedBit = 0x80 // of the second byte

	opContinuation = 0
	opText         = 1
	opBinary       = 2
	opPong         = 10

	maxShort = 125 // longest payload whose length is in the second byte
)

// A cutter follows frames as they pass. It judges nothing: whoever reads them
// does.
type cutter struct {
	head       [14]byte // of the frame that begins
	got        uint8    // bytes of it
	fragmented bool     // more frames of a message follow
	left       uint64   // bytes of the payload to come
}

// between reports whether a new frame comes next.
func (c *cutter) between() bool { return c.got == 0 && c.left == 0 }

// cut moves on by as much of b as belongs to one frame, and returns how much.
func (c *cutter) cut(b []byte) int {
	for i, x := range b {
		if c.left > 0 {
			n := min(uint64(len(b)-i), c.left)
			c.left -= n
			return i + int(n)
		}
		c.head[c.got] = x
		if c.got++; int(c.got) == c.size() {
			if c.begin(); c.left == 0 {
				return i + 1
			}
		}
	}
	return len(b)
}

// size is how long the header is, as far as is known.
func (c *cutter) size() int {
	if c.got < 2 {
		return 2
	}
	n := 2
	switch c.head[1] &^ maskedBit {
	case maxShort + 1:
		n += 2
	case maxShort + 2:
		n += 8
	}
	if c.head[1]&maskedBit != 0 {
		n += 4
	}
	return n
}

// begin takes in a whole header.
func (c *cutter) begin() {
	switch n := c.head[1] &^ maskedBit; n {
	case maxShort + 1:
		c.left = uint64(binary.BigEndian.Uint16(c.head[2:]))
	case maxShort + 2:
		c.left = binary.BigEndian.Uint64(c.head[2:])
	default:
		c.left = uint64(n)
	}
	switch c.head[0] & 0x0f {
	case opContinuation, opText, opBinary:
		c.fragmented = c.head[0]&finalBit == 0
	}
	c.got = 0
}

// signOfLife returns the length of the frame that b starts with, if that is a
// whole pong, or a HEARTBEAT that is not amid a message; 0 if it is not.
func signOfLife(b []byte, fragmented bool) int {
	if len(b) < 6 || b[1]&maskedBit == 0 {
		return 0
	}
	n := 6 + int(b[1]&^maskedBit)
	switch {
	case n > 6+maxShort || n > len(b):
		return 0
	case b[0] == finalBit|opPong:
		return n
	case b[0] == finalBit|opText && !fragmented && n == 6+len(heartbeat):
		for i, x := range heartbeat {
			if b[6+i]^b[2+i%4] != x {
				return 0
			}
		}
		return n
	}
	return 0
}
