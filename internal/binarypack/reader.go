package binarypack

import (
	"encoding/binary"
	"math"
	"unicode/utf8"
)

// kind says what a value is, its length aside.
type kind int

const (
	kindNull kind = iota
	kindUndefined
	kindBool
	kindInt   // in item.num
	kindUint  // in item.num; over the range of int64
	kindFloat // in item.float
	kindString
	kindBytes
	kindArray
	kindObject
)

// item is a value without what is in it.
type item struct {
	kind  kind
	num   uint64 // of a number; 1 for true
	float float64
	len   int    // elements of an array, members of an object
	data  []byte // of a string or of bytes; a part of the input
}

// reader takes BinaryPack apart. After an error it is of no more use.
type reader struct {
	data []byte
	off  int
}

func (r *reader) fail(why string) error { return &SyntaxError{r.off, why} }

// rest returns how many bytes are left.
func (r *reader) rest() int { return len(r.data) - r.off }

// take returns the next n bytes.
func (r *reader) take(n int) ([]byte, error) {
	if n > r.rest() {
		return nil, r.fail("the value ends too soon")
	}
	b := r.data[r.off : r.off+n]
	r.off += n
	return b, nil
}

// uint reads a number of n bytes.
func (r *reader) uint(n int) (uint64, error) {
	b, err := r.take(n)
	if err != nil {
		return 0, err
	}
	var wide [8]byte
	copy(wide[8-n:], b)
	return binary.BigEndian.Uint64(wide[:]), nil
}

// next reads a value up to its first element.
func (r *reader) next() (item, error) {
	b, err := r.take(1)
	if err != nil {
		return item{}, err
	}
	code := b[0]
	switch {
	case code < codeShortObject:
		return item{kind: kindInt, num: uint64(code)}, nil
	case code >= 0xe0:
		return item{kind: kindInt, num: uint64(int64(int8(code)))}, nil
	case code < codeNull:
		return r.sized([]kind{kindObject, kindArray, kindBytes, kindString}[code>>4&3], int(code&shortLen))
	}
	switch code {
	case codeNull:
		return item{kind: kindNull}, nil
	case codeUndefined:
		return item{kind: kindUndefined}, nil
	case codeFalse, codeTrue:
		return item{kind: kindBool, num: uint64(code & 1)}, nil
	case codeFloat32, codeFloat64:
		return r.float(code)
	case codeUint8, codeUint16, codeUint32, codeUint64, codeInt8, codeInt16, codeInt32, codeInt64:
		return r.integer(code)
	}
	return r.long(code)
}

func (r *reader) float(code byte) (item, error) {
	if code == codeFloat32 {
		n, err := r.uint(4)
		return item{kind: kindFloat, float: float64(math.Float32frombits(uint32(n)))}, err
	}
	n, err := r.uint(8)
	return item{kind: kindFloat, float: math.Float64frombits(n)}, err
}

func (r *reader) integer(code byte) (item, error) {
	size := 1 << (code & 3) // cc and d0 begin the four sizes
	n, err := r.uint(size)
	if err != nil {
		return item{}, err
	}
	switch {
	case code >= codeInt8: // widen the sign
		shift := 64 - 8*size
		n = uint64(int64(n<<shift) >> shift)
	case n > math.MaxInt64:
		return item{kind: kindUint, num: n}, nil
	}
	return item{kind: kindInt, num: n}, nil
}

// long reads what has its length after its code.
func (r *reader) long(code byte) (item, error) {
	if code < codeString16 {
		r.off--
		return item{}, r.fail("an unknown code")
	}
	size := 2
	if code&1 == 1 {
		size = 4
	}
	n, err := r.uint(size)
	if err != nil {
		return item{}, err
	}
	// A length is held against the input as it was written: an int may have 32 bits.
	if n > uint64(r.rest()) {
		return item{}, r.fail("a length is over what follows")
	}
	return r.sized([]kind{kindString, kindBytes, kindArray, kindObject}[(code-codeString16)/2], int(n))
}

// sized reads a value of n bytes, or to the first of its n elements, each of
// which takes a byte at least.
func (r *reader) sized(k kind, n int) (item, error) {
	it := item{kind: k, len: n}
	var err error
	switch k {
	case kindArray, kindObject:
		need := n
		if k == kindObject {
			need = 2 * n
		}
		if need > r.rest() {
			return it, r.fail("a length is over what follows")
		}
		return it, nil
	case kindString:
		if it.data, err = r.take(n); err == nil && !utf8.Valid(it.data) {
			return it, r.fail("a string that is not UTF-8")
		}
	default:
		it.data, err = r.take(n)
	}
	return it, err
}

// skip passes over what is in it.
func (r *reader) skip(it item, depth int) error {
	n := it.len
	switch it.kind {
	case kindArray:
	case kindObject:
		n *= 2
	default:
		return nil
	}
	if depth >= MaxDepth {
		return r.fail("arrays and objects too deep in each other")
	}
	for range n {
		inner, err := r.next()
		if err != nil {
			return err
		}
		if err := r.skip(inner, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// end demands that nothing follows.
func (r *reader) end() error {
	if r.rest() > 0 {
		return r.fail("something follows the value")
	}
	return nil
}
