package ledger

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"

	"github.com/liberdus/liberdus/internal/signing"
)

// An Exported says what an export holds.
type Exported struct {
	Records int    `json:"records"` // lines, without the first and the last
	SHA256  string `json:"sha256"`  // of all lines but the last, each with its newline
}

// exportFormat is the first line's word for what follows.
const exportFormat = "liberdus-ledger-export/1"

// Export writes the whole ledger to w, one JSON object a line, in canonical text
// and always in the same order:
//
//	{"export":"liberdus-ledger-export/1","format":"liberdus-ledger/1"}
//	{"account":"<id>","value":{…}}
//	{"chat":"<id>","value":{…}}        what is stored of a chat, without its messages
//	{"chat":"<id>","message":n,"value":{…}}
//	{"node":"<id>","value":{…}}
//	{"receipt":"<txId>","value":{…}}
//	{"records":n,"sha256":"<64 hex>"}  of all lines above
//
// The same ledger gives the same bytes. Progress is called now and then with the
// number of records so far.
func (o *Offline) Export(ctx context.Context, w io.Writer, progress func(records int)) (Exported, error) {
	done, err := o.store.view.export(ctx, w, progress)
	if err != nil {
		return Exported{}, fmt.Errorf("ledger: export %s: %w", o.store.dir, err)
	}
	return done, nil
}

func (v *view) export(ctx context.Context, w io.Writer, progress func(records int)) (Exported, error) {
	out := &exporter{w: bufio.NewWriterSize(w, 1<<16), sum: sha256.New()}
	out.line(signing.Object{"export": exportFormat, "format": format})
	err := v.each(ctx, func(key, value []byte) error {
		line, err := exportLine(key, value)
		if err != nil || line == nil {
			return err
		}
		out.line(line)
		out.records++
		if out.records%1000 == 0 {
			progress(out.records)
		}
		return out.err
	})
	if err != nil {
		return Exported{}, err
	}
	done := Exported{out.records, hex.EncodeToString(out.sum.Sum(nil))}
	out.line(signing.Object{"records": done.Records, "sha256": done.SHA256})
	if out.err == nil {
		out.err = out.w.Flush()
	}
	if out.err != nil {
		return Exported{}, fmt.Errorf("write: %w", out.err)
	}
	return done, nil
}

// An exporter keeps the first error.
type exporter struct {
	w       *bufio.Writer
	sum     hash.Hash
	records int
	err     error
}

func (x *exporter) line(o signing.Object) {
	text, err := signing.Canonical(o)
	if err == nil {
		text = append(text, '\n')
		x.sum.Write(text) // never fails
		_, err = x.w.Write(text)
	}
	if x.err == nil {
		x.err = err
	}
}

// exportLine is a record as an object; the mark of the format has none of its own.
func exportLine(key, value []byte) (signing.Object, error) {
	line := signing.Object{}
	switch id := string(key[1:]); {
	case key[0] == kindFormat:
		return nil, nil
	case key[0] == kindReceipt:
		line["receipt"] = id
	case key[0] == kindAccount && isChatHeader(value):
		line["chat"] = id
	case key[0] == kindAccount:
		line["account"] = id
	case key[0] == kindNode:
		line["node"] = id
	case key[0] == kindMessage:
		chat, n, ok := splitMessage(key)
		if !ok {
			return nil, fmt.Errorf("key %q of a message is too short", key)
		}
		line["chat"], line["message"] = chat, n
	default:
		return nil, fmt.Errorf("key %q is of no kind that this program knows", key)
	}
	o, err := signing.ParseObject(headless(value))
	if err != nil {
		return nil, fmt.Errorf("record %q: %w", key, err)
	}
	line["value"] = o
	return line, nil
}
