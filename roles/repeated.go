package roles

import (
	"strings"
	"time"
	"unicode"
)

// A repeated bounds how often the same failure is logged: at once where it is
// another than before, and else once a minute.
type repeated struct {
	text string // logged last, without its figures
	at   time.Time
	n    int // failures not said yet
}

// due counts a failure. It is true if it is to be logged now, for n of them.
func (r *repeated) due(text string, now time.Time) (n int, ok bool) {
	r.n++
	text = strings.Map(withoutDigits, text)
	if text == r.text && now.Sub(r.at) < seldomEvery {
		return 0, false
	}
	n, r.n, r.text, r.at = r.n, 0, text, now
	return n, true
}

// withoutDigits drops the figures of an error, such as the port that a
// connection came from: it is another one each time.
func withoutDigits(r rune) rune {
	if unicode.IsDigit(r) {
		return -1
	}
	return r
}
