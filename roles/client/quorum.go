package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/liberdus/liberdus/internal/rpc"
)

// A QuorumError says that not enough nodes gave the same answer.
type QuorumError struct {
	Want   int                 // equal answers
	Votes  map[string][]string // who gave the same answer, by the answer's first peer
	Failed map[string]error    // who gave none
}

func (e *QuorumError) Error() string {
	var said []string
	for _, peers := range e.Votes {
		said = append(said, strings.Join(peers, " and "))
	}
	slices.Sort(said)
	text := fmt.Sprintf("no %d nodes give the same answer", e.Want)
	if len(said) > 0 {
		text += ": one answer by " + strings.Join(said, ", another by ")
	}
	var failed []string
	for peer, err := range e.Failed {
		failed = append(failed, fmt.Sprintf("none by %s: %v", peer, err))
	}
	slices.Sort(failed)
	return strings.Join(append([]string{text}, failed...), "; ")
}

// An Agreed is an account about which several nodes say the same.
type Agreed struct {
	Account
	// Peers gave this answer; Peer is the first of them.
	Peers []string `json:"peers"`
	// Odd gave another one.
	Odd []string `json:"odd,omitempty"`
}

// maxOdd is how many nodes more than wanted are asked where answers differ.
const maxOdd = 2

// AccountQuorum asks k nodes for an account, each over a session of its own, and
// returns the answer that k of them give; where answers differ, up to two nodes
// more are asked. An account that changes just now differs for a moment, so who is
// odd is asked once more. The error is a [QuorumError] if there is no such answer,
// and [ErrNoAccount] if k nodes say so.
func (c *Client) AccountQuorum(ctx context.Context, id string, k int) (Agreed, error) {
	switch {
	case c.cfg.Peer != "":
		return Agreed{}, &UsageError{errors.New("several nodes cannot be asked where one is named: leave out --peer")}
	case k < 1 || k > maxSessions-maxOdd:
		return Agreed{}, &UsageError{fmt.Errorf("--quorum %d: it is 1 to %d", k, maxSessions-maxOdd)}
	}
	ctx, cancel := c.limit(ctx)
	defer cancel()
	r, err := accountRequest(id)
	if err != nil {
		return Agreed{}, err
	}
	q := &quorum{c: c, id: id, r: r, k: k, failed: map[string]error{}}
	for more := k; more > 0; more = q.more() {
		before := len(q.asked)
		if err := q.ask(ctx, more); err != nil {
			return Agreed{}, err
		}
		if len(q.asked) == before {
			break // there is nobody else
		}
	}
	return q.result()
}

// A vote is what one node says.
type vote struct {
	m    *member
	data json.RawMessage
}

// A quorum is several nodes that are asked the same. What mu guards is owned by
// AccountQuorum while ask does not run.
type quorum struct {
	c  *Client
	id string
	r  rpc.Request
	k  int

	mu     sync.Mutex
	asked  []string         // guarded by mu; peers
	votes  []vote           // guarded by mu
	failed map[string]error // guarded by mu; by peer
}

// ask asks n nodes that were not asked yet, all at once: who is slow to connect
// keeps none of the others waiting.
func (q *quorum) ask(ctx context.Context, n int) error {
	s := patiently(q.asked)
	enough := len(q.asked) >= q.k // to tell who is odd, as far as there are others
	all, cancel := context.WithCancel(ctx)
	defer cancel()
	failed := make(chan error, n)
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			m, err := q.c.pool.stranger(all, s)
			if errors.Is(err, errNoOther) && ctx.Err() == nil {
				err = &fewError{s.met(), q.k} // counted before cancel leaves nobody to count
			}
			if err != nil {
				failed <- err
				if !enough {
					cancel() // there will be no quorum
				}
				return
			}
			q.mu.Lock()
			q.asked = append(q.asked, m.peerID)
			q.mu.Unlock()
			q.one(all, m)
		})
	}
	wg.Wait()
	close(failed)
	for err := range failed {
		few, isFew := errors.AsType[*fewError](err)
		switch {
		case errors.Is(err, errNoOther) && enough:
		case isFew:
			return &hopError{hopArchiver, few}
		case errors.Is(err, errNoOther): // the time was up before anybody was looked for
			return cause(ctx, ctx.Err())
		default:
			return err
		}
	}
	q.again(ctx)
	return nil
}

