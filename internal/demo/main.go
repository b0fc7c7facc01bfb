// Command demo shows a whole network at work, as a user would drive it: it
// starts the liberdus binary it is given as a devnet, and then runs the client
// commands that the devnet tells a user to try.
package main

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: demo LIBERDUS_BINARY")
		os.Exit(2)
	}
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

// A demo is one run: its folder, its network, and the clock it shows.
type demo struct {
	bin, dir string
	began    time.Time
	archiver string
	nodes    []node
	names    map[string]string // address → user
}

type node struct {
	Port   int    `json:"port"`
	PeerID string `json:"peerId"`
}

func run(bin string) (err error) {
	dir, err := os.MkdirTemp("", "liberdus-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	bin, err = filepath.Abs(bin)
	if err != nil {
		return err
	}
	d := &demo{bin: bin, dir: dir, began: time.Now(), names: map[string]string{}}
	stop, err := d.startNetwork()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	return d.play()
}

// startNetwork starts the devnet and waits until it says how to reach it.
func (d *demo) startNetwork() (stop func() error, err error) {
	var logs bytes.Buffer
	cmd := exec.Command(d.bin, "devnet", "--listen", "127.0.0.1:0", "--data", filepath.Join(d.dir, "net"))
	cmd.Stderr = &logs
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the network: %w", err)
	}
	stop = func() error {
		cmd.Process.Signal(syscall.SIGTERM)
		io.Copy(io.Discard, out) // Wait closes the pipe
		if err := cmd.Wait(); err != nil {
			return fmt.Errorf("the network: %w\n%s", err, logs.String())
		}
		return nil
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if _, url, ok := strings.Cut(lines.Text(), "LIBERDUS_ARCHIVER="); ok {
			d.archiver = url
			break
		}
	}
	if d.archiver == "" {
		return nil, fmt.Errorf("the network did not start: %w\n%s", cmp.Or(lines.Err(), stop(), errors.New("no address")), logs.String())
	}
	url, _, _ := strings.Cut(d.archiver, "#")
	d.step("an archiver and three consensors are running", "archiver %s", url)
	return stop, nil
}

// play is the story: two users, a transfer, and both accounts as another node
// sees them.
func (d *demo) play() error {
	var list struct {
		Nodes []node `json:"nodes"`
	}
	if err := d.client(&list, nil, "nodes"); err != nil {
		return err
	}
	if len(list.Nodes) < 2 {
		return fmt.Errorf("%d nodes are listed, want 3", len(list.Nodes))
	}
	d.nodes = list.Nodes
	d.step("the archiver's signed list names them", "peers %s", strings.Join(d.peers(), ", "))

	alice, err := d.register("alice", "secp256k1")
	if err != nil {
		return err
	}
	bob, err := d.register("bob", "ed25519")
	if err != nil {
		return err
	}
	if err := d.transfer("alice", bob, "12.5"); err != nil {
		return err
	}
	return d.balances(d.nodes[len(d.nodes)-1], alice, bob)
}

func (d *demo) peers() []string {
	var short []string
	for _, n := range d.nodes {
		short = append(short, n.PeerID[:8])
	}
	return short
}

// register makes a key and gives its user a name.
func (d *demo) register(name, scheme string) (address string, err error) {
	var key struct {
		Address string `json:"address"`
	}
	if err := d.client(&key, nil, "keygen", "--scheme", scheme, "--out", d.keyFile(name)); err != nil {
		return "", err
	}
	d.names[key.Address] = name
	peer, err := d.send("register", "--alias", name, "--key", d.keyFile(name))
	if err != nil {
		return "", err
	}
	d.step(name+" is registered", "%s key, address %s…, through %s", scheme, key.Address[:8], peer[:8])
	return key.Address, nil
}

func (d *demo) keyFile(name string) string { return filepath.Join(d.dir, name+".json") }

func (d *demo) transfer(from, to, amount string) error {
	peer, err := d.send("transfer", "--key", d.keyFile(from), "--to", to, "--amount", amount)
	if err != nil {
		return err
	}
	d.step(fmt.Sprintf("%s sends %s %s LIB", from, d.names[to], amount), "injected over WebRTC through %s", peer[:8])
	return nil
}

// send builds a transaction and injects it through the first node, waiting for
// its receipt.
func (d *demo) send(kind string, args ...string) (peer string, err error) {
	var tx json.RawMessage
	if err := d.client(&tx, nil, append([]string{"tx", kind}, args...)...); err != nil {
		return "", err
	}
	var done struct {
		Success bool   `json:"success"`
		Peer    string `json:"peer"`
	}
	if err := d.client(&done, tx, "inject", "--wait", "--peer", d.nodes[0].PeerID, "-"); err != nil {
		return "", err
	}
	if !done.Success {
		return "", fmt.Errorf("%s was refused", kind)
	}
	return done.Peer, nil
}

// balances asks a node, other than the one that took the transactions, for
// both accounts.
func (d *demo) balances(at node, addresses ...string) error {
	type row struct{ name, address, balance string }
	var rows []row
	for _, a := range addresses {
		var doc struct {
			Account struct {
				Data struct {
					Balance struct {
						Value string `json:"value"`
					} `json:"balance"`
				} `json:"data"`
			} `json:"account"`
		}
		if err := d.client(&doc, nil, "account", "--peer", at.PeerID, a); err != nil {
			return err
		}
		rows = append(rows, row{d.names[a], a, lib(doc.Account.Data.Balance.Value)})
	}
	d.step("another node knows both accounts", "asked over WebRTC: %s", at.PeerID[:8])
	fmt.Println()
	for _, r := range rows {
		fmt.Printf("          %-6s %s…  %28s LIB\n", r.name, r.address[:8], r.balance)
	}
	fmt.Printf("\nEach had 50 LIB; the transfer cost alice a fee of 0.769230769230769230 LIB.\n")
	return nil
}

// lib writes a balance of hexadecimal wei in LIB.
func lib(hexWei string) string {
	wei, ok := new(big.Int).SetString(hexWei, 16)
	if !ok {
		return "?"
	}
	whole, rest := new(big.Int).QuoRem(wei, new(big.Int).Exp(big.NewInt(10), big.NewInt(18), nil), new(big.Int))
	return fmt.Sprintf("%s.%018s", whole, rest)
}

// client runs a client command and reads the document it prints.
func (d *demo) client(doc any, stdin []byte, args ...string) error {
	cmd := exec.Command(d.bin, append([]string{"client"}, args...)...)
	cmd.Env = append(os.Environ(), "LIBERDUS_ARCHIVER="+d.archiver, "LIBERDUS_DATA="+filepath.Join(d.dir, "client"))
	cmd.Stdin = bytes.NewReader(stdin)
	var out, logs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &logs
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("liberdus %s: %w\n%s%s", strings.Join(cmd.Args[1:], " "), err, out.String(), logs.String())
	}
	if err := json.Unmarshal(out.Bytes(), doc); err != nil {
		return fmt.Errorf("liberdus %s printed %q: %w", strings.Join(cmd.Args[1:], " "), out.String(), err)
	}
	return nil
}

// step prints one line of the story.
func (d *demo) step(what, format string, args ...any) {
	fmt.Printf("%6.2f s  %-46s %s\n", time.Since(d.began).Seconds(), what, fmt.Sprintf(format, args...))
}
