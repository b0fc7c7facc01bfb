package ledger_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/liberdus/liberdus/internal/ledger"
	"github.com/liberdus/liberdus/internal/signing"
)

func silent(int) {}

// busyLedger makes a ledger on the disk in which all types have been applied.
func busyLedger(t *testing.T) (dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "ledger")
	clock := now
	l := open(t, ledger.Config{Dir: dir, NetworkID: networkID, Now: func() time.Time { return clock }})
	applied := map[string]bool{}
	for n := range 3 * 12 {
		for i := range 3 {
			clock = clock.Add(time.Second)
			tx := with(crashTx(i, n), signing.Object{"timestamp": float64(clock.UnixMilli()), "x": "lone \xed\xa0\x80"})
			if r := put(t, l, sign(userKey(i), tx)); r.Success && receipt(t, l, r.TxID)["success"] == true {
				applied[tx["type"].(string)] = true
			}
		}
		switch n {
		case 9:
			clock = clock.Add(7 * 24 * time.Hour) // time to reclaim
		case 30:
			clock = clock.Add(time.Hour) // time to stake again
		}
	}
	if len(applied) != 10 {
		t.Fatalf("only %v were applied", applied)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

func verify(t *testing.T, dir string) ledger.Books {
	t.Helper()
	o, err := ledger.OpenOffline(dir, discard())
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	b, err := o.Verify(t.Context(), silent)
	if err != nil {
		t.Error(err)
	}
	return b
}

func export(t *testing.T, dir string) []byte {
	t.Helper()
	o, err := ledger.OpenOffline(dir, discard())
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	var text bytes.Buffer
	done, err := o.Export(t.Context(), &text, silent)
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(text.Bytes(), []byte{'\n'}); n != done.Records+2 {
		t.Errorf("%d lines for %d records", n, done.Records)
	}
	return text.Bytes()
}

// TestExportAndImport: what is imported is what was exported, to the byte, and
// goes on where it was.
func TestExportAndImport(t *testing.T) {
	dir := busyLedger(t)
	text := export(t, dir)
	if again := export(t, dir); !bytes.Equal(again, text) {
		t.Error("a second export differs")
	}
	books := verify(t, dir)
	if books.Messages == 0 || books.Tolls.Sign() == 0 || books.Stakes.Sign() == 0 {
		t.Errorf("the ledger is too simple for this test: %+v", books)
	}
	copied := filepath.Join(t.TempDir(), "a", "ledger")
	done, err := ledger.Import(t.Context(), copied, bytes.NewReader(text), discard(), silent)
	if err != nil || !bytes.Contains(text, []byte(done.SHA256)) {
		t.Fatalf("Import = %+v, %v", done, err)
	}
	if again := export(t, copied); !bytes.Equal(again, text) {
		t.Error("the export of what was imported differs")
	}
	if got := verify(t, copied); fmt.Sprint(got) != fmt.Sprint(books) {
		t.Errorf("books %+v, want %+v", got, books)
	}
	l := open(t, ledger.Config{Dir: copied, Now: func() time.Time { return now }})
	if l.NetworkID() != networkID {
		t.Errorf("network %s", l.NetworkID())
	}
	apply(t, l, userKey(0), createTx(userKey(0), one))
	checkSum(t, l)
}

// TestOfflineRefusals: what is in use, no ledger or not empty stays as it is.
func TestOfflineRefusals(t *testing.T) {
	dir := t.TempDir()
	if o, err := ledger.OpenOffline(dir, discard()); err == nil || !strings.Contains(err.Error(), "holds no ledger") {
		t.Errorf("OpenOffline of an empty folder = %v, %v", o, err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
		t.Errorf("it made %v (%v)", entries, err)
	}
	gone := filepath.Join(dir, "gone")
	if o, err := ledger.OpenOffline(gone, discard()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("OpenOffline of no folder = %v, %v", o, err)
	}
	open(t, ledger.Config{Dir: dir})
	if o, err := ledger.OpenOffline(dir, discard()); err == nil || !strings.Contains(err.Error(), "is in use") {
		t.Errorf("OpenOffline of a ledger in use = %v, %v", o, err)
	}
	if _, err := ledger.Import(t.Context(), dir, strings.NewReader(""), discard(), silent); err == nil || !strings.Contains(err.Error(), "is not empty") {
		t.Errorf("Import into a ledger = %v", err)
	}
}

// reseal makes the last line fit the others.
func reseal(lines []string) string {
	text := strings.Join(lines[:len(lines)-1], "\n") + "\n"
	sum := sha256.Sum256([]byte(text))
	return text + fmt.Sprintf(`{"records":%d,"sha256":"%s"}`, len(lines)-2, hex.EncodeToString(sum[:])) + "\n"
}

// TestImportRefusals: an export that is not as it was written makes no ledger.
func TestImportRefusals(t *testing.T) {
	text := string(export(t, busyLedger(t)))
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	for _, tt := range []struct{ name, text, want string }{
		{"nothing", "", "it has no end"},
		{"cut off", text[:len(text)/2], "line"},
		{"without its end", strings.Join(lines[:len(lines)-1], "\n"), "it has no end"},
		{"more after its end", text + "\n{}", "something follows its end"},
		{"a digit changed", strings.Replace(text, `"value":"`, `"value":"1`, 1), "it has been changed"},
		{"a line missing", strings.Join(append(lines[:3:3], lines[4:]...), "\n"), "it has been changed"},
		{"no beginning", strings.Join(lines[1:], "\n"), "it does not begin with"},
		{"another format", strings.Replace(text, "liberdus-ledger/1", "liberdus-ledger/9", 1), "it does not begin with"},
		{"not JSON", lines[0] + "\nx\n", "line 2"},
		{"no value", reseal([]string{lines[0], `{"account":"x"}`, ""}), "has no value"},
		{"a message below zero", reseal([]string{lines[0], `{"chat":"x","message":-1,"value":{}}`, ""}), "has no number"},
		{"half a message", reseal([]string{lines[0], `{"chat":"x","message":0.5,"value":{}}`, ""}), "has no number"},
		{"a message without end", reseal([]string{lines[0], `{"chat":"x","message":1e999,"value":{}}`, ""}), "has no number"},
		{"a record twice in a row", reseal(append(append(lines[:3:3], lines[2]), lines[3:]...)), "line 4: " + ledger.ErrImport.Error() + ": it has a record twice"},
		{"a record again at the end", reseal(append(lines[:len(lines)-1:len(lines)-1], lines[1], "")), "it has a record twice"},
		{"no kind", reseal([]string{lines[0], `{"value":{}}`, ""}), "is of no kind"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "ledger")
			_, err := ledger.Import(t.Context(), dir, strings.NewReader(tt.text), discard(), silent)
			if !errors.Is(err, ledger.ErrImport) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Import = %v, want %q", err, tt.want)
			}
			if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("something was left behind (%v)", err)
			}
		})
	}
}

