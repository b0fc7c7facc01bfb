package needs_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/liberdus/liberdus/internal/needs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A verdict is a test that says what became of it, and goes on.
type verdict struct {
	testing.TB
	failed, skipped bool
}

func (v *verdict) Helper()      {}
func (v *verdict) Fatal(...any) { v.failed = true }
func (v *verdict) Skip(...any)  { v.skipped = true }

// What is missing skips a test on a laptop and fails it in CI.
func TestMissing(t *testing.T) {
	for _, tt := range []struct {
		name, ci, program string
		want              verdict
	}{
		{"there", "true", "sh", verdict{}},
		{"missing on a laptop", "", "no-such-program", verdict{skipped: true}},
		{"missing in CI", "true", "no-such-program", verdict{failed: true}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv("CI", tt.ci)
			var got verdict
			if path := needs.Program(&got, tt.program, "dash"); got != tt.want || (path == "") != (got != verdict{}) {
				t.Errorf("Program = %q, failed %v, skipped %v", path, got.failed, got.skipped)
			}
		})
	}
}
