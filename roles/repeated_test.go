package roles

import (
	"testing"
	"time"
)

func TestRepeated(t *testing.T) {
	var r repeated
	now := time.Now()
	for i, tt := range []struct {
		after time.Duration
		text  string
		n     int
		due   bool
	}{
		{0, "refused", 1, true},
		{time.Second, "refused", 0, false},
		{time.Second, "refused", 0, false},
		{time.Second, "reset by 10.0.0.1:6080, from port 40123", 3, true}, // another is said at once
		{time.Second, "reset by 10.0.0.1:6080, from port 40127", 0, false},
		{time.Second, "no certificate", 2, true},
		{time.Second, "no certificate", 0, false},
		{time.Minute, "no certificate", 2, true},
		{time.Second, "refused", 1, true},
	} {
		now = now.Add(tt.after)
		if n, due := r.due(tt.text, now); n != tt.n || due != tt.due {
			t.Errorf("failure %d: %d, %v, want %d, %v", i, n, due, tt.n, tt.due)
		}
	}
}
