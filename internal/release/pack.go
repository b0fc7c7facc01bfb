package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"io/fs"
	"time"
)

// An archive is a file to be given away.
type archive struct {
	name string
	data []byte
}

// A file is one of an archive's.
type file struct {
	name string
	mode fs.FileMode
	data []byte
}

// pack puts files into a folder of an archive. Nothing in it depends on when,
// where or by whom it is made.
func pack(folder string, zipped bool, files []file, made time.Time) (archive, error) {
	var b bytes.Buffer
	if zipped {
		err := packZip(&b, folder, files, made)
		return archive{folder + ".zip", b.Bytes()}, err
	}
	err := packTar(&b, folder, files, made)
	return archive{folder + ".tar.gz", b.Bytes()}, err
}

func packTar(b *bytes.Buffer, folder string, files []file, made time.Time) error {
	z, err := gzip.NewWriterLevel(b, gzip.BestCompression) // whose header has no time
	if err != nil {
		return err
	}
	w := tar.NewWriter(z)
	for _, f := range files {
		h := &tar.Header{Name: folder + "/" + f.name, Mode: int64(f.mode), Size: int64(len(f.data)), ModTime: made, Format: tar.FormatUSTAR}
		if err := w.WriteHeader(h); err != nil {
			return err
		}
		if _, err := w.Write(f.data); err != nil {
			return err
		}
	}
	return errors.Join(w.Close(), z.Close())
}

func packZip(b *bytes.Buffer, folder string, files []file, made time.Time) error {
	w := zip.NewWriter(b)
	for _, f := range files {
		h := &zip.FileHeader{Name: folder + "/" + f.name, Method: zip.Deflate, Modified: made}
		h.SetMode(f.mode)
		to, err := w.CreateHeader(h)
		if err != nil {
			return err
		}
		if _, err := to.Write(f.data); err != nil {
			return err
		}
	}
	return w.Close()
}