// A fewError says that there are not enough nodes to agree.
type fewError struct{ active, want int }

func (e *fewError) Error() string {
	if e.active < e.want {
		return fmt.Sprintf("there are %d active nodes, which is less than the %d to agree", e.active, e.want)
	}
	return fmt.Sprintf("of the %d active nodes fewer can be reached than the %d to agree", e.active, e.want)
}

func (e *fewError) Unwrap() error { return errNoOther }

// met returns how many nodes the search has come across, be there a session with
// them or not.
func (s *search) met() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	peers := make(map[string]bool)
	for _, peer := range s.avoid {
		peers[peer] = true
	}
	for peer := range s.claims {
		peers[peer] = true
	}
	for dialled := range s.vain {
		peers[dialled[1]] = true
	}
	return len(peers)
}

func (q *quorum) one(ctx context.Context, m *member) {
	reply, err := q.c.pool.ask(ctx, m, q.r)
	var data json.RawMessage
	switch {
	case err != nil:
		err = cause(ctx, err)
	case reply.Status >= 400:
		err = fmt.Errorf("it answers %d: %s", reply.Status, errorText(reply.Body))
	default:
		data, err = accountOf(reply, q.id)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if err != nil {
		q.failed[m.peerID] = err
		return
	}
	q.votes = append(q.votes, vote{m, data})
}

// again asks those once more who differ from the answer given most often.
func (q *quorum) again(ctx context.Context) {
	most, _ := q.count()
	var odd []*member
	for _, v := range q.votes {
		if string(v.data) != most {
			odd = append(odd, v.m)
		}
	}
	q.votes = slices.DeleteFunc(q.votes, func(v vote) bool { return string(v.data) != most })
	for _, m := range odd {
		if !q.c.pool.use(m) {
			q.failed[m.peerID] = errClosed
			continue
		}
		q.one(ctx, m)
	}
}

// stranger takes a session with a node that is searched for: an open one if
// there is any.
func (p *pool) stranger(ctx context.Context, s *search) (*member, error) {
	k := &seeker{s}
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil, errClosed
	}
	for _, m := range p.members {
		if !m.retired && !isClosed(m.ended) && !m.silent(p.pace.silence()) && k.claim("", m.peerID) {
			k.keep(m.peerID)
			m.users++
			p.mu.Unlock()
			return m, nil
		}
	}
	p.mu.Unlock()
	conv, err := p.open(ctx, s)
	if err != nil {
		return nil, err
	}
	return p.put(conv, 1)
}

// use begins a use of m, if it is still open.
func (p *pool) use(m *member) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || isClosed(m.ended) {
		return false
	}
	m.users++
	return true
}

// count returns the answer given most often, and how often.
func (q *quorum) count() (most string, n int) {
	times := map[string]int{}
	for _, v := range q.votes {
		data := string(v.data)
		if times[data]++; times[data] > n {
			most, n = data, times[data]
		}
	}
	return most, n
}

// more returns how many nodes are to be asked beside those that were.
func (q *quorum) more() int {
	_, n := q.count()
	if n >= q.k || len(q.asked) >= q.k+maxOdd {
		return 0
	}
	return min(q.k-n, q.k+maxOdd-len(q.asked))
}

func (q *quorum) result() (Agreed, error) {
	most, n := q.count()
	if n < q.k {
		e := &QuorumError{Want: q.k, Votes: map[string][]string{}, Failed: q.failed}
		first := map[string]string{}
		for _, v := range q.votes {
			if first[string(v.data)] == "" {
				first[string(v.data)] = v.m.peerID
			}
			by := first[string(v.data)]
			e.Votes[by] = append(e.Votes[by], v.m.peerID)
		}
		return Agreed{}, &hopError{hopNode, e}
	}
	a := Agreed{Account: Account{ID: q.id, Data: json.RawMessage(most)}}
	for _, v := range q.votes {
		if string(v.data) == most {
			a.Peers = append(a.Peers, v.m.peerID)
		} else {
			a.Odd = append(a.Odd, v.m.peerID)
			q.c.log.Warn("a node gives another answer than the others", "peer", v.m.peerID, "account", q.id)
		}
	}
	a.Peer = a.Peers[0]
	if isNull(a.Data) {
		return a, ErrNoAccount
	}
	return a, nil
}