// keptID is the id of the transaction in a line.
func keptID(t *testing.T, line string) string {
	t.Helper()
	id, err := signing.TxID(parse(t, []byte(line))["value"].(signing.Object))
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// TestVerifyFinds: each kind of damage that an export with a right checksum can
// carry is found after the import.
func TestVerifyFinds(t *testing.T) {
	t.Parallel()
	text := string(export(t, busyLedger(t)))
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	find := func(has ...string) int {
		for i, line := range lines {
			all := true
			for _, s := range has {
				all = all && strings.Contains(line, s)
			}
			if all {
				return i
			}
		}
		t.Fatalf("no line has %q", has)
		return 0
	}
	// edit changes the value of one record, and gives an account the hash it has then.
	edit := func(at int, change func(value signing.Object)) string {
		o := parse(t, []byte(lines[at]))
		value := o["value"].(signing.Object)
		change(value)
		_, isAccount := o["account"]
		if _, isNode := o["node"]; isAccount || isNode {
			value["hash"] = ""
			hash, err := signing.HashObject(value)
			if err != nil {
				t.Fatal(err)
			}
			value["hash"] = hash
		}
		changed := append([]string(nil), lines...)
		changed[at] = string(signing.MustCanonical(o))
		return reseal(changed)
	}
	without := func(at int) string { return reseal(append(lines[:at:at], lines[at+1:]...)) }
	user, node := find(`"type":"UserAccount"`), find(`"type":"NodeAccount"`, `"stakeLock":{"dataType":"bi","value":"2`)
	kept := find(`"message":`, `"type":"transfer"`)
	tx, id := parse(t, []byte(lines[kept])), keptID(t, lines[kept])
	its := find(`"receipt":"` + id + `"`)
	said := find(`"receipt":"` + keptID(t, lines[find(`"message":`, `"type":"message"`)]) + `"`)
	staker := find(`"type":"UserAccount"`, `"stake":{"dataType":"bi","value":"2`)
	operated := func(o signing.Object) signing.Object { return o["operatorAccountInfo"].(signing.Object) }
	for _, line := range lines {
		if o := parse(t, []byte(line)); o["message"] != nil && o["chat"] != tx["chat"] {
			tx["value"] = o["value"]
			break
		}
	}
	moved := string(signing.MustCanonical(tx))
	for _, tt := range []struct{ name, text, want string }{
		{"a richer user", edit(user, func(o signing.Object) { o["data"].(signing.Object)["balance"] = lib(1) }), "balances, tolls and stakes are"},
		{"a hash", reseal(slices.Replace(slices.Clone(lines), user, user+1, strings.Replace(lines[user], `"hash":"`, `"hash":"0`, 1))), "its hash or its text"},
		{"another's id", edit(user, func(o signing.Object) { o["id"] = strings.Repeat("0", 63) + "1" }), "the account says that it is"},
		{"another name", edit(user, func(o signing.Object) { o["alias"] = "mallory" }), "has another name"},
		{"another stake", edit(node, func(o signing.Object) { o["stakeLock"] = lib(1) }), "and that has another"},
		{"a stake less", without(node), "and that has another"},
		{"another's stake", edit(node, func(o signing.Object) { o["nominator"] = strings.Repeat("0", 64) }), "and that has another"},
		{"a stake that only its user knows of", edit(staker, func(o signing.Object) { operated(o)["stake"] = lib(1_000_000) }), "and that has another"},
		{"a stake on another node", edit(staker, func(o signing.Object) { operated(o)["nominee"] = strings.Repeat("9", 64) }), "and that has another"},
		{"a stake on no node", edit(staker, func(o signing.Object) { operated(o)["nominee"] = "" }), "on no node"},
		{"a stake that its user does not know of", edit(staker, func(o signing.Object) { delete(o, "operatorAccountInfo") }), "has another stake"},
		{"a stake on nothing", edit(user, func(o signing.Object) { o["data"].(signing.Object)["stake"] = one }), "a stake on no node"},
		{"a message less", without(find(`"message":7,`)), "messages"},
		{"a kept amount", edit(kept, func(o signing.Object) { o["amount"] = lib(1_000_000) }), "it would be refused: incorrect signing"},
		{"a kept memo", edit(kept, func(o signing.Object) { o["memo"] = "I owe you all" }), "it would be refused: incorrect signing"},
		{"a kept transaction in another chat", reseal(slices.Replace(slices.Clone(lines), kept, kept+1, moved)), "it is not of this chat"},
		{"a receipt of a kept one less", without(its), "there is no receipt of"},
		{"a receipt of a kept one at another time", edit(its, func(o signing.Object) { o["timestamp"] = 1.0 }), "is of something else"},
		{"a receipt of a kept one that failed", edit(its, func(o signing.Object) { o["success"] = false }), "is of something else"},
		{"a receipt of a kept transfer of another amount", edit(its, func(o signing.Object) { o["additionalInfo"].(signing.Object)["amount"] = lib(7) }), "has another amount than"},
		{"a receipt of a kept transfer without an amount", edit(its, func(o signing.Object) { delete(o, "additionalInfo") }), "additionalInfo"},
		{"a receipt of a kept one of another fee", edit(its, func(o signing.Object) { o["transactionFee"] = new(big.Int) }), "and the network's is"},
		{"a receipt of another message", edit(said, func(o signing.Object) { o["additionalInfo"].(signing.Object)["message"] = "no" }), "has another message"},
		{"a receipt less", without(find(`"receipt":`, `"type":"create"`)), "balances, tolls and stakes are"},
		{"a receipt of another", edit(find(`"receipt":`), func(o signing.Object) { o["txId"] = "x" }), "the receipt says that it is of"},
		{"a receipt without its fee", edit(find(`"receipt":`), func(o signing.Object) { delete(o, "transactionFee") }), "transactionFee"},
		{"tolls", edit(find(`"chat":`, `"first":`), func(o signing.Object) {
			o["toll"].(signing.Object)["payOnRead"] = []any{lib(1), new(big.Int)}
		}), "balances, tolls and stakes are"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "ledger")
			if _, err := ledger.Import(t.Context(), dir, strings.NewReader(tt.text), discard(), silent); err != nil {
				t.Fatal(err)
			}
			o, err := ledger.OpenOffline(dir, discard())
			if err != nil {
				t.Fatal(err)
			}
			defer o.Close()
			if _, err := o.Verify(t.Context(), silent); !errors.Is(err, ledger.ErrBooks) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Verify = %v, want %q", err, tt.want)
			}
		})
	}
}
