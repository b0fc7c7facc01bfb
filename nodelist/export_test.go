package nodelist

import "github.com/liberdus/liberdus/internal/signing"

// Seams for the tests outside.
var (
	NewTokenWithNonce = newToken
	Deal              = deal
	DecodeList        = decodeList
	DecodeRTC         = decodeRTC
)

// Departed returns how many keys l remembers that are not listed.
func (l *List) Departed() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.roster.departed)
}

// ReadBorrowed returns the keys of another archiver's list.
func ReadBorrowed(o signing.Object) ([]string, error) {
	b, err := readBorrowed(o)
	return b.Keys, err
}
