package signing_test

import (
	"testing"

	"github.com/liberdus/liberdus/internal/signing"
)

// The pair is one that a Shardus node told.
func TestCurve(t *testing.T) {
	const public, want = "499a602c0109bcf3bb84fe414032d792bd7c56f3a68ca547cf9c70552c713b8f", "b2841c04d3a2e2b3ed85c9a6ce4d487798f721af8076aac70a7d69f6e2d85153"
	if got, err := signing.Curve(public); got != want || err != nil {
		t.Errorf("Curve(%s) = %s, %v, want %s", public, got, err, want)
	}
	for name, bad := range map[string]string{
		"short": public[2:], "no hex": "x" + public[1:], "empty": "",
		"the neutral element": "0100000000000000000000000000000000000000000000000000000000000000",
	} {
		if got, err := signing.Curve(bad); err == nil {
			t.Errorf("Curve of %s = %s, want an error", name, got)
		}
	}
}
