package rtc

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/liberdus/liberdus/internal/binarypack"
)

// A serialisation is how the messages of a channel, which are JSON, travel on
// it. A simple-peerjs connection has none and is raw.
type serialisation string

const (
	serialRaw    serialisation = "raw"    // the text
	serialJSON   serialisation = "json"   // the text; its frames are binary since PeerJS 1.5
	serialBinary serialisation = "binary" // BinaryPack, in chunks of PeerJS's where it is long
)

// serialisations are the names that PeerJS peers put into their offers:
// "binary-utf8" and "none" are those of older versions.
var serialisations = map[string]serialisation{
	"raw": serialRaw, "none": serialRaw,
	"json":   serialJSON,
	"binary": serialBinary, "binary-utf8": serialBinary, "default": serialBinary,
}

// errPeerCloses is what a peer says that closes after flushing.
var errPeerCloses = errors.New("the peer closes")

// packed bounds the BinaryPack of a message of n bytes: an element of an array
// such as "9e9," takes nine.
func packed(n int) int { return n/4*9 + 9 }

// sizes returns how large a frame to a peer may be, and how large a message.
// A stock PeerJS peer takes any number of its own chunks; ours is the limit then.
func (f facts) sizes(s serialisation, chunks bool, limit int) (frame, message int) {
	switch {
	case s == serialBinary:
		return binarypack.ChunkSize, limit
	case chunks:
		return f.maxFrame, max(f.maxFrame, min(f.maxMessage, limit))
	}
	return f.maxFrame, f.maxFrame
}

func appendPeerJSChunk(out []byte, p piece) []byte {
	return binarypack.Chunk{Message: p.message, Index: p.index, Total: p.total, Data: p.data}.Append(out)
}

// pack returns msg as it travels on a channel of this serialisation.
func (s serialisation) pack(msg []byte) ([]byte, error) {
	switch {
	case s == serialRaw:
		return msg, nil
	case string(bytes.TrimSpace(msg)) == "null":
		return nil, fmt.Errorf("%w: PeerJS fails on a bare null", ErrMalformed)
	case s == serialJSON:
		return msg, nil
	}
	out, err := binarypack.FromJSON(msg)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	case binarypack.IsPeerData(out):
		return nil, fmt.Errorf("%w: PeerJS takes an object that begins with __peerData for its own", ErrMalformed)
	}
	return out, nil
}

// unpack returns the message that came as body. It is errPeerCloses if the
// peer has no more to say.
func (s serialisation) unpack(body []byte, limit int) ([]byte, error) {
	switch s {
	case serialJSON:
		if isPeerJSClose(body) {
			return nil, errPeerCloses
		}
	case serialBinary:
		return unpackBinary(body, limit)
	}
	return within(bytes.Clone(body), limit)
}

func unpackBinary(body []byte, limit int) ([]byte, error) {
	if data, ok := binarypack.Bytes(body); ok { // somebody's JSON, as bytes
		return within(bytes.Clone(data), limit)
	}
	msg, err := binarypack.ToJSON(body, limit)
	switch {
	case errors.Is(err, binarypack.ErrTooLong):
		return nil, fmt.Errorf("%w: over %d bytes as JSON", ErrTooLarge, limit)
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return msg, nil
}

func within(msg []byte, limit int) ([]byte, error) {
	if len(msg) > limit {
		return nil, fmt.Errorf("%w: %d bytes, the limit is %d", ErrTooLarge, len(msg), limit)
	}
	return msg, nil
}

// isPeerJSClose recognises the message with which PeerJS closes after
// flushing: {"__peerData":{"type":"close"}}.
func isPeerJSClose(msg []byte) bool {
	if len(msg) > 256 || !bytes.Contains(msg, []byte(`"__peerData"`)) {
		return false
	}
	var m struct {
		Data struct {
			Type string `json:"type"`
		} `json:"__peerData"`
	}
	return json.Unmarshal(msg, &m) == nil && m.Data.Type == "close"
}

// incoming makes messages of the frames of one channel.
type incoming struct {
	serial serialisation
	limit  int        // bytes of a message
	pieces reassembly // of large ones
	chunks bool       // both ends know chunk/1
}

func newIncoming(serial serialisation, chunks bool, limit int, timeout time.Duration) *incoming {
	in := &incoming{serial: serial, limit: limit, chunks: chunks}
	in.pieces = reassembly{limit: limit, timeout: timeout, ordered: true}
	if serial == serialBinary { // the channel may be unordered
		in.pieces.limit, in.pieces.ordered = packed(limit), false
	}
	return in
}

// take returns the message that frame holds or completes; nil and no error if
// more of it is to come. The frame is not kept.
func (in *incoming) take(frame []byte, text bool, now time.Time) ([]byte, error) {
	switch {
	case in.serial == serialBinary && text:
		return nil, fmt.Errorf("%w: a text frame on a connection of serialization binary", ErrMalformed)
	case in.serial == serialBinary && binarypack.IsPeerData(frame):
		return in.peerData(frame, now)
	case in.chunks && !text && isChunk(frame):
		p, err := readChunk(frame)
		if err != nil {
			return nil, err
		}
		return in.piece(p, now)
	}
	return in.serial.unpack(frame, in.limit)
}

func (in *incoming) peerData(frame []byte, now time.Time) ([]byte, error) {
	c, closes, err := binarypack.ReadPeerData(frame)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	case closes:
		return nil, errPeerCloses
	}
	return in.piece(piece{message: c.Message, index: c.Index, total: c.Total, data: c.Data}, now)
}

func (in *incoming) piece(p piece, now time.Time) ([]byte, error) {
	body, err := in.pieces.add(p, now)
	if body == nil || err != nil {
		return nil, err
	}
	return in.serial.unpack(body, in.limit)
}
