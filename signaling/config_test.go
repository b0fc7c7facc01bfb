package signaling_test

import (
	"strings"
	"testing"
	"time"

	"github.com/liberdus/liberdus/signaling"
)

func TestValidate(t *testing.T) {
	if err := signaling.DefaultConfig().Validate(); err != nil {
		t.Fatalf("the default: %v", err)
	}
	for _, tt := range []struct {
		name   string
		change func(*signaling.Config)
		want   []string // each in the error
	}{
		{"path", func(c *signaling.Config) { c.Path = "/a b" }, []string{"path"}},
		{"path, doubled slash", func(c *signaling.Config) { c.Path = "/a//b" }, []string{"path"}},
		{"path with dots", func(c *signaling.Config) { c.Path = "/a/../b" }, []string{"path"}},
		{"path of a dot", func(c *signaling.Config) { c.Path = "." }, []string{"path"}},
		{"key of dots", func(c *signaling.Config) { c.Key = ".." }, []string{"key"}},
		{"no key", func(c *signaling.Config) { c.Key = "" }, []string{"key"}},
		{"key with a slash", func(c *signaling.Config) { c.Key = "a/b" }, []string{"key"}},
		{"negative limit", func(c *signaling.Config) { c.ConcurrentLimit = -1 }, []string{"concurrent limit"}},
		{"nanoseconds", func(c *signaling.Config) { c.ExpireTimeout = 5 }, []string{"expire timeout: 5ns"}},
		{"pong before ping", func(c *signaling.Config) { c.PongTimeout = c.PingInterval }, []string{"pong timeout"}},
		{"small messages", func(c *signaling.Config) { c.MaxMessage = 1 }, []string{"max message"}},
		{"queue does not fit", func(c *signaling.Config) { c.QueueMessages = 256 }, []string{"outbound messages"}},
		{"message does not fit", func(c *signaling.Config) { c.MaxMessage = 1 << 20 }, []string{"outbound bytes"}},
		{"no queues", func(c *signaling.Config) { c.MaxQueues = 0 }, []string{"max queues"}},
		{"several", func(c *signaling.Config) { c.Key, c.AliveTimeout, c.MaxPending = "", time.Nanosecond, 0 }, []string{"key", "alive timeout", "max pending"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := signaling.DefaultConfig()
			tt.change(&c)
			err := c.Validate()
			if err == nil {
				t.Fatal("Validate = nil")
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("Validate = %q, want it to name %s", err, want)
				}
			}
			if _, err := signaling.NewServer(c, signaling.Hooks{}, testLog(t)); err == nil {
				t.Error("NewServer took it")
			}
		})
	}
}

func TestZeroLimitIsAllowed(t *testing.T) {
	c := signaling.DefaultConfig()
	c.ConcurrentLimit = 0
	if err := c.Validate(); err != nil {
		t.Errorf("Validate = %v", err)
	}
}
