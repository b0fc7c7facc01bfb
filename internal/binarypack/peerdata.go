package binarypack

// ChunkSize is how many bytes of BinaryPack PeerJS puts into one message. A
// longer value travels in chunks of that many bytes.
const ChunkSize = 16300

// peerDataKey marks the objects that PeerJS says to itself: it is their first
// member.
const peerDataKey = "__peerData"

// A Chunk is a part of a packed value.
type Chunk struct {
	Message uint64 // of the connection and direction, from 1; below 2^53
	Index   uint64 // from 0
	Total   uint64
	Data    []byte
}

// Append appends the object in which c travels, with its members in the order
// of PeerJS.
func (c Chunk) Append(out []byte) []byte {
	out = appendKey(append(out, codeShortObject|4), peerDataKey)
	out = appendKey(appendNumber(out, float64(c.Message)), "n")
	out = appendKey(appendNumber(out, float64(c.Index)), "data")
	out = append(appendLength(out, codeShortBytes, codeBytes16, len(c.Data)), c.Data...)
	return appendNumber(appendKey(out, "total"), float64(c.Total))
}

// appendKey appends a key of at most 15 bytes.
func appendKey(out []byte, key string) []byte {
	return append(append(out, codeShortString|byte(len(key))), key...)
}

// IsPeerData tells the objects that PeerJS says to itself.
func IsPeerData(pack []byte) bool {
	r := reader{data: pack}
	it, err := r.next()
	if err != nil || it.kind != kindObject || it.len == 0 {
		return false
	}
	key, err := r.next()
	return err == nil && key.kind == kindString && string(key.data) == peerDataKey
}

// ReadPeerData reads an object that [IsPeerData] tells. It is a chunk, whose
// data are a part of pack; or closes is true, and the peer has sent everything
// and wants the connection closed.
func ReadPeerData(pack []byte) (c Chunk, closes bool, err error) {
	r := reader{data: pack}
	it, err := r.next()
	if err != nil {
		return c, false, err
	}
	missing := map[string]bool{peerDataKey: true, "n": true, "total": true, "data": true}
	for range it.len {
		key, value, err := r.member()
		if err != nil {
			return c, false, err
		}
		if key == peerDataKey && value.kind == kindObject {
			closes, err := r.isClose(value)
			return c, closes, err
		}
		if err := c.set(&r, key, value); err != nil {
			return c, false, err
		}
		delete(missing, key)
	}
	if len(missing) > 0 {
		return c, false, r.fail("a chunk that lacks a member")
	}
	return c, false, r.end()
}

// set takes over a member of a chunk. One that is not known is passed over.
func (c *Chunk) set(r *reader, key string, value item) (err error) {
	switch key {
	case peerDataKey:
		c.Message, err = r.count(value)
	case "n":
		c.Index, err = r.count(value)
	case "total":
		c.Total, err = r.count(value)
	case "data":
		if value.kind != kindBytes {
			return r.fail("a chunk whose data are not bytes")
		}
		c.Data = value.data
	default:
		return r.skip(value, 1)
	}
	return err
}

// member reads a key, and its value up to the first element of that.
func (r *reader) member() (key string, value item, err error) {
	it, err := r.next()
	if err != nil {
		return "", value, err
	}
	if it.kind != kindString {
		return "", value, r.fail("a key that is not a string")
	}
	value, err = r.next()
	return string(it.data), value, err
}

// count returns one of a chunk's numbers, below 2^53.
func (r *reader) count(it item) (uint64, error) {
	const limit = 1 << 53
	switch {
	case it.kind == kindInt && it.num < limit:
		return it.num, nil
	case it.kind == kindFloat && it.float >= 0 && it.float < limit && it.float == float64(uint64(it.float)):
		return uint64(it.float), nil
	}
	return 0, r.fail("a chunk's number that is none")
}

// isClose says whether it, an object, is {"type":"close"}.
func (r *reader) isClose(it item) (bool, error) {
	closes := false
	for range it.len {
		key, value, err := r.member()
		if err != nil {
			return false, err
		}
		if err := r.skip(value, 2); err != nil {
			return false, err
		}
		closes = closes || key == "type" && value.kind == kindString && string(value.data) == "close"
	}
	if !closes {
		return false, r.fail("an object of PeerJS's own that says nothing")
	}
	return true, nil
}
