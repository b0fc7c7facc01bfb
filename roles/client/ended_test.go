package client_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/liberdus/liberdus/roles/client"
)

// A session that is wanted when the time is up already is none, and an error.
func TestConnectWhenTheTimeIsUp(t *testing.T) {
	cfg := client.DefaultConfig()
	cfg.Archivers, cfg.Data = []string{"http://127.0.0.1:9"}, t.TempDir()
	c, err := client.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if conv, err := client.Connect(ctx, c); conv != nil || !errors.Is(err, context.Canceled) {
		t.Errorf("Connect = %v, %v; want none, for the time was up", conv, err)
	}
}

// The same holds at whatever moment the time is up.
func TestConnectWhileTheTimeEnds(t *testing.T) {
	cfg := client.DefaultConfig()
	cfg.Archivers, cfg.Data = []string{"http://127.0.0.1:9"}, t.TempDir()
	c, err := client.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for i := range 1000 {
		ctx, stop := context.WithTimeout(t.Context(), time.Duration(i%300)*100*time.Nanosecond)
		if conv, err := client.Connect(ctx, c); conv != nil || err == nil {
			t.Fatalf("Connect = %v, %v; want none, and an error", conv, err)
		}
		stop()
	}
}
