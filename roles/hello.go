package roles

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/liberdus/liberdus/internal/rpc"
	"github.com/liberdus/liberdus/internal/signing"
	"github.com/liberdus/liberdus/rtc"
)

// purposeHello keeps a hello from passing for anything else the key signs.
const purposeHello = "liberdus-hello"

// handler answers the requests of one session: the node's API, and what only
// makes sense on a data channel.
func (n *Consensor) handler(s *rtc.Session) rpc.Handler {
	return func(ctx context.Context, r rpc.Request) rpc.Response {
		if path, _, _ := strings.Cut(r.URL, "?"); strings.TrimSuffix(path, "/") == "hello" && r.Method == "GET" {
			return n.hello(s, r)
		}
		return n.api.Handle(ctx, r)
	}
}

// hello proves to a client of any kind who answers it: the node's key signs the
// client's nonce and the certificate that the client must be seeing. Whoever
// sits in between shows the client another certificate.
func (n *Consensor) hello(s *rtc.Session, r rpc.Request) rpc.Response {
	nonce, err := helloNonce(r.Body)
	if err != nil {
		return rpc.Fault(rpc.BadRequest, err.Error())
	}
	o, err := n.key.Sign(signing.Object{
		"peerId":      n.PeerID(),
		"publicKey":   n.key.Public(),
		"networkId":   n.networkID(),
		"caps":        caps(),
		"time":        time.Now().UnixMilli(),
		"nonce":       nonce,
		"fingerprint": s.Fingerprint(),
		"purpose":     purposeHello,
	})
	var body []byte
	if err == nil {
		body, err = signing.Canonical(o)
	}
	if err != nil {
		n.log.Error("hello", "err", err)
		return rpc.Fault(rpc.Unavailable, "the node could not sign")
	}
	return rpc.Encoded(body)
}

// helloNonce reads the body {"nonce":"<16 to 64 of A-Z a-z 0-9 _ ->"}.
func helloNonce(body []byte) (string, error) {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"
	wanted := errors.New(`hello wants a body {"nonce":"<16 to 64 of A-Z a-z 0-9 _ ->"}`)
	o, err := signing.ParseObject(body)
	if err != nil {
		return "", fmt.Errorf("%w: %w", wanted, err)
	}
	nonce, ok := o["nonce"].(string)
	if !ok || len(nonce) < 16 || len(nonce) > 64 || strings.Trim(nonce, letters) != "" {
		return "", wanted
	}
	return nonce, nil
}

// caps returns what our sessions announce, as a signed object holds it.
func caps() (list []any) {
	for _, c := range rtc.Caps() {
		list = append(list, c)
	}
	return list
}
