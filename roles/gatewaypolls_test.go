package roles_test

import (
	"testing"
	"time"

	"github.com/liberdus/liberdus/roles"
	"github.com/liberdus/liberdus/roles/client"
)

// A gateway's polls believe no chat that is yet to come, and no node that is
// gone against the one that tells now.
func TestPollsAfterANodeThatLied(t *testing.T) {
	clock := time.UnixMilli(1_800_000_000_000)
	now := clock.UnixMilli()
	type told struct {
		peer string
		chat int64
	}
	for _, tt := range []struct {
		name string
		told []told
		want int64
	}{
		{"a chat", []told{{"1", now}}, now},
		{"an earlier one by the same node", []told{{"1", now}, {"1", now - 1}}, now},
		{"an earlier one by another node", []told{{"1", now}, {"2", now - 1}}, now - 1},
		{"one as late as may be", []told{{"1", now}, {"1", now + 10_000}}, now + 10_000},
		{"one that is yet to come", []told{{"1", now}, {"1", now + 10_001}}, now},
		{"one in the year 2223, and the truth", []told{{"1", 8e12}, {"1", now}}, now},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tell, newest := roles.PollsTold(func() time.Time { return clock })
			for _, e := range tt.told {
				tell(client.Event{Account: "a", ChatTimestamp: e.chat, Peer: e.peer})
			}
			if got, told := newest(); got != tt.want || told != tt.want {
				t.Errorf("who comes is told %d, who waits %d; want %d", got, told, tt.want)
			}
		})
	}
}
