package nodelist_test

import (
	"slices"
	"testing"

	"github.com/liberdus/liberdus/internal/signing"
	"github.com/liberdus/liberdus/nodelist"
)

// FuzzReadBorrowed: from whatever another archiver signs come keys only, each
// once.
func FuzzReadBorrowed(f *testing.F) {
	f.Add(recordedList)
	f.Add(recordedEmpty)
	f.Add(`{"nodeList":[{"publicKey":7},[],null,"x"],"epoch":1e99}`)
	f.Add(`{"nodeList":[],"epoch":7,"time":1.5,"list":"active"}`)
	f.Fuzz(func(t *testing.T, text string) {
		o, err := signing.ParseObject([]byte(text))
		if err != nil {
			return
		}
		keys, err := nodelist.ReadBorrowed(o)
		if err != nil && keys != nil {
			t.Errorf("%s: keys and %v", text, err)
		}
		if !slices.IsSorted(keys) || len(slices.Compact(slices.Clone(keys))) != len(keys) {
			t.Errorf("%s: %q is not sorted, or not each once", text, keys)
		}
		for _, key := range keys {
			if !nodelist.IsKey(key) {
				t.Errorf("%s: %q is no key", text, key)
			}
		}
	})
}
