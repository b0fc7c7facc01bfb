package nodelist_test

import (
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/liberdus/liberdus/nodelist"
)

// Nodes that join and vanish all the time are counted in the log, not named each
// time; a node that is active is named amid them, and exempt ones always are.
func TestDiary(t *testing.T) {
	for _, tt := range []struct {
		name   string
		nodes  int
		exempt bool
		least  int // lines of nodes that join or go
		most   int
		summed bool
	}{
		{"a few", 40, false, 81, 81, false},
		{"a flood", 300, false, 200, 340, true},
		{"a flood from an exempt address", 300, true, 601, 601, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newArchiver(t, func(c *nodelist.Config) {
					c.PerAddress = 1000
					c.LimitExempt = []netip.Prefix{}
					if tt.exempt {
						c.LimitExempt = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
					}
				})
				stop := a.run()
				for i := range tt.nodes {
					a.mustJoin(1 + i)
				}
				last := a.mustJoin(1 + tt.nodes)
				a.connect(last, "")
				time.Sleep(7 * time.Second)
				synctest.Wait()
				stop()
				log := a.logs.String()
				lines := strings.Count(log, "node joined") + strings.Count(log, "node off the list")
				if lines < tt.least || lines > tt.most {
					t.Errorf("%d lines, want %d to %d", lines, tt.least, tt.most)
				}
				sums := regexp.MustCompile(`too fast for a line each" part=nodelist joined=(\d+) active=(\d+) left=(\d+)`).FindAllStringSubmatch(log, -1)
				for _, s := range sums {
					for _, n := range s[1:] {
						more, _ := strconv.Atoi(n) // it is digits
						lines += more
					}
				}
				if lines != 2*tt.nodes+1 || (len(sums) > 0) != tt.summed || len(sums) > 2 {
					t.Errorf("%d events are told of, want %d; in %d summaries", lines, 2*tt.nodes+1, len(sums))
				}
				if !strings.Contains(log, `msg="node active" part=nodelist peerId=`+last) {
					t.Error("the node that becomes active after them is not named")
				}
			})
		})
	}
}
