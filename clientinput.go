package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/urfave/cli/v2"

	"github.com/liberdus/liberdus/internal/signing"
	"github.com/liberdus/liberdus/internal/telemetry"
	"github.com/liberdus/liberdus/roles"
)

// maxTx bounds a transaction's file.
const maxTx = 1 << 20

// inputTx reads the transaction that a command is given, as it is to be sent. It
// asks for it where a person would have to type it.
func inputTx(c *cli.Context, keyFile string) ([]byte, error) {
	path := c.Args().First()
	if path == "-" && telemetry.IsTerminal(os.Stdin) {
		fmt.Fprintln(c.App.ErrWriter, "liberdus: reading a transaction from stdin; Ctrl-D ends it, Ctrl-C gives up")
	}
	data, err := readInput(c.Context, path, os.Stdin)
	if err != nil {
		return nil, &roles.UsageError{Err: err}
	}
	tx, err := parseTx(data, path, keyFile)
	if err != nil {
		return nil, &roles.UsageError{Err: err}
	}
	text, err := signing.Canonical(tx)
	if err != nil {
		return nil, &roles.UsageError{Err: fmt.Errorf("transaction: %w", err)}
	}
	return text, nil
}

// readInput reads a file or, for "-", stdin. When ctx ends it gives up; the read
// itself cannot be broken off and ends with the process.
func readInput(ctx context.Context, path string, stdin io.Reader) ([]byte, error) {
	type input struct {
		data []byte
		err  error
	}
	got := make(chan input, 1)
	go func() {
		data, err := readPath(path, stdin)
		got <- input{data, err}
	}()
	select {
	case in := <-got:
		return in.data, in.err
	case <-ctx.Done():
		return nil, fmt.Errorf("read %s: given up: %w", inputName(path), context.Cause(ctx))
	}
}

func readPath(path string, stdin io.Reader) ([]byte, error) {
	in := stdin
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer f.Close() // it was only read
		in = f
	}
	data, err := io.ReadAll(io.LimitReader(in, maxTx+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read %s: %w", inputName(path), err)
	case len(data) > maxTx:
		return nil, fmt.Errorf("%s: over %d bytes", inputName(path), maxTx)
	}
	return data, nil
}

func inputName(path string) string {
	if path == "-" {
		return "stdin"
	}
	return path
}

// parseTx makes a transaction of what was read at path, and signs it if it is not
// and there is a key.
func parseTx(data []byte, path, keyFile string) (signing.Object, error) {
	name := inputName(path)
	switch empty := len(bytes.TrimSpace(data)) == 0; {
	case empty && path == "-":
		return nil, errors.New("nothing came on stdin: the command before has failed, or printed no transaction")
	case empty:
		return nil, fmt.Errorf("%s is not a transaction: it is empty", name)
	}
	tx, err := signing.ParseObject(data)
	if err != nil {
		return nil, fmt.Errorf("%s is not a transaction in JSON: %w", name, err)
	}
	if _, ok := tx["type"].(string); !ok {
		if failed, ok := tx["error"].(string); ok {
			return nil, fmt.Errorf("%s is not a transaction; the command before failed: %s", name, failed)
		}
		return nil, fmt.Errorf("%s is not a transaction: it has no type", name)
	}
	if keyFile == "" {
		return tx, nil
	}
	key, err := signing.LoadKey(keyFile)
	if err != nil || tx["sign"] != nil {
		return tx, err
	}
	return key.Sign(tx)
}
