package roles

import (
	"log/slog"

	"github.com/liberdus/liberdus/internal/config"
	"github.com/liberdus/liberdus/rtc"
)

// WantedFiles is how many files and connections an archiver with these settings
// would have open at once at most, and how to let it.
func WantedFiles(cfg config.Archiver) (n int, remedy string, err error) {
	p, err := peerConfig(cfg)
	if err != nil {
		return 0, "", err
	}
	public, nodes, err := gatesOf(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		return 0, "", err
	}
	n = ownFiles + p.ConcurrentLimit + p.MaxPending + public.total + nodes.total
	return n, raiseFiles(n), nil
}

// WantedFilesOfNode is WantedFiles of a consensor.
func WantedFilesOfNode(cfg config.Consensor) (n int, remedy string, err error) {
	g, err := newNodeGate(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		return 0, "", err
	}
	n = nodeFiles + g.total
	if cfg.TCPListen != "" {
		n += rtc.DefaultTCPLimits().Conns
	}
	return n, raiseFiles(n), nil
}

// MaxFiles is how many files and connections this process may have open at once;
// false: nobody knows.
func MaxFiles() (int, bool) { return maxFiles() }
