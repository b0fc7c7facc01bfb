package signaling

import (
	"encoding/binary"
	"fmt"
	"unicode/utf8"

	"github.com/gorilla/websocket"
)

// Frames of RFC 6455, section 5.2: two bytes, a longer length, a mask, the
// payload.
const (
	finalBit     = 0x80 // of the first byte
	reservedBits = 0x70 // of the first byte: of extensions, none of which is spoken
	controlBit   = 0x08 // of the opcode
	maskedBit    = 0x80 // of the second byte

	opContinuation = 0
	opText         = 1
	opBinary       = 2
	opClose        = 8
	opPing         = 9
	opPong         = 10

	maxShort  = 125 // longest payload whose length is in the second byte, and longest of a control frame
	maxHeader = 14
)

// A violation is what a peer sent that RFC 6455 or a limit forbids, and the
// close code that tells it so.
type violation struct {
	code int
	what string
}

func (v *violation) Error() string { return fmt.Sprintf("close code %d: %s", v.code, v.what) }

func misframed(what string) *violation {
	return &violation{code: websocket.CloseProtocolError, what: what}
}

// opening is how many bytes of a frame must be there before anything can be
// done with it: the header, and the whole of a control frame. b is what is
// there; as long as it is shorter than opening, that may grow.
func opening(b []byte) int {
	if len(b) < 2 {
		return 2
	}
	n := headerSize(b[1])
	if b[0]&controlBit != 0 {
		n += int(b[1] &^ maskedBit)
	}
	return n
}

// headerSize is told by the second byte.
func headerSize(second byte) int {
	n := 2
	switch second &^ maskedBit {
	case maxShort + 1:
		n += 2
	case maxShort + 2:
		n += 8
	}
	if second&maskedBit != 0 {
		n += 4
	}
	return n
}

// judgeFrame says what is wrong with a frame of these first two bytes, nil if
// nothing is. fragmented is whether it comes amid a message.
func judgeFrame(first, second byte, fragmented bool) *violation {
	op := first & 0x0f
	switch {
	case first&reservedBits != 0:
		return misframed("reserved bits are set")
	case second&maskedBit == 0:
		return misframed("a frame is not masked")
	case op&controlBit == 0:
		return judgeData(op, fragmented)
	case op > opPong:
		return misframed("unknown opcode")
	case first&finalBit == 0:
		return misframed("a control frame is fragmented")
	case second&^maskedBit > maxShort:
		return misframed("a control frame is too long")
	}
	return nil
}

func judgeData(op byte, fragmented bool) *violation {
	switch {
	case op > opBinary:
		return misframed("unknown opcode")
	case op == opContinuation && !fragmented:
		return misframed("a message is continued that has not begun")
	case op != opContinuation && fragmented:
		return misframed("a message begins amid another")
	}
	return nil
}

// A header is that of a frame that was judged.
type header struct {
	op     byte
	final  bool
	length uint64
	mask   uint32 // little endian
	size   int    // of the header
}

// parseHeader takes in a whole header.
func parseHeader(b []byte) header {
	h := header{op: b[0] & 0x0f, final: b[0]&finalBit != 0, size: headerSize(b[1])}
	switch n := b[1] &^ maskedBit; n {
	case maxShort + 1:
		h.length = uint64(binary.BigEndian.Uint16(b[2:]))
	case maxShort + 2:
		h.length = binary.BigEndian.Uint64(b[2:])
	default:
		h.length = uint64(n)
	}
	h.mask = binary.LittleEndian.Uint32(b[h.size-4:])
	return h
}

// unmask undoes or applies a mask, and returns it turned for what follows b.
func unmask(b []byte, mask uint32) uint32 {
	wide := uint64(mask)<<32 | uint64(mask)
	for len(b) >= 8 {
		binary.LittleEndian.PutUint64(b, binary.LittleEndian.Uint64(b)^wide)
		b = b[8:]
	}
	for i := range b {
		b[i] ^= byte(mask)
		mask = mask>>8 | mask<<24
	}
	return mask
}

// closeCode returns what a close frame of the peer says; 0 if it says nothing.
func closeCode(payload []byte) (code int, v *violation) {
	switch len(payload) {
	case 0:
		return 0, nil
	case 1:
		return 0, misframed("half a close code")
	}
	code = int(binary.BigEndian.Uint16(payload))
	switch {
	case !sendable(code):
		return 0, misframed("a close code that must not be sent")
	case !utf8.Valid(payload[2:]):
		return 0, &violation{code: websocket.CloseInvalidFramePayloadData, what: "the reason of a close frame is not UTF-8"}
	}
	return code, nil
}

// sendable reports whether a close frame may have this code: RFC 6455, section
// 7.4, and the registry of IANA.
func sendable(code int) bool {
	switch code {
	case websocket.CloseNoStatusReceived, websocket.CloseAbnormalClosure, 1004:
		return false
	}
	return code >= websocket.CloseNormalClosure && code <= 1014 || code >= 3000 && code <= 4999
}

// appendHeader appends what precedes the payload, of n bytes, in a frame of the
// server's.
func appendHeader(b []byte, op byte, n int) []byte {
	b = append(b, finalBit|op)
	switch {
	case n <= maxShort:
		return append(b, byte(n))
	case n < 1<<16:
		return binary.BigEndian.AppendUint16(append(b, maxShort+1), uint16(n))
	}
	return binary.BigEndian.AppendUint64(append(b, maxShort+2), uint64(n))
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
