package rtc

import (
	"encoding/binary"
	"fmt"
)

// capChunk is announced by peers that cut large messages: a binary frame is
// then a piece of one if it begins with chunkMark, which no JSON does.
//
//	0x01 | uvarint message, from 1 | uvarint index, from 0 | uvarint total | data
//
// The pieces of a message come in their order, those of several messages and
// whole messages between them.
const capChunk = "chunk/1"

const (
	chunkMark  = 0x01
	chunkFrame = 16384 // bytes of a frame, its header included
)

// chunkHeader is what a frame is spared for its header: the mark, a message
// number that fits into 48 bits, and two counts of up to 2^28.
const chunkHeader = 1 + 7 + 4 + 4

// chunkRoom is how much of a message goes into one frame.
const chunkRoom = chunkFrame - chunkHeader

// Caps returns what our side of every connection announces.
func Caps() []string { return []string{capChunk} }

func isChunk(frame []byte) bool { return len(frame) > 0 && frame[0] == chunkMark }

// appendChunk appends the frame of p.
func appendChunk(out []byte, p piece) []byte {
	out = append(out, chunkMark)
	out = binary.AppendUvarint(out, p.message)
	out = binary.AppendUvarint(out, p.index)
	out = binary.AppendUvarint(out, p.total)
	return append(out, p.data...)
}

// readChunk reads a frame that isChunk tells. The data are a part of it.
func readChunk(frame []byte) (piece, error) {
	var p piece
	if len(frame) > chunkFrame {
		return p, fmt.Errorf("%w: a chunk of %d bytes, the limit is %d", ErrMalformed, len(frame), chunkFrame)
	}
	rest := frame[1:]
	for _, n := range []*uint64{&p.message, &p.index, &p.total} {
		v, size := binary.Uvarint(rest)
		if size <= 0 {
			return p, fmt.Errorf("%w: a chunk with no proper header", ErrMalformed)
		}
		*n, rest = v, rest[size:]
	}
	if p.message == 0 {
		return p, fmt.Errorf("%w: a chunk of message 0", ErrMalformed)
	}
	p.data = rest
	return p, nil
}
