package e2e

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/liberdus/liberdus/internal/binarypack"
)

// packedValues is how many random values go each way between our codec and the library's.
const packedValues = 4000

// A packedValue is a line that binarypack.js writes and reads.
type packedValue struct {
	Pack string          `json:"pack"`
	JSON string          `json:"json"`
	Got  json.RawMessage `json:"got,omitempty"`
}

// Our BinaryPack and that of peerjs-js-binarypack read each other's values.
func TestBinaryPackLibrary(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano()) % 1_000_000
	if set, err := strconv.ParseUint(os.Getenv("E2E_SEED"), 10, 64); err == nil {
		seed = set
	}
	t.Logf("seed %d (E2E_SEED=%d repeats it)", seed, seed)
	t.Run("what the library packs", func(t *testing.T) {
		out := runPack(t, "--seed", strconv.FormatUint(seed, 10), "--count", strconv.Itoa(packedValues))
		n := 0
		for line := range strings.Lines(string(out)) {
			var v packedValue
			if err := json.Unmarshal([]byte(line), &v); err != nil {
				t.Fatal(err)
			}
			checkPacked(t, v)
			n++
		}
		if n != packedValues {
			t.Errorf("%d values came, want %d", n, packedValues)
		}
	})
	t.Run("what we pack", func(t *testing.T) { checkOurs(t, rand.New(rand.NewPCG(seed, 1))) })
}

func runPack(t *testing.T, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "node", append([]string{"js/binarypack.js"}, args...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("binarypack.js: %v\n%s", err, stderr.String())
	}
	return out
}

// checkPacked reads a value of the library's.
func checkPacked(t *testing.T, v packedValue) {
	t.Helper()
	pack, err := hex.DecodeString(v.Pack)
	if err != nil {
		t.Fatal(err)
	}
	text, err := binarypack.ToJSON(pack, 1<<24)
	if err != nil {
		t.Errorf("ToJSON(%.200s) = %v, want %.200s", v.Pack, err, v.JSON)
		return
	}
	var got, want any
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatalf("ToJSON(%.200s) = %.200s: %v", v.Pack, text, err)
	}
	if err := json.Unmarshal([]byte(v.JSON), &want); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("ToJSON(%.200s) = %.200s, want %.200s", v.Pack, text, v.JSON)
	}
}

// checkOurs lets the library read values of ours.
func checkOurs(t *testing.T, r *rand.Rand) {
	path := filepath.Join(t.TempDir(), "values")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	w := bufio.NewWriter(file)
	enc := json.NewEncoder(w)
	for range packedValues {
		text := randomJSON(r, 0)
		pack, err := binarypack.FromJSON([]byte(text))
		if err != nil {
			t.Fatalf("FromJSON(%s) = %v", text, err)
		}
		if err := enc.Encode(packedValue{Pack: hex.EncodeToString(pack), JSON: text}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(runPack(t, "--check", path))), "\n")
	if want := fmt.Sprintf(`{"checked":%d}`, packedValues); lines[len(lines)-1] != want {
		t.Errorf("the library ended with %q, want %s", lines[len(lines)-1], want)
	}
	for i, line := range lines[:len(lines)-1] {
		if i == 5 {
			t.Fatalf("and %d more", len(lines)-6)
		}
		t.Errorf("the library reads otherwise: %.600s", line)
	}
}

// randomJSON draws a JSON text. Numbers below 2^-1022 are left out: the library misreads them.
func randomJSON(r *rand.Rand, depth int) string {
	kinds := 9
	if depth > 4 {
		kinds = 7
	}
	size := r.IntN(4)
	if depth == 0 && r.IntN(10) == 0 {
		size = 300
	}
	switch r.IntN(kinds) {
	case 0:
		return []string{"null", "true", "false", "-0", "0"}[r.IntN(5)]
	case 1:
		return strconv.FormatInt(int64(r.Uint64())>>r.IntN(64), 10)
	case 2:
		return strconv.FormatUint(r.Uint64()>>r.IntN(64), 10)
	case 3:
		return strconv.FormatFloat((r.Float64()-0.5)*float64(int64(1)<<r.IntN(62)), 'g', -1, 64)
	case 4:
		return fmt.Sprintf("%d.%03de%d", r.IntN(10)+1, r.IntN(1000), r.IntN(600)-300)
	case 5, 6:
		return randomText(r)
	case 7:
		items := make([]string, size)
		for i := range items {
			items[i] = randomJSON(r, depth+1)
		}
		return "[" + strings.Join(items, ",") + "]"
	}
	items := make([]string, size)
	for i := range items {
		items[i] = fmt.Sprintf(" %q : %s ", fmt.Sprint(r.IntN(9), "k", i), randomJSON(r, depth+1))
	}
	return "{" + strings.Join(items, ",") + "}"
}

func randomText(r *rand.Rand) string {
	pieces := []string{"a", "é", "☃", "😀", `\"`, `\\`, `\n`, `\u0000`, `\ud800`, `\udc00x`, `\ud83d\ude00`, `\/`}
	n := r.IntN(20)
	if r.IntN(300) == 0 {
		n = 30_000
	}
	var b strings.Builder
	b.WriteByte('"')
	for range n {
		b.WriteString(pieces[r.IntN(len(pieces))])
	}
	b.WriteByte('"')
	return b.String()
}
