package certs_test

import (
	"io"
	"log"
	"log/slog"
	"testing"

	"go.uber.org/goleak"

	"github.com/liberdus/liberdus/internal/testacme"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, testacme.Leaks()...) }

// quiet takes what net/http says of handshakes that a test makes fail.
var quiet = log.New(io.Discard, "", 0)

func logger(b *book) *slog.Logger { return slog.New(slog.NewTextHandler(b, nil)) }
