package roles_test

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if os.Getenv(networkEnv) != "" {
		os.Exit(runNetwork())
	}
	goleak.VerifyTestMain(m)
}
