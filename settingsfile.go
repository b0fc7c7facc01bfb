package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/liberdus/liberdus/internal/config"
)

// A settingsFile is where a server's settings are read again from: nothing that
// would be waited for, and nothing that is only half there.
type settingsFile struct {
	// Fixed.
	path  string // "" is none
	table string // of the server
	had   bool   // it had that table at the start
}

func newSettingsFile(path, table string) settingsFile {
	f := settingsFile{path: path, table: table}
	if path != "" && isFile(path) == nil { // else it cannot be read again
		text, err := config.Text(path)
		f.had = err == nil && hasTable(text, table)
	}
	return f
}

// errHalf is the error of a file that changed while it was read.
var errHalf = errors.New("it is being written: write another file and rename it (mv), then send SIGHUP")

// whole calls read, which reads the file, and returns its error, or why the file
// is not to be believed.
func (f settingsFile) whole(read func() error) error {
	if f.path == "" {
		return read()
	}
	if err := isFile(f.path); err != nil {
		return err
	}
	before, err := config.Text(f.path)
	if err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	if err := read(); err != nil {
		return err
	}
	switch after, err := config.Text(f.path); {
	case err != nil:
		return fmt.Errorf("configuration: %w", err)
	case !bytes.Equal(before, after):
		return fmt.Errorf("configuration: %s: %w", f.path, errHalf)
	case f.had && !hasTable(after, f.table):
		// What is left out has its default: an empty file would let any node join.
		return fmt.Errorf("configuration: %s has no table [%s] any more: is that the whole file? an empty table has the defaults hold", f.path, f.table)
	}
	return nil
}

func hasTable(text []byte, name string) bool {
	tables, err := config.TablesOf(text)
	return err == nil && slices.Contains(tables, name)
}

// isFile refuses settings that are to be read again from what would be waited
// for, such as a pipe: the server could not be stopped meanwhile.
func isFile(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("configuration: %s is not a file: only files can be read again", path)
	}
	return nil
}
