package ledger

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"log/slog"
	"math"
	"os"
	"path/filepath"

	"github.com/liberdus/liberdus/internal/signing"
)

// ErrImport is wrapped by the errors of Import that are about what was read.
var ErrImport = errors.New("this is not a whole export")

const (
	maxImportLine  = 4 << 20 // bytes; a record is not larger
	importBatch    = 1000    // records that share a sync
	importOverhead = 1 << 20 // bytes that do, at most and one line
)

// Import makes a ledger in dir, which must be empty or missing, of what Export
// wrote. It becomes a ledger with the last record: [Open] refuses the folder of an
// import that was killed, and one that failed leaves nothing behind.
func Import(ctx context.Context, dir string, r io.Reader, log *slog.Logger, progress func(records int)) (done Exported, err error) {
	empty, err := isEmpty(dir)
	if err != nil {
		return Exported{}, fmt.Errorf("ledger: %w", err)
	}
	if !empty {
		return Exported{}, fmt.Errorf("ledger: %s is not empty: import into a new data folder", dir)
	}
	above := missingAbove(dir)
	st, err := openStore(Config{Dir: dir}.withDefaults(), log.With("part", "ledger"))
	if err != nil {
		return Exported{}, fmt.Errorf("ledger: %w", err)
	}
	defer func() {
		if err = errors.Join(err, st.close()); err != nil { // it was empty, and has been ours alone since
			err = errors.Join(err, os.RemoveAll(dir))
			for _, made := range above {
				err = errors.Join(err, os.Remove(made)) // what is not empty is somebody's
			}
		}
	}()
	in := &importer{store: st, sum: sha256.New(), progress: progress}
	if done, err = in.all(ctx, r); err != nil {
		return Exported{}, fmt.Errorf("ledger: import into %s: line %d: %w", dir, in.line, err)
	}
	return done, nil
}

// missingAbove are the folders that have to be made for dir, the innermost first.
func missingAbove(dir string) (missing []string) {
	for at := filepath.Dir(dir); ; at = filepath.Dir(at) {
		if _, err := os.Stat(at); !errors.Is(err, fs.ErrNotExist) {
			return missing
		}
		missing = append(missing, at)
	}
}

type importer struct {
	store    *store
	sum      hash.Hash
	progress func(int)
	ops      []op
	pending  map[string]bool // the keys of ops
	size     int             // bytes in ops
	line     int
	records  int
}

func (in *importer) all(ctx context.Context, r io.Reader) (Exported, error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 1<<16), maxImportLine)
	for lines.Scan() {
		if ctx.Err() != nil {
			return Exported{}, context.Cause(ctx)
		}
		in.line++
		last, done, err := in.take(lines.Bytes())
		if err != nil || !last {
			if err != nil {
				return Exported{}, err
			}
			continue
		}
		if lines.Scan() {
			return Exported{}, fmt.Errorf("%w: something follows its end", ErrImport)
		}
		in.ops = append(in.ops, op{formatKey(), []byte(format)})
		return done, in.flush()
	}
	if err := lines.Err(); err != nil {
		return Exported{}, fmt.Errorf("%w: %w", ErrImport, err)
	}
	return Exported{}, fmt.Errorf("%w: it has no end", ErrImport)
}

// take takes one line; last says that it was the one that ends the export.
func (in *importer) take(text []byte) (last bool, done Exported, err error) {
	o, err := signing.ParseObject(text)
	switch {
	case err != nil:
		return false, done, fmt.Errorf("%w: %w", ErrImport, err)
	case in.line == 1 && (o["export"] != exportFormat || o["format"] != format):
		return false, done, fmt.Errorf("%w: it does not begin with %q and %q", ErrImport, exportFormat, format)
	}
	if sum, found := o["sha256"]; found && in.line > 1 {
		done = Exported{in.records, hex.EncodeToString(in.sum.Sum(nil))}
		if n, _ := number(o["records"]); int(n) != in.records || sum != done.SHA256 {
			return false, done, fmt.Errorf("%w: it has been changed, or part of it is missing: %d records with SHA-256 %s", ErrImport, done.Records, done.SHA256)
		}
		return true, done, nil
	}
	in.sum.Write(text) // never fails
	in.sum.Write([]byte{'\n'})
	if in.line == 1 {
		return false, done, nil
	}
	return false, done, in.record(o)
}

func (in *importer) record(o signing.Object) error {
	key, value, err := importRecord(o)
	if err != nil {
		return err
	}
	if err := in.first(key); err != nil {
		return err
	}
	in.ops = append(in.ops, op{key, value})
	in.size += len(key) + len(value)
	in.records++
	if len(in.ops) < importBatch && in.size < importOverhead {
		return nil
	}
	in.progress(in.records)
	return in.flush()
}

// first refuses a key that was there before: an export has each record once.
func (in *importer) first(key []byte) error {
	twice := in.pending[string(key)]
	if !twice {
		var err error
		if twice, err = in.store.has(key); err != nil {
			return err
		}
	}
	if twice {
		return fmt.Errorf("%w: it has a record twice", ErrImport)
	}
	if in.pending == nil {
		in.pending = make(map[string]bool, importBatch)
	}
	in.pending[string(key)] = true
	return nil
}

func (in *importer) flush() error {
	ops := in.ops
	in.ops, in.size = nil, 0
	clear(in.pending)
	return in.store.commit(ops)
}

// importRecord is what exportLine was given.
func importRecord(o signing.Object) (key, value []byte, err error) {
	content, ok := o["value"].(signing.Object)
	if !ok {
		return nil, nil, fmt.Errorf("%w: a record has no value", ErrImport)
	}
	if value, err = signing.Canonical(content); err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrImport, err)
	}
	chat, isChat := o["chat"].(string)
	n, isMessage := number(o["message"])
	if _, numbered := o["message"]; numbered && (!isMessage || n < 0 || n > 1<<53 || n != math.Trunc(n)) {
		return nil, nil, fmt.Errorf("%w: a message has no number", ErrImport)
	}
	id, isAccount := o["account"].(string)
	node, isNode := o["node"].(string)
	txID, isReceipt := o["receipt"].(string)
	switch {
	case isChat && isMessage:
		return messageKey(chat, uint64(n)), value, nil
	case isChat && !isMessage:
		return accountKey(chat), bytes.Join([][]byte{{headerMark}, value}, nil), nil
	case isAccount:
		return accountKey(id), value, nil
	case isNode:
		return nodeKey(node), value, nil
	case isReceipt:
		return receiptKey(txID), value, nil
	}
	return nil, nil, fmt.Errorf("%w: a record is of no kind that this program knows", ErrImport)
}
