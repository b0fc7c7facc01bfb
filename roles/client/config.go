package client

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/liberdus/liberdus/nodelist"
	"github.com/liberdus/liberdus/rtc"
)

// Config says which network to use, and how. Start from [DefaultConfig].
type Config struct {
	// Archivers are tried in this order, each as URL or URL#PUBLICKEY. Without
	// its public key, the key that an archiver is first seen with is kept.
	Archivers []string
	// Data is the folder that keeps the archivers' keys and their latest lists.
	// Empty means liberdus in the user's configuration folder.
	Data string
	// Timeout bounds each call that has no nearer deadline.
	Timeout time.Duration
	// Sessions are kept open by a client that was dialled, if there are so many
	// nodes.
	Sessions int
	// Peer, if set, is the only peer to talk to. One whose id is no key cannot
	// prove who it is, and RequireIdentity refuses it.
	Peer            string
	RequireIdentity bool
	// Dialect is how to offer a connection to Peer: "auto", "simple-peer" or
	// "peerjs". Nodes of the list understand both.
	Dialect string
	// Log gets what goes wrong and is mended. Nil means nobody.
	Log *slog.Logger
	// Progress, if set, is told in a few words what a call waits for. It must
	// return at once, and may be called by several goroutines.
	Progress func(what string)

	tune func(*rtc.Config) // for tests; nil changes nothing
}

// DefaultConfig returns the settings that suit most, of no network yet.
func DefaultConfig() Config {
	return Config{Timeout: 20 * time.Second, Sessions: 3, Dialect: string(rtc.DialectAuto)}
}

// maxSessions bounds what one client takes of its network.
const maxSessions = 16

// Validate reports every bad setting.
func (c Config) Validate() error {
	var errs []error
	if len(c.Archivers) == 0 {
		errs = append(errs, errors.New("no archiver: give one with --archiver URL, such as http://127.0.0.1:6080"))
	}
	for _, text := range c.Archivers {
		if _, err := nodelist.ParseArchiver(text); err != nil {
			errs = append(errs, fmt.Errorf("--archiver: %w", err))
		}
	}
	if c.Timeout < 100*time.Millisecond {
		errs = append(errs, fmt.Errorf("timeout: %v is under 100ms", c.Timeout))
	}
	if c.Sessions < 1 || c.Sessions > maxSessions {
		errs = append(errs, fmt.Errorf("sessions: %d is not 1 to %d", c.Sessions, maxSessions))
	}
	switch rtc.Dialect(c.Dialect) {
	case rtc.DialectAuto, rtc.DialectSimplePeer, rtc.DialectPeerJS:
	default:
		errs = append(errs, fmt.Errorf("dialect: %q is none of auto, simple-peer, peerjs", c.Dialect))
	}
	return errors.Join(errs...)
}

// folder returns where to keep what is learnt, "" if there is no place.
func (c Config) folder(log *slog.Logger) (string, error) {
	dir, named := c.Data, c.Data != ""
	if !named {
		base, err := os.UserConfigDir()
		if err != nil {
			return "", nil
		}
		dir = filepath.Join(base, "liberdus")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		if named {
			return "", &UsageError{fmt.Errorf("--data: %w", err)}
		}
		log.Warn("the archivers' keys cannot be remembered", "err", err, "remedy", "give a folder with --data")
		return "", nil
	}
	return dir, nil
}
