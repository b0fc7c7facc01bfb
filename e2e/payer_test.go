package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/liberdus/liberdus/internal/signing"
	"github.com/liberdus/liberdus/roles/client"
)

// payerEnv has this test binary run as a payer, a wallet with one client that it
// keeps, in whatever network it was started in.
const payerEnv = "LIBERDUS_E2E_PAYER"

// payTimeout bounds a request of a payer.
const payTimeout = 30 * time.Second

// A deal is what a payer is told to do, as a line of JSON: so many transactions
// and reads, by so many at once. It answers with the event "dealt", or with
// "books" if it is told to look after what became of all of them.
type deal struct {
	Pay, Read, AtOnce int
	Books             bool
}

// The dealings are what became of a deal.
type dealings struct {
	Event                        string `json:"event"`
	Accepted, Refused, Undecided int
	Answered, Wrong              int
	Errors                       []string
	LongestMS                    int64
}

// The books are what became of all transactions so far.
type books struct {
	Event                   string `json:"event"`
	Sent, Accepted, Applied int
	Lost, Unasked           []string // accepted and not applied; refused and applied
	Balance, Want           string   // by the account; by the receipts
	Err                     string
}

// payOnAndOn keeps paying through one client until its input ends. Its first
// event is "ready", once its account exists.
func payOnAndOn() int {
	if err := newPayer().run(context.Background(), os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// A payer is one wallet and its client.
type payer struct {
	c *client.Client
	w wallet

	mu       sync.Mutex
	next     int64               // guarded by mu
	sent     map[string]*big.Int // guarded by mu; by txId: the amount
	accepted map[string]bool     // guarded by mu
	refused  map[string]bool     // guarded by mu
	d        dealings            // guarded by mu
}

func newPayer() *payer {
	return &payer{sent: map[string]*big.Int{}, accepted: map[string]bool{}, refused: map[string]bool{}}
}

func (p *payer) run(ctx context.Context, archiver, data string) error {
	cfg := client.DefaultConfig()
	cfg.Archivers, cfg.Data, cfg.Timeout = []string{archiver}, data, payTimeout
	var err error
	if p.c, err = client.Dial(ctx, cfg); err != nil {
		return err
	}
	defer p.c.Close()
	if err := p.register(ctx); err != nil {
		return fmt.Errorf("register: %w", err)
	}
	say := json.NewEncoder(os.Stdout)
	if err := say.Encode(map[string]string{"event": "ready"}); err != nil {
		return err
	}
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		var d deal
		if err := json.Unmarshal(lines.Bytes(), &d); err != nil {
			return err
		}
		var answer any
		if d.Books {
			answer = p.balance(ctx)
		} else {
			answer = p.deal(ctx, d)
		}
		if err := say.Encode(answer); err != nil {
			return err
		}
	}
	return nil
}

func (p *payer) register(ctx context.Context) error {
	key, err := signing.NewUserKey()
	if err != nil {
		return err
	}
	network, err := p.object(ctx, "account/"+strings.Repeat("0", 64), "account")
	if err != nil {
		return err
	}
	id, _ := network["networkId"].(string)
	p.w = wallet{key, id}
	text, _, err := p.w.register("payer")
	if err != nil {
		return err
	}
	_, err = p.c.InjectWait(ctx, []byte(text))
	return err
}

// object asks for a member of what a node answers; nil if it is null.
func (p *payer) object(ctx context.Context, path, member string) (signing.Object, error) {
	a, err := p.c.Do(ctx, client.Request{Path: path})
	if err != nil {
		return nil, err
	}
	o, err := signing.ParseObject(a.Body)
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %s", path, err, a.Body)
	}
	found, _ := o[member].(signing.Object)
	return found, nil
}

func (p *payer) deal(ctx context.Context, d deal) dealings {
	p.mu.Lock()
	p.d = dealings{Event: "dealt"}
	p.mu.Unlock()
	work := make(chan func(context.Context), d.Pay+d.Read)
	for range d.Pay {
		work <- p.pay
	}
	for range d.Read {
		work <- p.read
	}
	close(work)
	var wg sync.WaitGroup
	for range d.AtOnce {
		wg.Go(func() {
			for do := range work {
				began := time.Now()
				do(ctx)
				p.note(func() { p.d.LongestMS = max(p.d.LongestMS, time.Since(began).Milliseconds()) })
			}
		})
	}
	wg.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.d
}

func (p *payer) note(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f()
}

