package signaling

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/gorilla/websocket"
)

// ClientConfig says which server to use and as whom. Only URL is required;
// every other zero value has the default that its comment names.
type ClientConfig struct {
	URL   string // http(s)://host:port/path of the PeerJS server, without the key
	Key   string // DefaultKey
	ID    string // the server makes one
	Token string // a random one

	OpenTimeout  time.Duration // 15 s for everything until OPEN
	Heartbeat    time.Duration // 5 s between HEARTBEAT messages
	PingInterval time.Duration // 10 s between pings of ours
	PongTimeout  time.Duration // 25 s without any sign of life end the connection
	WriteTimeout time.Duration // 10 s to write one message
	CloseTimeout time.Duration // 2 s to close in order

	MaxMessage int // 256 KiB; larger ones are not sent, and ignored when received
	Buffer     int // 64 messages, in each direction

	TLS  *tls.Config                                                       // for https: the system's roots
	Dial func(ctx context.Context, network, addr string) (net.Conn, error) // net.Dialer
}

func (cfg ClientConfig) withDefaults() ClientConfig {
	cfg.Key = cmp.Or(cfg.Key, DefaultKey)
	cfg.OpenTimeout = cmp.Or(cfg.OpenTimeout, 15*time.Second)
	cfg.Heartbeat = cmp.Or(cfg.Heartbeat, 5*time.Second)
	cfg.PingInterval = cmp.Or(cfg.PingInterval, 10*time.Second)
	cfg.PongTimeout = cmp.Or(cfg.PongTimeout, 25*time.Second)
	cfg.WriteTimeout = cmp.Or(cfg.WriteTimeout, 10*time.Second)
	cfg.CloseTimeout = cmp.Or(cfg.CloseTimeout, 2*time.Second)
	cfg.MaxMessage = cmp.Or(cfg.MaxMessage, 256<<10)
	cfg.Buffer = cmp.Or(cfg.Buffer, 64)
	if cfg.Token == "" {
		var b [16]byte
		_, _ = rand.Read(b[:]) // never fails
		cfg.Token = hex.EncodeToString(b[:])
	}
	return cfg
}

// check reports every setting with which no connection can be made.
func (cfg ClientConfig) check() error {
	var errs []error
	if cfg.ID != "" && !validID(cfg.ID) {
		errs = append(errs, fmt.Errorf("id %q: not 1 to %d bytes without control characters", cfg.ID, maxID))
	}
	if !validToken(cfg.Token) {
		errs = append(errs, fmt.Errorf("token: not 1 to %d bytes without control characters", maxToken))
	}
	if min(cfg.OpenTimeout, cfg.Heartbeat, cfg.PingInterval, cfg.PongTimeout, cfg.WriteTimeout, cfg.CloseTimeout) < minDuration {
		errs = append(errs, fmt.Errorf("a duration is under %v", minDuration))
	}
	if cfg.PongTimeout <= cfg.PingInterval {
		errs = append(errs, fmt.Errorf("pong timeout %v: not above the ping interval, %v", cfg.PongTimeout, cfg.PingInterval))
	}
	if cfg.MaxMessage < minMessage || cfg.Buffer < 0 {
		errs = append(errs, fmt.Errorf("max message %d or buffer %d: too small", cfg.MaxMessage, cfg.Buffer))
	}
	return errors.Join(errs...)
}

// Dial asks the server for an id if cfg has none, connects, and returns when
// the server has said OPEN. If it says something else the error is a
// [ServerError]. The context is for dialling only.
func Dial(ctx context.Context, cfg ClientConfig, log *slog.Logger) (*Client, error) {
	cfg = cfg.withDefaults()
	base, err := parseBase(cfg.URL)
	if err == nil {
		err = cfg.check()
	}
	if err != nil {
		return nil, fmt.Errorf("signaling: %w", err)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, cfg.OpenTimeout, fmt.Errorf("no OPEN within %v: %w", cfg.OpenTimeout, context.DeadlineExceeded))
	defer cancel()
	if cfg.ID == "" {
		if cfg.ID, err = cfg.fetchID(ctx, base); err != nil {
			return nil, fmt.Errorf("signaling: %w", err)
		}
	}
	conn, err := cfg.connect(ctx, base)
	if err != nil {
		return nil, fmt.Errorf("signaling: %s: %w", base, err)
	}
	if err := cfg.awaitOpen(ctx, conn); err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("signaling: %s: %w", base, err)
	}
	return newClient(cfg, base.String(), conn, log), nil
}

