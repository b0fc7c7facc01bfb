package nodelist

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// maxFile is the size, in bytes, above which a file of ours is not read.
const maxFile = 1 << 20

// readJSON reads the JSON file at path into v. A file that is not there leaves
// v as it is.
func readJSON(path string, v any) error {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return err
	}
	if len(text) > maxFile {
		return fmt.Errorf("%s is larger than %d bytes", path, maxFile)
	}
	if err := json.Unmarshal(text, v); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// writeJSON puts v into the file at path, with mode 0600. When it returns nil
// the new content is on disk; a crash leaves the old content or the new.
func writeJSON(path string, v any) (err error) {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, "."+filepath.Base(path)+".*") // with mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	_, err = f.Write(append(text, '\n'))
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	return syncDir(dir)
}

// leftFor is how long a file that [writeJSON] has begun may be another process's,
// which will rename it.
const leftFor = time.Hour

// sweep removes what processes that were killed as they wrote the file at path have
// left beside it, if it is that old. What cannot be removed does no harm.
func sweep(path string, old time.Duration) {
	dir, begun := filepath.Dir(path), "."+filepath.Base(path)+"."
	entries, _ := os.ReadDir(dir) // an error: nothing is found
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), begun) {
			continue
		}
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() && time.Since(info.ModTime()) >= old {
			_ = os.Remove(filepath.Join(dir, e.Name()))
		}
	}
}

// syncDir puts a renaming in dir on disk.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
