package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// What the loads of sessions are told, and what they give.
type (
	connectArgs struct {
		Server, Peer string
		Sessions     int // to open, one after the other
	}
	requestArgs struct {
		URL             string // of a node's HTTP server; not for sessions
		Account         string
		InFlight, Total int
		Pad             int // bytes that each request has beside; for sessions
	}
)

// newSessionLoad is the client of every side that speaks WebRTC.
func newSessionLoad() loader {
	d := &dialler{conns: map[string]*dialled{}}
	return func(ctx context.Context, c command) (any, error) {
		switch c.Do {
		case "connect": // gives the milliseconds of each
			var a connectArgs
			if err := json.Unmarshal(c.Args, &a); err != nil {
				return nil, err
			}
			d.server, d.peer = a.Server, a.Peer
			var took []float64
			for range a.Sessions {
				t, err := d.connect(ctx)
				if err != nil {
					return nil, fmt.Errorf("session %d: %w", len(d.sessions)+1, err)
				}
				took = append(took, milliseconds(t))
			}
			return took, nil
		case "request": // gives the seconds
			var a requestArgs
			if err := json.Unmarshal(c.Args, &a); err != nil {
				return nil, err
			}
			took, err := d.sessions[0].run(a)
			return took.Seconds(), err
		case "check": // that every session is still open
			return nil, d.check()
		case "hang up":
			d.hangUp()
			return nil, nil
		}
		return nil, fmt.Errorf("unknown command %q", c.Do)
	}
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