// parseBase returns the server's URL with a slash at the end of its path.
func parseBase(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil {
		return nil, err
	}
	switch u.Scheme {
	case "http", "https":
	case "ws", "wss":
		u.Scheme = "http" + u.Scheme[len("ws"):]
	default:
		return nil, fmt.Errorf("url %q: not http:// or https://", text)
	}
	if u.Host == "" {
		return nil, fmt.Errorf("url %q: no host", text)
	}
	return &url.URL{Scheme: u.Scheme, Host: u.Host, Path: normalizePath(u.Path) + "/"}, nil
}

// fetchID asks the server for a fresh id.
func (cfg ClientConfig) fetchID(ctx context.Context, base *url.URL) (string, error) {
	u := base.JoinPath(cfg.Key, "id")
	u.RawQuery = "ts=" + strconv.FormatInt(time.Now().UnixMilli(), 10)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return "", err
	}
	hc := &http.Client{Transport: &http.Transport{
		Proxy: http.ProxyFromEnvironment, DialContext: cfg.Dial, TLSClientConfig: cfg.TLS.Clone(), DisableKeepAlives: true,
	}}
	resp, err := hc.Do(req)
	if err != nil {
		return "", err // names the URL
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("GET %s: %s", u, resp.Status)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxID+1))
	if err != nil {
		return "", fmt.Errorf("GET %s: %w", u, err)
	}
	if id := string(body); validID(id) {
		return id, nil
	}
	return "", fmt.Errorf("GET %s: the answer is not an id", u)
}

// connect opens the WebSocket. Its errors do not show the query, which has the
// token.
func (cfg ClientConfig) connect(ctx context.Context, base *url.URL) (*websocket.Conn, error) {
	u := base.JoinPath("peerjs")
	u.Scheme = "ws" + u.Scheme[len("http"):]
	u.RawQuery = url.Values{"key": {cfg.Key}, "id": {cfg.ID}, "token": {cfg.Token}}.Encode()
	dialer := websocket.Dialer{
		Proxy: http.ProxyFromEnvironment, NetDialContext: cfg.Dial, TLSClientConfig: cfg.TLS, WriteBufferSize: 4096, ReadBufferSize: 4096,
	}
	conn, resp, err := dialer.DialContext(ctx, u.String(), nil)
	switch {
	case err == nil:
		return conn, nil
	case ctx.Err() != nil:
		return nil, fmt.Errorf("WebSocket: %w", context.Cause(ctx))
	case resp != nil:
		return nil, fmt.Errorf("WebSocket: the server answers %s", resp.Status)
	}
	return nil, fmt.Errorf("WebSocket: %w", err)
}

// awaitOpen reads until the server says whether this peer is admitted.
func (cfg ClientConfig) awaitOpen(ctx context.Context, conn *websocket.Conn) error {
	conn.SetReadLimit(int64(cfg.MaxMessage + envelope))
	stop := context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(time.Unix(1, 0)) })
	for {
		_, data, err := conn.ReadMessage()
		if err != nil {
			stop()
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return err
		}
		m, err := ParseMessage(data)
		if err != nil {
			continue
		}
		switch m.Type {
		case TypeError, TypeIDTaken, typeInvalidKey:
			stop()
			return serverError(m)
		case TypeOpen:
			if !stop() {
				return context.Cause(ctx)
			}
			conn.SetReadLimit(0)
			return nil
		}
	}
}

func serverError(m Message) *ServerError {
	var payload struct{ Msg string }
	_ = json.Unmarshal(m.Payload, &payload) // without one, the type alone must do
	return &ServerError{Type: m.Type, Msg: payload.Msg}
}
