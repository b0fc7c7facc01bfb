package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	"github.com/liberdus/liberdus/roles/client"
	"github.com/liberdus/liberdus/signaling"
)

const stepTime = 30 * time.Second // for one thing that a client does

// A wallet is the user that pays. There is a new one now and then.
type wallet struct{ key client.Key }

// register makes a user.
func (l *load) register(ctx context.Context) error {
	key, err := client.NewKey()
	if err != nil {
		return err
	}
	tx, err := l.keeper.Sign(ctx, client.Order{Kind: "register", Alias: "soak" + key.Address()[:12]}, key)
	if err != nil {
		return err
	}
	if _, err := l.keeper.InjectWait(ctx, tx); err != nil {
		return err
	}
	l.wallet.Store(&wallet{key: key})
	return nil
}

// inject has the client that stays pay; every fiftieth time there is a new user.
func (l *load) inject(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, stepTime)
	defer cancel()
	if rand.N(50) == 0 {
		return l.register(ctx)
	}
	w := l.wallet.Load()
	tx, err := l.keeper.Sign(ctx, client.Order{Kind: "create", Amount: fmt.Sprintf("0.%018d", 1+rand.N(1<<30))}, w.key)
	if err != nil {
		return err
	}
	_, err = l.keeper.InjectWait(ctx, tx)
	return err
}

// socket comes to the signalling server, talks to itself, stays, and leaves in order or not.
func (l *load) socket(ctx context.Context) error {
	step, cancel := context.WithTimeout(ctx, stepTime)
	defer cancel()
	c, err := signaling.Dial(step, signaling.ClientConfig{URL: l.n.archiver().url() + signaling.DefaultPath}, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.Send(step, signaling.Message{Type: signaling.TypeOffer, Dst: c.ID(), Payload: json.RawMessage(`{"n":1}`)}); err != nil {
		return err
	}
	select {
	case m, ok := <-c.Messages():
		if !ok || m.Type != signaling.TypeOffer {
			return fmt.Errorf("got %q, %w", m.Type, errors.Join(c.Err(), errors.New("want the offer back")))
		}
	case <-step.Done():
		return step.Err()
	}
	rest(ctx, rand.N(3*time.Second))
	if rand.N(2) == 0 {
		return c.Leave(step)
	}
	return nil
}

// session is a client of its own, which asks for a few things and goes.
func (l *load) session(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, stepTime)
	defer cancel()
	c, err := client.Dial(ctx, l.settings(1+rand.N(2)))
	if err != nil {
		return err
	}
	defer c.Close()
	id := l.wallet.Load().key.Address()
	for range 1 + rand.N(10) {
		if _, err := c.Account(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

// watch subscribes to the user that pays, until it hears of a payment.
func (l *load) watch(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, stepTime)
	defer cancel()
	c, err := client.Dial(ctx, l.settings(1))
	if err != nil {
		return err
	}
	defer c.Close()
	s, err := c.Subscribe(ctx, l.wallet.Load().key.Address(), 0)
	if err != nil {
		return err
	}
	defer s.Close()
	_, err = s.Next(ctx)
	return err
}

// read asks a node over HTTP, each time over a connection of its own.
func (l *load) read(ctx context.Context) error {
	id := l.wallet.Load().key.Address()
	return l.get(ctx, "/account/"+id, id)
}

// poll waits for a chat that never comes, and hangs up.
func (l *load) poll(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 500*time.Millisecond+rand.N(3*time.Second))
	defer cancel()
	err := l.get(ctx, "/collector/api/poll?chatTimestamp=9999999999999&account="+l.wallet.Load().key.Address(), "success")
	if errors.Is(err, context.DeadlineExceeded) {
		return nil
	}
	return err
}

func (l *load) get(ctx context.Context, path, want string) error {
	ctx, cancel := context.WithTimeout(ctx, stepTime)
	defer cancel()
	nodes := l.n.consensors()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, nodes[rand.N(len(nodes))].url()+path, nil)
	if err != nil {
		return err
	}
	transport := &http.Transport{DisableKeepAlives: true}
	response, err := transport.RoundTrip(r)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK || !strings.Contains(string(body), want) {
		return fmt.Errorf("GET %s: %s: %.200s", path, response.Status, body)
	}
	return nil
}
