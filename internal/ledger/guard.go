package ledger

import (
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// A guard stands between Pebble and the file system. Pebble ends the process
// when its write-ahead log cannot be written; a guard instead notes the failure
// of the store, lets Pebble believe that all is well, and writes nothing to any
// log from then on. Since the writer of the ledger looks for a failure after
// each commit, before it believes it, nothing is ever called accepted that is
// not on the disk.
type guard struct {
	vfs.FS
	store *store
}

func (g *guard) Unwrap() vfs.FS { return g.FS }

func isLog(name string) bool { return strings.HasSuffix(name, ".log") }

func (g *guard) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return g.log(name, func() (vfs.File, error) { return g.FS.Create(name, c) })
}

func (g *guard) ReuseForWrite(old, name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return g.log(name, func() (vfs.File, error) { return g.FS.ReuseForWrite(old, name, c) })
}

func (g *guard) OpenDir(name string) (vfs.File, error) {
	f, err := g.FS.OpenDir(name)
	if err != nil {
		return nil, err
	}
	return &guarded{f, g.store}, nil
}

// log opens a file for writing. In place of a log that cannot be opened comes
// one in memory, which nobody will read.
func (g *guard) log(name string, open func() (vfs.File, error)) (vfs.File, error) {
	if !isLog(name) {
		return open()
	}
	if g.store.failure() == nil {
		f, err := open()
		if err == nil {
			return &guarded{f, g.store}, nil
		}
		g.store.fail(err)
	}
	return vfs.NewMem().Create("log", vfs.WriteCategoryUnspecified)
}

// guarded is a log, or a folder that is synced when a log is made in it.
type guarded struct {
	vfs.File
	store *store
}

// do does an operation unless the store has failed, and keeps its error.
func (f *guarded) do(operation func() error) {
	if f.store.failure() != nil {
		return
	}
	if err := operation(); err != nil {
		f.store.fail(err)
	}
}

func (f *guarded) Write(p []byte) (int, error) {
	n := len(p) // Write may change p
	f.do(func() error { _, err := f.File.Write(p); return err })
	return n, nil
}

func (f *guarded) Preallocate(offset, length int64) error {
	f.do(func() error { return f.File.Preallocate(offset, length) })
	return nil
}

func (f *guarded) Sync() error {
	f.do(f.File.Sync)
	return nil
}

func (f *guarded) SyncData() error {
	f.do(f.File.SyncData)
	return nil
}

func (f *guarded) SyncTo(length int64) (full bool, err error) {
	f.do(func() error { full, err = f.File.SyncTo(length); return err })
	return full, nil
}

// Close gives the file back also after a failure.
func (f *guarded) Close() error {
	if err := f.File.Close(); err != nil {
		f.store.fail(err)
	}
	return nil
}
