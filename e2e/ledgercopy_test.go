package e2e

import (
	"testing"
	"time"
)

// An operator copies the ledger of a consensor that is at work: the copy is sound, has what was
// accepted before, and a consensor runs on it.
func TestLedgerCopy(t *testing.T) {
	t.Parallel()
	const count, copyAfter = 20_000, 200
	s := newSite(t)
	archiver := s.archiver()
	d := openDoor(t, s.consensor(archiver.url()))
	w := newWallet(t, d.network(t))
	w.settle(t, d, "copied")

	file, copied := s.dir("export"), s.dir("copy")
	var exported record
	b := injectMany(d, w, count, copyAfter, func() { // the others go on meanwhile
		r := s.run("ledger", "export", "--data", s.dir("consensor"), file).exits(0)
		exported = r.json()
	})
	if len(b.accepted) <= copyAfter || len(b.accepted) == count || len(b.faults) > 0 {
		t.Fatalf("%d of %d accepted, and the export began at %d; refusals: %q", len(b.accepted), count, copyAfter, b.faults)
	}

	imported := s.run("ledger", "import", "--data", copied, file).exits(0).json()
	if imported["sha256"] != exported["sha256"] || imported["records"] != exported["records"] {
		t.Errorf("imported %v, want %v", imported, exported)
	}
	books := s.run("ledger", "verify", "--data", copied).exits(0).json()
	if receipts, _ := books["receipts"].(float64); int(receipts) <= copyAfter || books["sound"] != true {
		t.Errorf("the copy's books are %v, want more than %d receipts", books, copyAfter)
	}

	second := s.ready(s.launch("consensor", "--archiver", archiver.url(), "--listen", "127.0.0.1:0", "--data", copied))
	s.listed(archiver.url(), second.peerID, 10*time.Second)
	again := openDoor(t, second)
	(&burst{sent: b.sent}).check(t, again, w)
	text, txID, err := w.create(lib(1))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := again.inject(text); err != nil || !got.Success || got.TxID != txID {
		t.Errorf("inject into the copy = %+v, %v, want success", got, err)
	}
}
