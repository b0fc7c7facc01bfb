package roles

import (
	"github.com/liberdus/liberdus/internal/config"
	"github.com/liberdus/liberdus/internal/rpc"
	"github.com/liberdus/liberdus/rtc"
)

// limitSessions sets how many sessions there may be.
func limitSessions(to *rtc.Config, c config.Consensor) error {
	exempt, err := c.Exempt()
	if err != nil {
		return &UsageError{Err: err}
	}
	to.LimitExempt = exempt
	to.MaxSessions, to.MaxSessionsPerPeer = c.MaxSessions, c.MaxSessionsPerPeer
	to.MaxSessionsPerAddress, to.MaxHandshakes = c.MaxSessionsPerAddress, c.MaxHandshakes
	return nil
}

// newLimits returns what the sessions may ask, together and each.
func newLimits(c config.Consensor) (*rpc.Limits, error) {
	l, err := rpc.NewLimits(limitRequests(c))
	if err != nil {
		return nil, &UsageError{Err: err}
	}
	return l, nil
}

func limitRequests(c config.Consensor) rpc.LimitsConfig {
	cfg := rpc.DefaultLimitsConfig()
	cfg.PerSecond, cfg.AtOnce = float64(c.RequestsPerSecond), 2*c.RequestsPerSecond
	cfg.TotalPerSecond = float64(c.TotalRequestsPerSec)
	cfg.MaxBytes = int64(c.RequestMemory) << 20
	return cfg
}
