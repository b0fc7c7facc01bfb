package roles

import (
	"fmt"
	"log/slog"

	"github.com/liberdus/liberdus/signaling"
)

const (
	// ownFiles are kept for what is no client's connection: listeners, the data
	// folder, certificates, and what the archiver asks of others.
	ownFiles = 64
	// fewestFiles are those with which an archiver can do nothing useful.
	fewestFiles = 2 * ownFiles
	// reservedFiles are kept at most for those who have no id, however many peers
	// the operator wants: without them nobody could come in.
	reservedFiles = 512
)

// fitFiles makes do with as many files as may be open: sockets that hold an id,
// those that do not, and connections that speak HTTP each get a part that the
// others cannot take. It warns if that is less than the settings allow.
func fitFiles(files int, p *signaling.Config, public, nodes *gate, log *slog.Logger) error {
	want := ownFiles + p.ConcurrentLimit + p.MaxPending + public.total + nodes.total
	if files >= want {
		return nil
	}
	if files < fewestFiles {
		return fmt.Errorf("only %d files and connections may be open at once, and an archiver needs %d: raise the limit by %s", files, fewestFiles, raiseFiles(want))
	}
	have := files - ownFiles
	p.ConcurrentLimit = min(p.ConcurrentLimit, have-min(have/4, reservedFiles))
	rest := have - p.ConcurrentLimit
	p.MaxPending = min(p.MaxPending, rest/4)
	nodes.narrow(rest / 4)
	public.narrow(rest / 2)
	log.Warn("fewer files may be open than the settings allow connections", "files", files, "wanted", want,
		"concurrentLimit", p.ConcurrentLimit, "connections", public.total, "remedy", raiseFiles(want))
	return nil
}

// nodeFiles are kept for what is no client's connection to a node: 1,000 that
// Pebble has open of a large ledger at most, its log, listeners, archivers, a
// node behind. A ledger that cannot open its next log can keep nothing more.
const nodeFiles = 1000 + ownFiles

// fitNode is fitFiles of a consensor: g counts its HTTP connections, tcp those of
// its data channels over TCP, 0 if it offers none. Half of few files are the ledger's.
func fitNode(files int, g *gate, tcp *int, log *slog.Logger) error {
	want := nodeFiles + g.total + *tcp
	if files >= want {
		return nil
	}
	if files < fewestFiles {
		return fmt.Errorf("only %d files and connections may be open at once, and a consensor needs %d: raise the limit by %s", files, fewestFiles, raiseFiles(want))
	}
	have := files - min(nodeFiles, files/2)
	if *tcp > 0 {
		*tcp = min(*tcp, have/2)
	}
	g.narrow(have - *tcp)
	log.Warn("fewer files may be open than the settings allow connections", "files", files, "wanted", want,
		"connections", g.total, "tcpSessions", *tcp, "remedy", raiseFiles(want))
	return nil
}

// raiseFiles says how to let n files be open.
func raiseFiles(n int) string {
	return fmt.Sprintf("ulimit -n %[1]d before the start; for systemd, LimitNOFILE=%[1]d", n)
}

// narrow lets at most total connections be open.
func (g *gate) narrow(total int) {
	g.total = min(g.total, total)
	g.perAddress = min(g.perAddress, g.total)
	g.idle = min(g.idle, g.perAddress)
}
