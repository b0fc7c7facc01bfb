package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// newHTTPLoad asks a node over HTTP with connections that are kept open. It
// writes requests and reads answers by hand, since Go's client would cost more
// than the server that is measured.
func newHTTPLoad() loader {
	return func(ctx context.Context, c command) (any, error) {
		if c.Do != "request" {
			return nil, fmt.Errorf("unknown command %q", c.Do)
		}
		var a requestArgs
		if err := json.Unmarshal(c.Args, &a); err != nil {
			return nil, err
		}
		began := time.Now()
		group, ctx := errgroup.WithContext(ctx)
		var begun atomic.Int64
		for range a.InFlight {
			group.Go(func() error { return keepAsking(ctx, a, &begun) })
		}
		err := group.Wait()
		return time.Since(began).Seconds(), err
	}
}

func keepAsking(ctx context.Context, a requestArgs, begun *atomic.Int64) error {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", a.URL)
	if err != nil {
		return err
	}
	defer conn.Close()
	request := []byte("GET /account/" + a.Account + " HTTP/1.1\r\nHost: " + a.URL + "\r\nAccept: application/json\r\n\r\n")
	in := bufio.NewReader(conn)
	for begun.Add(1) <= int64(a.Total) {
		if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
			return err
		}
		if _, err := conn.Write(request); err != nil {
			return err
		}
		if err := readAnswer(in); err != nil {
			return err
		}
	}
	return nil
}

// readAnswer reads one answer with status 200 and drops its body.
func readAnswer(in *bufio.Reader) error {
	length := -1
	for first := true; ; first = false {
		raw, err := in.ReadSlice('\n')
		if err != nil {
			return err
		}
		line := strings.TrimRight(string(raw), "\r\n")
		if first {
			if !strings.HasPrefix(line, "HTTP/1.1 200 ") {
				return fmt.Errorf("answer %q", line)
			}
			continue
		}
		if line == "" {
			break
		}
		if name, value, _ := strings.Cut(line, ": "); strings.EqualFold(name, "Content-Length") {
			if length, err = strconv.Atoi(value); err != nil {
				return err
			}
		}
	}
	if length < 0 {
		return errors.New("an answer without a length")
	}
	_, err := io.CopyN(io.Discard, in, int64(length))
	return err
}
