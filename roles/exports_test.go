package roles_test

import (
	"bytes"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/liberdus/liberdus/internal/ledger"
	"github.com/liberdus/liberdus/roles"
)

// TestExportOfARunningDevnet: whoever owns the data folder gets the ledger while
// it is in use, nobody else can connect, and nothing stays behind.
func TestExportOfARunningDevnet(t *testing.T) {
	data := t.TempDir()
	socket := filepath.Join(data, roles.ExportSocket)
	if err := os.WriteFile(socket, nil, 0o600); err != nil { // what a killed process left
		t.Fatal(err)
	}
	_, stop := runDevnet(t, roles.DevnetConfig{Consensors: 1, Data: data})
	if info, err := os.Lstat(socket); err != nil || info.Mode() != os.ModeSocket|0o600 {
		t.Errorf("socket %v, %v", info.Mode(), err)
	}
	conn, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	sent, err := ledger.Receive(conn, &text, func(int) {})
	conn.Close()
	if err != nil || sent.Records != 1 {
		t.Errorf("Receive = %+v, %v", sent, err)
	}
	copied := filepath.Join(t.TempDir(), "ledger")
	if got, err := ledger.Import(t.Context(), copied, &text, logger(t), func(int) {}); err != nil || got != sent {
		t.Errorf("Import = %+v, %v, want %+v", got, err, sent)
	}
	stop()
	if left, err := filepath.Glob(filepath.Join(data, "*sock*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
