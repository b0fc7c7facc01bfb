package ledger_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/liberdus/liberdus/internal/ledger"
	"github.com/liberdus/liberdus/internal/signing"
)

// FuzzImportLine: a line that is taken is a record that gives the same line again,
// and no line, nor the account in it, makes the program panic.
func FuzzImportLine(f *testing.F) {
	id := strings.Repeat("ab", 32)
	for _, line := range []string{
		`{"node":"` + id + `","value":{"balance":{"dataType":"bi","value":"0"},"hash":"x","id":"` + id + `","nominator":"` + id + `",` +
			`"stakeLock":{"dataType":"bi","value":"29b338ad0e5c7b13b1"},"stakeTimestamp":1,"timestamp":1,"type":"NodeAccount"}}`,
		`{"account":"` + id + `","value":{"type":"UserAccount","id":"` + id + `","data":{"chats":{"p":{"chatId":"c","receivedTimestamp":1}}}}}`,
		`{"account":"x","value":{"type":"AliasAccount","address":"y","inbox":"z"}}`,
		`{"chat":"x","value":{"first":0,"next":1}}`,
		`{"chat":"x","message":7,"value":{"type":"transfer"}}`,
		`{"chat":"x","message":-1,"value":{}}`,
		`{"chat":"x","message":0.5,"value":{}}`,
		`{"chat":"x","message":1e300,"value":{}}`,
		`{"chat":"x","message":"7","account":"y","value":{}}`,
		`{"receipt":"x","value":{"txId":"x","success":true,"transactionFee":{"dataType":"bi","value":"0"}}}`,
		`{"receipt":"x","node":"y","value":{}}`,
		`{"account":"","value":{}}`,
		`{"value":{}}`, `{"account":"x","value":[]}`, `{"account":{"dataType":"bi","value":"1"},"value":{}}`, `[]`,
	} {
		f.Add([]byte(line))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		key, value, err := ledger.ImportLine(line)
		if err != nil {
			return
		}
		if len(key) < 1 || value == nil {
			t.Fatalf("key %q, value %q", key, value)
		}
		_, _ = ledger.Recode(value)
		again, err := ledger.ExportLine(key, value)
		if err != nil {
			t.Fatalf("ExportLine(%q, %q) = %v", key, value, err)
		}
		text := signing.MustCanonical(again)
		key2, value2, err := ledger.ImportLine(text)
		if err != nil || !bytes.Equal(key, key2) || !bytes.Equal(value, value2) {
			t.Fatalf("%s\nis the record %q %q\nwhich gives\n%s\nwhich is %q %q, %v", line, key, value, text, key2, value2, err)
		}
	})
}
