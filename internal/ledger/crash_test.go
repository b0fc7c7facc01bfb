package ledger_test

import (
	"bufio"
	"context"
	"fmt"
	"math/big"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/liberdus/liberdus/internal/ledger"
	"github.com/liberdus/liberdus/internal/signing"
)

// crashDir names the environment variable that makes the test binary a process
// which puts transactions until it is killed.
const crashDir = "LEDGER_TEST_CRASH_DIR"

const crashUsers = 16

// crashChild prints the id of each accepted transaction on a line of its own.
func crashChild(dir string) {
	l, err := ledger.Open(ledger.Config{Dir: dir, NetworkID: networkID}, discard())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	var out sync.Mutex
	var wg sync.WaitGroup
	for i := range crashUsers {
		wg.Go(func() {
			for n := 0; ; n++ {
				tx, k := crashTx(i, n), userKey(i)
				tx = with(tx, signing.Object{"timestamp": float64(time.Now().UnixMilli()), "n": float64(n)})
				r, err := l.Put(context.Background(), sign(k, tx))
				if err != nil {
					fmt.Fprintln(os.Stderr, err)
					os.Exit(1)
				}
				if r.Success {
					out.Lock()
					fmt.Println(r.TxID)
					out.Unlock()
				}
			}
		})
	}
	wg.Wait()
}

// crashTx is the n-th transaction of user i: all types in turn, each of which may
// be refused in a ledger that has seen them before.
func crashTx(i, n int) signing.Object {
	k, to := userKey(i), userKey((i+1)%crashUsers).Address()
	node := signing.Hash([]byte(strconv.Itoa(i)))
	switch n % 12 {
	case 0:
		return registerTx(k, "user"+strconv.Itoa(i))
	case 1:
		return createTx(k, lib(1000))
	case 2, 3, 4:
		return messageTx(k, to, toll)
	case 5:
		return talkTx(k, "read", userKey((i+crashUsers-1)%crashUsers).Address())
	case 6:
		if odd := n/12%2 == 1; odd { // else what is held may be reclaimed
			return requireTx(k, userKey((i+crashUsers-1)%crashUsers).Address(), 1)
		}
	case 7:
		return depositTx(k, node, lib(770))
	case 8:
		if odd := n/12%2 == 1; odd {
			return withdrawTx(k, node)
		}
	case 9:
		return tollTx(k, toll, "LIB")
	case 10:
		return talkTx(k, "reclaim_toll", to)
	}
	return transferTx(k, to, big.NewInt(1))
}

// crashRounds is how often TestKillUnderLoad kills, unless the environment
// variable LEDGER_TEST_CRASH_ROUNDS says more.
const crashRounds = 5

// TestKillUnderLoad kills a process in the middle of its work, again and again.
// Whatever it said was accepted is there afterwards, and nothing is half done.
func TestKillUnderLoad(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	said := make(map[string]bool)
	rounds := crashRounds
	if more, err := strconv.Atoi(os.Getenv("LEDGER_TEST_CRASH_ROUNDS")); err == nil {
		rounds = more
	}
	for round := range rounds {
		for _, id := range killedAfter(t, dir, 1+rand.IntN(100)) {
			said[id] = true
		}
		l, err := ledger.Open(ledger.Config{Dir: dir}, discard())
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		receipts, err := l.All(true)
		if err != nil {
			t.Fatal(err)
		}
		for id := range said {
			if receipts[id] == nil {
				t.Errorf("round %d: %s was accepted and is gone", round, id)
			}
		}
		checkSum(t, l)
		if err := l.Close(); err != nil {
			t.Errorf("Close = %v", err)
		}
		verify(t, dir)
		t.Logf("round %d: %d accepted and said so, %d in the ledger", round, len(said), len(receipts))
	}
}

// killedAfter runs a child until it has said n times that a transaction was
// accepted, kills it, and returns all it said.
func killedAfter(t *testing.T, dir string, n int) (ids []string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), crashDir+"="+dir)
	cmd.Stderr = os.Stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for in := bufio.NewReader(stdout); ; {
		line, err := in.ReadString('\n')
		if err != nil {
			break // the last line may be cut short: it does not count
		}
		ids = append(ids, strings.TrimSuffix(line, "\n"))
		if len(ids) == n {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := cmd.Wait(); err == nil || len(ids) < n {
		t.Fatalf("child ended by itself after %d transactions: %v", len(ids), err)
	}
	return ids
}

// TestAnotherProcessHasIt: the folder is held while a child runs.
func TestAnotherProcessHasIt(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), crashDir+"="+dir)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := bufio.NewReader(stdout).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	if l, err := ledger.Open(ledger.Config{Dir: dir}, discard()); err == nil || !strings.Contains(err.Error(), "is in use") || !strings.Contains(err.Error(), dir) {
		t.Errorf("Open = %v, %v, want an error that names %s and says it is in use", l, err, dir)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Error(err)
	}
	_ = cmd.Wait() // killed
}
