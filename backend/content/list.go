package content

import (
	"context"
	"fmt"
	"iter"
)

// Files lists the object files that are filed away, by what they say about
// themselves: with pc2.db lost, roots and sizes can be listed again (names and
// keys cannot). A file that does not hold together yields an error of its own,
// with its id if its name is one, and the list goes on.
func (s *Store) Files(ctx context.Context) iter.Seq2[File, error] {
	return func(yield func(File, error) bool) {
		for i := range 256 {
			dir := fmt.Sprintf("%02x", i)
			var names []string
			err := s.disk.List(dir, func(name string) error { names = append(names, name); return ctx.Err() })
			if err != nil {
				yield(File{}, fmt.Errorf("list objects: %w", err))
				return
			}
			for _, name := range names {
				f, err := s.inspect(dir, name)
				if !yield(f, err) {
					return
				}
			}
		}
	}
}

// File is an object file.
type File struct {
	ID   ID
	Info Info
}

func (s *Store) inspect(dir, name string) (f File, err error) {
	if f.ID, err = ParseID(name); err == nil && folder(f.ID) != dir {
		err = damaged("it belongs to another folder")
	}
	if err != nil {
		return f, fmt.Errorf("object file %s/%s: %w", dir, name, err)
	}
	src, err := s.disk.Open(dir + "/" + name)
	if err != nil {
		return f, fmt.Errorf("object file %s: %w", f.ID, err)
	}
	defer src.Close()
	n, err := src.Length()
	if err == nil {
		f.Info, err = Inspect(src, n)
	}
	if err != nil {
		return f, fmt.Errorf("object file %s: %w", f.ID, err)
	}
	return f, nil
}
