package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
)

// An accountMaker returns the id of an account that the ledger of a node has, or
// has not. What the reply weighs is what a request costs: how many fit in a packet.
type accountMaker func(ctx context.Context, e *env, s *sessionSide) (string, error)

// networkAccount is the one that every ledger has, of 2.1 KB.
func networkAccount(context.Context, *env, *sessionSide) (string, error) {
	return strings.Repeat("0", 64), nil
}

// noAccount is one that no ledger has: a reply with a body of 16 bytes.
func noAccount(context.Context, *env, *sessionSide) (string, error) {
	return "1" + strings.Repeat("0", 63), nil
}

// userAccount registers a user, as a wallet would, and is that user's account.
func userAccount(ctx context.Context, e *env, s *sessionSide) (string, error) {
	dir, err := e.dir()
	if err != nil {
		return "", err
	}
	key, archiver := filepath.Join(dir, "key.json"), "http://"+s.arch.addr
	out, err := client(ctx, "", "keygen", "--out", key)
	if err != nil {
		return "", err
	}
	var user struct{ Address string }
	if err := json.Unmarshal([]byte(out), &user); err != nil {
		return "", fmt.Errorf("keygen: %w", err)
	}
	tx, err := client(ctx, "", "tx", "register", "--key", key, "--alias", "bench", "--archiver", archiver, "--data", dir)
	if err != nil {
		return "", err
	}
	_, err = client(ctx, tx, "inject", "--wait", "--archiver", archiver, "--data", dir, "-")
	return user.Address, err
}

// client runs one client command of ours and returns what it prints.
func client(ctx context.Context, in string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, ours, append([]string{"client"}, args...)...)
	cmd.Stdin = strings.NewReader(in)
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("liberdus client %s: %w: %s%s", args[0], err, out, errs.String())
	}
	return string(out), nil
}

// requestsFor compares the nodes by requests for one account.
func requestsFor(name, about string, account accountMaker) scenario {
	var metrics []metric
	for _, n := range []int{1, 16, 64} {
		cpu := metric{name: cpuAt(n), unit: "µs"}
		rate := metric{name: rateAt(n), unit: "/s", more: true}
		if n == 64 {
			cpu.goals = []goal{{against: "raw pion", ratio: 1.15}}
			rate.goals = []goal{{against: "simple-peerjs", ratio: 5}, {against: "HTTP", ratio: 0.5}}
		}
		metrics = append(metrics, cpu, rate, metric{name: loadAt(n), unit: "µs"})
	}
	return scenario{
		section: sessions, name: name, about: about,
		sides: []side{
			{"liberdus", askSession(ourNodeWith(account))},
			{"raw pion", askSession(rawPionWith(account))},
			{"HTTP", askHTTP(ourNodeWith(account))},
			{"simple-peerjs", askSession(scriptWith(account))},
		},
		metrics: metrics,
	}
}
