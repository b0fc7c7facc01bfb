package conformance_test

import (
	"flag"
	"os"
	"testing"

	"github.com/liberdus/liberdus/signaling/conformance"
)

var update = flag.Bool("update", false, "write docs/peerjs-compatibility.md")

// The document says what the statements say.
func TestDocument(t *testing.T) {
	const path = "../../docs/peerjs-compatibility.md"
	want := conformance.Document()
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s is stale: go test ./signaling/conformance -update", path)
	}
}

// Every difference has its reason, and only differences have one.
func TestReasons(t *testing.T) {
	for _, s := range conformance.Statements() {
		ours, ok := s.Expected(conformance.Archiver)
		if !ok {
			ours = s.Want
		}
		reference, _ := s.Expected(conformance.Reference)
		if differs := ours != reference || s.Want != reference; differs != (s.Why != "") {
			t.Errorf("%s: differs is %v, the reason is %q", s.Name(), differs, s.Why)
		}
	}
}
