package client_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/liberdus/liberdus/roles/client"
)

// network runs one that the examples use, in this process, and has a folder for
// what the client of an example keeps.
func network() (archiver, data string, stop func()) {
	dir, err := os.MkdirTemp("", "liberdus-example-")
	if err != nil {
		panic(err)
	}
	d, end, err := devnet(2, filepath.Join(dir, "network"), slog.New(slog.DiscardHandler))
	if err != nil {
		panic(err)
	}
	return d.Archiver.URL() + "#" + d.Archiver.Key(), filepath.Join(dir, "client"), func() {
		if err := errors.Join(end(), os.RemoveAll(dir)); err != nil {
			panic(err)
		}
	}
}

// settings are those of a program.
func settings(archiver, data string) client.Config {
	cfg := client.DefaultConfig()
	cfg.Archivers = []string{archiver} // URL#PUBLICKEY
	cfg.Data = data
	return cfg
}

// A user registers and asks for the account.
func Example() {
	archiver, data, stop := network()
	defer stop()

	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c, err := client.Dial(ctx, settings(archiver, data))
	if err != nil {
		fmt.Println(client.Hop(err), err)
		return
	}
	defer c.Close()

	key, _ := client.NewKey()
	tx, err := c.Sign(ctx, client.Order{Kind: "register", Alias: "alice"}, key)
	if err != nil {
		fmt.Println(err)
		return
	}
	if _, err := c.InjectWait(ctx, tx); err != nil {
		fmt.Println(err)
		return
	}
	account, err := c.Account(ctx, key.Address())
	fmt.Println(account.ID == key.Address(), err)
	// Output: true <nil>
}

// What is not there is an error that can be told from others.
func ExampleClient_Account() {
	archiver, data, stop := network()
	defer stop()

	c, err := client.New(settings(archiver, data)) // connects when it is asked
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	_, err = c.Account(context.Background(), "nobody")
	fmt.Println(errors.Is(err, client.ErrNoAccount))
	// Output: true
}

// Any path of a node's API can be asked for, and is answered as over HTTP.
func ExampleClient_Do() {
	archiver, data, stop := network()
	defer stop()

	c, err := client.New(settings(archiver, data))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	answer, err := c.Do(context.Background(), client.Request{Path: "nowhere"})
	fmt.Println(answer.Status, err)
	// Output: 404 <nil>
}

// A subscription tells of an account as soon as it changes.
func ExampleClient_Subscribe() {
	archiver, data, stop := network()
	defer stop()

	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c, err := client.Dial(ctx, settings(archiver, data))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	key, _ := client.NewKey()
	sub, err := c.Subscribe(ctx, key.Address(), 0)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer sub.Close()
	tx, err := c.Sign(ctx, client.Order{Kind: "register", Alias: "bob"}, key)
	if err == nil {
		_, err = c.Inject(ctx, tx)
	}
	event, nerr := sub.Next(ctx)
	fmt.Println(event.Account == key.Address(), err, nerr)
	// Output: true <nil> <nil>
}
