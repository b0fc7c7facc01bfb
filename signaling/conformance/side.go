package conformance

import (
	"context"
	"net"
	"strconv"
	"time"
)

// A Kind is a sort of server, by what is expected of it.
type Kind int

// The kinds.
const (
	Library   Kind = iota // signaling.Server
	Archiver              // the program, where page and API share the listener
	Reference             // npm peer 1.0.2
)

// A Side is a kind of server and how to start one.
type Side struct {
	Kind Kind
	// Start starts a server.
	Start func(Options) (Server, error)
	// Launch starts the program with these arguments and variables (NAME=value),
	// on 127.0.71.72 and ports of its own choice unless they say otherwise. It
	// is nil where there is no program.
	Launch func(args, env []string) (Launched, error)
	// Slack is added to the latest moment at which something may happen: none
	// on a clock that stands still, some on a busy machine.
	Slack time.Duration
	// Soak is how long the statement about floods lasts.
	Soak time.Duration
}

// A Server is one that runs.
type Server struct {
	Base  string // http://host:port
	Dial  func(ctx context.Context, network, addr string) (net.Conn, error)
	Stop  func()          // asks it to end, as SIGTERM does
	Ended <-chan struct{} // closed when it has
	Close func()          // ends it in any case
}

// Launched is what became of a program: it serves, or has ended.
type Launched struct {
	Addrs string // where it listens, as it says: host:port[,host:port…]; "" = it has ended
	Code  int    // its exit code then
	Said  string // on standard error, and standard output
	Close func()
}

// Options are settings of a server. The zero value of a member stands for the
// default of the peerjs command.
type Options struct {
	Path             string
	ConcurrentLimit  *int
	AllowDiscovery   bool
	CORS             []string
	ExpireTimeout    time.Duration
	AliveTimeout     time.Duration
	CleanupInterval  time.Duration
	GenerateConstant string // every id that is made is this one; not an option of the command
}

// Key is the PeerJS key of every server here.
const Key = "peerjs"

// Args returns o as arguments of the peerjs command.
func (o Options) Args() []string {
	args := []string{"--key", Key, "--path", "/"}
	if o.Path != "" {
		args[3] = o.Path
	}
	if o.ConcurrentLimit != nil {
		args = append(args, "-c", strconv.Itoa(*o.ConcurrentLimit))
	}
	if o.AllowDiscovery {
		args = append(args, "--allow_discovery")
	}
	for _, origin := range o.CORS {
		args = append(args, "--cors", origin)
	}
	ms := func(name string, d time.Duration) {
		if d != 0 {
			args = append(args, name, strconv.FormatInt(d.Milliseconds(), 10))
		}
	}
	ms("--expire_timeout", o.ExpireTimeout)
	ms("--alive_timeout", o.AliveTimeout)
	ms("--cleanup_out_msgs", o.CleanupInterval)
	return args
}
