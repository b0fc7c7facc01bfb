package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"math/rand/v2"
	"net"
	"net/http"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/liberdus/liberdus/internal/api"
	"github.com/liberdus/liberdus/internal/ledger"
	"github.com/liberdus/liberdus/internal/rpc"
	"github.com/liberdus/liberdus/internal/signing"
)

const ledgerInFlight = 256

// A bank is a ledger with many users.
type bank struct {
	dir    string
	ledger *ledger.Ledger
	keys   []signing.Key
	ids    []string // of all users; those with keys are the first
	sent   int      // transactions made so far, which makes each another
}

// newLedgerLoad has the ledger in its own process.
func newLedgerLoad() loader {
	debug.SetGCPercent(100) // it is what is measured
	b := new(bank)
	return func(ctx context.Context, c command) (any, error) {
		var a ledgerArgs
		if c.Do == endOfLoad {
			return nil, b.close()
		}
		if err := json.Unmarshal(c.Args, &a); err != nil {
			return nil, err
		}
		switch c.Do {
		case "make":
			return nil, b.make(ctx, a)
		case "open":
			return b.start()
		case "put":
			return b.put(ctx, a)
		case "check":
			return b.check(a)
		case "read":
			return timed(a.Total, runtime.GOMAXPROCS(0), func(int) error {
				text, err := b.ledger.Account(ctx, b.ids[rand.IntN(len(b.ids))])
				return found(text, err)
			})
		case "handle":
			return b.handle(ctx, a)
		}
		return nil, errors.New("unknown command " + c.Do)
	}
}

func found(text []byte, err error) error {
	if err == nil && text == nil {
		err = errors.New("an account is missing")
	}
	return err
}

// timed calls f for 0 to n-1, so many at once, and gives what that took.
func timed(n, atOnce int, f func(i int) error) (ledgerFigures, error) {
	var next atomic.Int64
	var wg sync.WaitGroup
	errs := make([]error, atOnce)
	used, began := processorTime(), time.Now()
	for w := range atOnce {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n && errs[w] == nil; i = int(next.Add(1)) - 1 {
				errs[w] = f(i)
			}
		})
	}
	wg.Wait()
	return ledgerFigures{Seconds: time.Since(began).Seconds(), CPU: (processorTime() - used).Seconds()}, errors.Join(errs...)
}

// processorTime is what this process has had.
func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err) // there is no other argument it could refuse
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func (b *bank) close() error {
	if b.ledger == nil {
		return nil
	}
	return b.ledger.Close()
}

func (b *bank) open() (err error) {
	cfg := ledger.Config{Dir: filepath.Join(b.dir, "ledger"), TxWindow: time.Hour} // transactions are signed long before
	b.ledger, err = ledger.Open(cfg, slog.New(slog.DiscardHandler))
	return err
}

// start gives the milliseconds of opening the ledger, several times.
func (b *bank) start() (ms []float64, err error) {
	for range 5 {
		if err := b.close(); err != nil {
			return nil, err
		}
		began := time.Now()
		if err := b.open(); err != nil {
			return nil, err
		}
		ms = append(ms, milliseconds(time.Since(began)))
	}
	return ms, nil
}

// make makes a ledger of one user by a transaction, and one of many by importing
// that user again and again under other addresses.
func (b *bank) make(ctx context.Context, a ledgerArgs) error {
	b.dir = a.Dir
	if err := b.makeKeys(a); err != nil {
		return err
	}
	seed, err := seedLedger(ctx, filepath.Join(a.Dir, "seed"))
	if err != nil {
		return err
	}
	r, w := io.Pipe()
	go func() { w.CloseWithError(multiply(seed, b.ids, w)) }() // ends with the import
	_, err = ledger.Import(ctx, filepath.Join(a.Dir, "ledger"), r, slog.New(slog.DiscardHandler), func(int) {})
	r.Close()
	if err != nil {
		return err
	}
	return b.open()
}

func (b *bank) makeKeys(a ledgerArgs) error {
	b.keys, b.ids = make([]signing.Key, a.Keys), make([]string, a.Users)
	_, err := timed(a.Users, runtime.GOMAXPROCS(0), func(i int) (err error) {
		if i >= a.Keys {
			b.ids[i] = signing.Hash(binary.BigEndian.AppendUint64(nil, uint64(i)))
			return nil
		}
		secret := signing.Hash(binary.BigEndian.AppendUint64([]byte("key"), uint64(i)))
		if a.Scheme == "ed25519" {
			b.keys[i], err = signing.NodeKeyFromSecret(secret)
		} else {
			b.keys[i], err = signing.UserKeyFromSecret(secret)
		}
		if err == nil {
			b.ids[i] = b.keys[i].Address()
		}
		return err
	})
	return err
}

