package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// A book has what was measured last of each scenario, by its title, so that a
// report can be made in parts. It lies beside the tables, in a file of JSON.
type book struct {
	file    string // "" for a book that is not kept
	entries map[string]entry
}

// An entry is one scenario's figures and the day of them.
type entry struct {
	Day  string               `json:"day"` // as in 2006-01-02
	Runs []map[string]figures `json:"runs"`
}

// openBook reads the book of a file of tables; of none, it is new and not kept.
func openBook(tables string) (*book, error) {
	b := &book{entries: map[string]entry{}}
	if tables == "" {
		return b, nil
	}
	b.file = filepath.Join(filepath.Dir(tables), "benchmarks", "figures.json")
	text, err := os.ReadFile(b.file)
	if errors.Is(err, fs.ErrNotExist) {
		return b, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &b.entries)
	}
	if err != nil {
		return nil, fmt.Errorf("what was measured before: %w", err)
	}
	return b, nil
}

// enter puts in what was measured today, in place of what was there, and writes the book.
func (b *book) enter(o outcome) error {
	b.entries[o.title()] = entry{Day: time.Now().Format(time.DateOnly), Runs: o.runs}
	if b.file == "" {
		return nil
	}
	text, err := json.MarshalIndent(b.entries, "", "\t")
	if err == nil {
		err = os.MkdirAll(filepath.Dir(b.file), 0o755)
	}
	if err == nil {
		err = os.WriteFile(b.file, append(text, '\n'), 0o644)
	}
	return err
}

// outcomes are what is known of some scenarios. What there is of others is not.
func (b *book) outcomes(of []scenario) (all []outcome) {
	for _, s := range of {
		if e, ok := b.entries[s.title()]; ok {
			all = append(all, outcome{scenario: s, day: e.Day, runs: e.Runs})
		}
	}
	return all
}
