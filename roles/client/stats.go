package client

import "sync/atomic"

// Stats are what a [Client] has done so far. A request is one message to nodes,
// of which a call may take several.
type Stats struct {
	Requests uint64 // that were given to a session at all
	Slow     uint64 // times that one was given to another session, too: the node was slow,
	Silent   uint64 // or said nothing at all
	Again    uint64 // times that one was sent again after it had failed

	Opened  uint64 // sessions
	Lost    uint64 // of them, that broke or were ended by the node
	GivenUp uint64 // whose node said nothing for too long
	Worn    uint64 // that were to be replaced for their age
}

// counts are those of a pool.
type counts struct{ requests, slow, silent, again, opened, lost, givenUp, worn atomic.Uint64 }

// Stats returns what the client has done so far.
func (c *Client) Stats() Stats {
	n := &c.pool.counts
	return Stats{
		Requests: n.requests.Load(), Slow: n.slow.Load(), Silent: n.silent.Load(), Again: n.again.Load(),
		Opened: n.opened.Load(), Lost: n.lost.Load(), GivenUp: n.givenUp.Load(), Worn: n.worn.Load(),
	}
}
