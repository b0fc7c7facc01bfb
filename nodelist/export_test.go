package nodelist

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