func (p *payer) pay(ctx context.Context) {
	var amount *big.Int
	p.note(func() { p.next++; amount = big.NewInt(1_000_000 + p.next) })
	text, txID, err := p.w.create(amount)
	if err != nil {
		p.note(func() { p.d.Errors = append(p.d.Errors, err.Error()) })
		return
	}
	p.note(func() { p.sent[txID] = amount })
	_, err = p.c.Inject(ctx, []byte(text))
	p.note(func() {
		switch {
		case err == nil:
			p.d.Accepted++
			p.accepted[txID] = true
			return
		case errors.Is(err, client.ErrRefused):
			p.d.Refused++
			p.refused[txID] = true
		default:
			p.d.Undecided++
		}
		p.d.Errors = append(p.d.Errors, "inject: "+err.Error())
	})
}

// read asks for what depends on the question: another's answer is wrong.
func (p *payer) read(ctx context.Context) {
	id := signing.Hash(fmt.Append(nil, time.Now().UnixNano()))
	a, err := p.c.Do(ctx, client.Request{Path: "nowhere/" + id})
	p.note(func() {
		switch {
		case err != nil:
			p.d.Errors = append(p.d.Errors, "read: "+err.Error())
		case a.Status != 404:
			p.d.Wrong++
		default:
			p.d.Answered++
		}
	})
}

// balance compares what the network shows with what it said.
func (p *payer) balance(ctx context.Context) books {
	p.mu.Lock()
	defer p.mu.Unlock()
	b := books{Event: "books", Sent: len(p.sent), Accepted: len(p.accepted)}
	want := lib(50)
	for txID, amount := range p.sent {
		receipt, err := p.object(ctx, "transaction/"+txID, "transaction")
		if err != nil {
			b.Err = err.Error()
			return b
		}
		switch {
		case receipt["success"] == true:
			b.Applied++
			want.Add(want, amount)
			if p.refused[txID] {
				b.Unasked = append(b.Unasked, txID)
			}
		case p.accepted[txID]:
			b.Lost = append(b.Lost, txID)
		}
	}
	account, err := p.object(ctx, "account/"+p.w.id(), "account")
	if err != nil {
		b.Err = err.Error()
		return b
	}
	b.Balance, b.Want = fmt.Sprint(balance(account)), want.String()
	return b
}

// A paying is such a process.
type paying struct {
	*child
	t  *testing.T
	in io.WriteCloser
}

// pays starts a payer on h, with an account of its own.
func (h *labHost) pays() *paying {
	h.t.Helper()
	return h.site.pays(h.lab.archiver)
}

func (s *site) pays(archiver string) *paying {
	s.t.Helper()
	cmd := s.command(context.Background(), os.Args[0], archiver, s.dir("payer"))
	cmd.Env = append(cmd.Env, payerEnv+"=1")
	in, err := cmd.StdinPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	p := &paying{spawn(s.t, "payer", cmd), s.t, in}
	s.t.Cleanup(func() { p.ends(s.t, in) })
	p.event(s.t, "ready")
	return p
}

// deal has the payer work, and says what became of it.
func (p *paying) deal(d deal) dealings {
	p.t.Helper()
	var got dealings
	decode(p.t, p.ask(p.t, p.in, d, "dealt"), &got)
	return got
}

// sound demands that everything accepted is applied, once.
func (p *paying) sound() books {
	p.t.Helper()
	var b books
	decode(p.t, p.ask(p.t, p.in, deal{Books: true}, "books"), &b)
	if b.Err != "" || len(b.Lost)+len(b.Unasked) > 0 || b.Balance != b.Want || b.Sent == 0 {
		p.t.Errorf("the books do not balance: %+v", b)
	}
	return b
}

// decode reads a record into a struct.
func decode(t *testing.T, r record, into any) {
	t.Helper()
	text, err := json.Marshal(r)
	if err == nil {
		err = json.Unmarshal(text, into)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// settled demands that each request of a deal was answered, if only that a transaction is too old.
func (d dealings) settled(t *testing.T, want deal) {
	t.Helper()
	late := func(err string) bool { return strings.Contains(err, "timestamp out of range") }
	if d.Accepted+d.Refused != want.Pay || d.Accepted < want.Pay/2 || d.Answered != want.Read || d.Wrong > 0 || !every(d.Errors, late) {
		t.Errorf("of %d transactions and %d reads: %+v", want.Pay, want.Read, d)
	}
}

func every(list []string, is func(string) bool) bool {
	return !slices.ContainsFunc(list, func(s string) bool { return !is(s) })
}

// all demands that a deal went through.
func (d dealings) all(t *testing.T, want deal) {
	t.Helper()
	if d.Accepted != want.Pay || d.Answered != want.Read || len(d.Errors) > 0 || d.Wrong > 0 {
		t.Errorf("of %d transactions and %d reads: %+v", want.Pay, want.Read, d)
	}
	if !slices.IsSorted([]int64{0, d.LongestMS, payTimeout.Milliseconds()}) {
		t.Errorf("one took %d ms", d.LongestMS)
	}
}
