package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/BurntSushi/toml"
)

// Load returns the defaults with what the file at path says over them. An
// empty path gives the defaults. Errors name the file and the line.
func Load(path string) (File, error) {
	f := Default()
	if path == "" {
		return f, nil
	}
	text, err := read(path)
	if err != nil {
		return File{}, fmt.Errorf("configuration: %w", err)
	}
	md, err := toml.Decode(string(text), &f)
	if perr, ok := errors.AsType[toml.ParseError](err); ok {
		return File{}, fmt.Errorf("configuration: %s:%d: %s", path, perr.Position.Line, perr.Message)
	}
	if err != nil {
		return File{}, fmt.Errorf("configuration: %s: %w", path, err)
	}
	var errs []error
	for _, key := range md.Undecoded() {
		errs = append(errs, fmt.Errorf("configuration: %s:%d: unknown key %q", path, lineOf(string(text), key), key.String()))
	}
	return f, errors.Join(errs...)
}

// maxFile is the largest file that is read, in bytes: tens of thousands of keys
// in allow_node fit.
const maxFile = 4 << 20

func read(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(text) > maxFile {
		err = fmt.Errorf("%s is larger than %d bytes: is it the right file?", path, maxFile)
	}
	return text, err
}

// lineOf finds the line that sets key, or begins the table of that name. It
// returns the first line where the text is too unusual to tell.
func lineOf(text string, key toml.Key) int {
	table := ""
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "[") {
			table = strings.Trim(line, "[] \t")
			if table == key.String() {
				return n
			}
			continue
		}
		name, _, found := strings.Cut(line, "=")
		if !found {
			continue
		}
		full := strings.Trim(strings.TrimSpace(name), `"'`)
		if table != "" {
			full = table + "." + full
		}
		if full == key.String() {
			return n
		}
	}
	return 1
}

// FlagName returns the flag that sets a key.
func FlagName(key string) string { return strings.ReplaceAll(key, "_", "-") }

// EnvName returns the environment variable that sets a flag.
func EnvName(flag string) string {
	return "LIBERDUS_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// Flags is what Override reads: the values given by flag or environment.
type Flags interface {
	IsSet(flag string) bool
	String(flag string) string
	StringSlice(flag string) []string
	Int(flag string) int
	Bool(flag string) bool
	Duration(flag string) time.Duration
	Generic(flag string) any
}

// Override puts the flags that are set over the table that dst points to.
func Override(dst any, flags Flags) {
	v := reflect.ValueOf(dst).Elem()
	for i := range v.NumField() {
		flag := FlagName(v.Type().Field(i).Tag.Get("toml"))
		if !flags.IsSet(flag) {
			continue
		}
		switch to := v.Field(i).Addr().Interface().(type) {
		case *string:
			*to = flags.String(flag)
		case *[]string:
			*to = slices.DeleteFunc(flags.StringSlice(flag), func(s string) bool { return s == "" }) // LIBERDUS_LISTEN= gives one
		case *int:
			*to = flags.Int(flag)
		case *bool:
			*to = flags.Bool(flag)
		case *time.Duration:
			*to = flags.Duration(flag)
		case *Port:
			*to = Port(flags.String(flag))
		case *Millis:
			*to = *flags.Generic(flag).(*Millis)
		}
	}
}

// Keys returns the keys of a table, in order.
func Keys(table any) []string {
	var keys []string
	for f := range fields(table) {
		keys = append(keys, f.Tag.Get("toml"))
	}
	return keys
}

func fields(table any) func(func(reflect.StructField) bool) {
	t := reflect.TypeOf(table)
	return func(yield func(reflect.StructField) bool) {
		for i := range t.NumField() {
			if !yield(t.Field(i)) {
				return
			}
		}
	}
}
