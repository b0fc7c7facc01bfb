package client_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/liberdus/liberdus/roles"
	"github.com/liberdus/liberdus/roles/client"
)

func TestMain(m *testing.M) {
	if os.Getenv(networkEnv) != "" {
		os.Exit(runNetwork())
	}
	goleak.VerifyTestMain(m)
}

func logger(t *testing.T) *slog.Logger {
	return slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelInfo}))
}

// startDevnet runs a whole network in this process until the test ends.
func startDevnet(t *testing.T, consensors int) *roles.Devnet {
	t.Helper()
	d, stop, err := devnet(consensors, t.TempDir(), logger(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Errorf("devnet: %v", err)
		}
	})
	return d
}

// devnet runs a whole network in this process until stop is called.
func devnet(consensors int, data string, log *slog.Logger) (d *roles.Devnet, stop func() error, err error) {
	d, err = roles.NewDevnet(roles.DevnetConfig{
		Listen: []string{"127.0.0.1:0"}, NodeListen: "127.0.0.1:0", Consensors: consensors, Data: data,
		ConsensorListen: func(int) string { return "127.0.0.1:0" },
	}, log)
	if err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	ready, done := make(chan struct{}), make(chan error, 1)
	go func() { done <- d.Run(ctx, func() { close(ready) }) }()
	stop = func() error {
		cancel()
		err := errors.Join(<-done, d.Close())
		http.DefaultClient.CloseIdleConnections()
		return err
	}
	select {
	case <-ready:
		return d, stop, nil
	case err := <-done:
		done <- err
		return nil, nil, errors.Join(err, stop())
	}
}

// configFor returns the settings of a client of d.
func configFor(t *testing.T, d *roles.Devnet) client.Config {
	t.Helper()
	cfg := client.DefaultConfig()
	cfg.Archivers = []string{d.Archiver.URL() + "#" + d.Archiver.Key()}
	cfg.Data, cfg.Log = t.TempDir(), logger(t)
	return cfg
}