// seedLedger is the export of a ledger with one user.
func seedLedger(ctx context.Context, dir string) ([]byte, error) {
	l, err := ledger.Open(ledger.Config{Dir: dir}, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	defer l.Close() // nothing in it is needed again
	k, err := signing.NewUserKey()
	if err != nil {
		return nil, err
	}
	tx, err := k.Sign(signing.Object{
		"type": "register", "from": k.Address(), "networkId": l.NetworkID(), "timestamp": time.Now().UnixMilli(),
		"alias": "user", "aliasHash": signing.Hash([]byte("user")), "publicKey": k.PublicKey(),
	})
	if err != nil {
		return nil, err
	}
	if r, err := l.Put(ctx, tx); err != nil || !r.Success {
		return nil, fmt.Errorf("register: %s: %w", r.Reason, err)
	}
	var text bytes.Buffer
	_, err = l.Export(ctx, &text)
	return text.Bytes(), err
}

// multiply writes the export again with copies of its user.
func multiply(export []byte, ids []string, w io.Writer) error {
	lines := bytes.SplitAfter(export, []byte{'\n'})
	lines = lines[:len(lines)-2] // without its end
	sum := sha256.New()
	out := io.MultiWriter(w, sum)
	var user, record signing.Object
	for _, line := range lines {
		o, err := signing.ParseObject(line)
		if err != nil {
			return err
		}
		if value, _ := o["value"].(signing.Object); value["type"] == "UserAccount" {
			user, record = value, o
		}
		if _, err := out.Write(line); err != nil {
			return err
		}
	}
	if user == nil {
		return errors.New("the export has no user")
	}
	for _, id := range ids {
		user["id"], record["account"], user["hash"] = id, id, ""
		hash, err := signing.HashObject(user)
		if err != nil {
			return err
		}
		user["hash"] = hash
		if _, err := out.Write(append(signing.MustCanonical(record), '\n')); err != nil {
			return err
		}
	}
	end := signing.Object{"records": len(lines) - 1 + len(ids), "sha256": hex.EncodeToString(sum.Sum(nil))}
	_, err := w.Write(append(signing.MustCanonical(end), '\n'))
	return err
}

// transfers signs n of them between users drawn uniformly.
func (b *bank) transfers(n int) ([]signing.Object, error) {
	txs := make([]signing.Object, n)
	base, now := b.sent, time.Now().UnixMilli()
	b.sent += n
	_, err := timed(n, runtime.GOMAXPROCS(0), func(i int) (err error) {
		k, to := b.keys[rand.IntN(len(b.keys))], b.ids[rand.IntN(len(b.ids))]
		from := k.Address()
		txs[i], err = k.Sign(signing.Object{
			"type": "transfer", "from": from, "to": to, "networkId": b.ledger.NetworkID(), "timestamp": now + int64(base+i)%1000,
			"amount": big.NewInt(1), "fee": big.NewInt(1e18), "chatId": signing.Hash([]byte(min(from, to) + max(from, to))), "n": base + i,
		})
		return err
	})
	return txs, err
}

func (b *bank) put(ctx context.Context, a ledgerArgs) (f ledgerFigures, err error) {
	for _, n := range []int{a.Warm, a.Total} {
		txs, err := b.transfers(n)
		if err != nil {
			return f, err
		}
		if f, err = timed(n, ledgerInFlight, func(i int) error {
			r, err := b.ledger.Put(ctx, txs[i])
			if err == nil && !r.Success {
				err = errors.New(r.Reason)
			}
			return err
		}); err != nil {
			return f, err
		}
	}
	return f, nil
}

func (b *bank) check(a ledgerArgs) (ledgerFigures, error) {
	txs, err := b.transfers(a.Total)
	if err != nil {
		return ledgerFigures{}, err
	}
	return timed(a.Total, runtime.GOMAXPROCS(0), func(i int) error {
		_, err := signing.VerifyTx(txs[i])
		return err
	})
}

func (b *bank) handle(ctx context.Context, a ledgerArgs) (ledgerFigures, error) {
	node := api.New(b.ledger, nil, slog.New(slog.DiscardHandler))
	return timed(a.Total, runtime.GOMAXPROCS(0), func(int) error {
		r := node.Handle(ctx, rpc.Request{Method: "GET", URL: "account/" + b.ids[rand.IntN(len(b.ids))]})
		if r.Status != http.StatusOK || !bytes.Contains(r.Body, []byte(`"UserAccount"`)) {
			return fmt.Errorf("answer %d %s", r.Status, r.Body)
		}
		return nil
	})
}

// mapAccount is the one account that the reference is asked for.
const mapAccount = "7e5f4552091a69125d5dfcb7b8c2659029395bdf000000000000000000000000"

// serveMap is "bench serve map": accounts of the usual size in a Go map.
func serveMap(ctx context.Context) error {
	accounts := map[string][]byte{mapAccount: append(append([]byte(`{"account":{"x":"`), bytes.Repeat([]byte{'x'}, 700)...), `"}}`...)}
	for i := range 100_000 {
		accounts[signing.Hash(binary.BigEndian.AppendUint64(nil, uint64(i)))] = accounts[mapAccount]
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /account/{id}", func(w http.ResponseWriter, r *http.Request) {
		text, ok := accounts[r.PathValue("id")]
		if !ok {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Write(text) // a client that has gone needs no answer
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	announce(l)
	srv := &http.Server{Handler: mux, ReadHeaderTimeout: time.Second}
	stop := context.AfterFunc(ctx, func() { srv.Close() })
	defer stop()
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
