package signaling_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http/httptest"

	"github.com/liberdus/liberdus/signaling"
)

// A server, two peers, one message.
func Example() {
	ctx, cancel := context.WithCancel(context.Background())
	log := slog.New(slog.DiscardHandler)

	server, err := signaling.NewServer(signaling.DefaultConfig(), signaling.Hooks{}, log)
	if err != nil {
		panic(err)
	}
	web := httptest.NewServer(server)
	ended := make(chan error)
	go func() { ended <- server.Run(ctx) }()

	dial := func(id string) *signaling.Client {
		c, err := signaling.Dial(ctx, signaling.ClientConfig{URL: web.URL + signaling.DefaultPath, ID: id}, log)
		if err != nil {
			panic(err)
		}
		return c
	}
	alice, bob := dial("alice"), dial("bob")
	hello := signaling.Message{Type: signaling.TypeOffer, Dst: "bob", Payload: json.RawMessage(`{"sdp":"v=0"}`)}
	if err := alice.Send(ctx, hello); err != nil {
		panic(err)
	}
	m := <-bob.Messages()
	fmt.Printf("%s from %s: %s\n", m.Type, m.Src, m.Payload)

	alice.Close()
	bob.Close()
	cancel()
	fmt.Println(<-ended)
	web.Close()
	// Output:
	// OFFER from alice: {"sdp":"v=0"}
	// <nil>
}
