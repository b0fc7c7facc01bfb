package signing

import (
	"encoding/hex"
	"fmt"
	"strings"
)

// A Tx is a transaction whose canonical text was made once, for its id, its
// signature and whoever keeps it. Its object must not change meanwhile.
type Tx struct {
	Object Object

	unsigned []byte   // canonical, without sign
	gap      int      // where sign would stand in it; -1: it has no members
	sum      [32]byte // of unsigned
}

// NewTx refuses an object that has no canonical text.
func NewTx(o Object) (Tx, error) {
	text, gap, err := canonicalUnsigned(o)
	if err != nil {
		return Tx{}, err
	}
	return Tx{Object: o, unsigned: text, gap: gap, sum: digest(hashKey, text)}, nil
}

// ID is the transaction's id, its [HashUnsigned].
func (t *Tx) ID() string { return hex.EncodeToString(t.sum[:]) }

// Verify checks the signature and returns its owner's address in lower case.
// The form of sign.sig decides the scheme: "0x" begins that of a [UserKey],
// anything else is taken for a [NodeKey]'s.
func (t *Tx) Verify() (owner string, err error) {
	owner, sig, err := signature(t.Object)
	if err != nil {
		return "", err
	}
	if digits, user := strings.CutPrefix(sig, sigPrefix); user {
		return verifyUser(t.ID(), owner, digits)
	}
	return verifyNode(t.sum, owner, sig)
}

// Text is the [Canonical] text of the whole object.
func (t *Tx) Text() ([]byte, error) {
	sign, signed := t.Object[signMember]
	if t.gap < 0 || !signed {
		return Canonical(t.Object)
	}
	w := writer{buf: make([]byte, 0, len(t.unsigned)+320), depth: 1, gap: -1}
	w.buf = append(w.buf, t.unsigned[:t.gap]...)
	if t.gap > 1 {
		w.buf = append(w.buf, ',')
	}
	w.buf = append(w.buf, `"sign":`...)
	if err := w.value(sign); err != nil {
		return nil, fmt.Errorf("signing: member %q: %w", signMember, err)
	}
	if t.unsigned[t.gap] == '"' { // it is the first of several
		w.buf = append(w.buf, ',')
	}
	return append(w.buf, t.unsigned[t.gap:]...), nil
}
