package roles

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/liberdus/liberdus/rtc"
	"github.com/liberdus/liberdus/signaling"
)

// tallyEvery is how often a role says what it did not serve: often enough
// to see an attack, or a limit that is too tight, and never a line for each.
const tallyEvery = time.Minute

// tally logs what was refused and dropped since it last did, if anything was,
// under the names of [signaling.Stats]. "connections" are those that a gate
// refused, and those that it dropped so that others could come.
func tally(count func() counts, log *slog.Logger) part {
	return part{"tally", func(ctx context.Context) error {
		tick := time.NewTicker(tallyEvery)
		defer tick.Stop()
		last := count()
		for {
			select {
			case <-ctx.Done():
				return nil
			case <-tick.C:
			}
			now := count()
			refused, dropped := more(last.refused, now.refused), more(last.dropped, now.dropped)
			if len(refused)+len(dropped) > 0 {
				log.Info("not served in the last minute", slog.GroupAttrs("refused", refused...), slog.GroupAttrs("dropped", dropped...))
			}
			last = now
		}
	}}
}

// counts are what was refused and dropped so far, by reason.
type counts struct{ refused, dropped map[string]uint64 }

// endedByLimit are the ends of sockets that the limits of an archiver bring about.
var endedByLimit = []signaling.End{signaling.EndSlowReader, signaling.EndTooLarge, signaling.EndSlowSender, signaling.EndAbuse, signaling.EndCrowded}

// counts are under the names of [signaling.Stats]. Connections that the gate
// closed are refused as "connections", those for which there was no descriptor
// as "files", joins as "join_" and why. Sockets that were ended are dropped, as
// "socket_" and why.
func (a *Archiver) counts() counts {
	st := a.peers.Stats()
	c := counts{refused: named(st.Refused), dropped: named(st.Dropped)}
	c.refused["connections"] = a.gate.refused.Load() + a.inner.refused.Load()
	c.refused["files"] = a.doors.refused()
	c.dropped["connections"] = a.gate.evicted.Load() + a.inner.evicted.Load()
	for why, n := range a.list.Stats().Refused {
		c.refused["join_"+string(why)] = n
	}
	for _, why := range endedByLimit {
		c.dropped["socket_"+string(why)] = st.Ended[why]
	}
	return c
}

// counts are the offers that were declined, and the connections that ended for
// what their peers did, under the names of [rtc.Stats], and the requests that a
// [rpc.Limit] refused, under its name.
func (n *Consensor) counts() counts {
	st := n.peer.Stats()
	c := counts{refused: named(st.Declined), dropped: named(st.Ended)}
	c.refused["connections"] = n.gate.refused.Load()
	c.refused["files"] = n.doors.refused()
	maps.DeleteFunc(c.dropped, func(why string, _ uint64) bool { return !slices.Contains(unserved, rtc.End(why)) })
	c.dropped["connections"] = n.gate.evicted.Load()
	n.limited.into(c.refused)
	return c
}

// unserved are the ends of connections that the limits of a node bring about.
var unserved = []rtc.End{rtc.EndCrowded, rtc.EndAddress, rtc.EndFlooded, rtc.EndSlow, rtc.EndUnsent}

func named[K ~string](m map[K]uint64) map[string]uint64 {
	out := make(map[string]uint64, len(m))
	for name, n := range m {
		out[string(name)] = n
	}
	return out
}

// more returns by how much the counts have grown, those that have, by name.
func more(last, now map[string]uint64) []slog.Attr {
	var attrs []slog.Attr
	for _, name := range slices.Sorted(maps.Keys(now)) {
		if n := now[name] - last[name]; n > 0 {
			attrs = append(attrs, slog.Uint64(name, n))
		}
	}
	return attrs
}
