package archive

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"path/filepath"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// Unfinished is an upload that was begun and neither completed nor ended. It
// holds room in the store, and nobody sees it but by asking for such.
type Unfinished struct {
	Key   string
	ID    string // the store's name for it
	Begun time.Time
}

// Uploads is a store that tells which uploads are unfinished, and can end
// them. It ends no object.
type Uploads interface {
	// Unfinished gives every unfinished upload below the store's prefix. An
	// error ends the list.
	Unfinished(ctx context.Context) iter.Seq2[Unfinished, error]
	// End ends one; that it is gone already is no error.
	End(ctx context.Context, u Unfinished) error
}

var (
	_ Uploads = (*S3)(nil)
	_ Uploads = (*Dir)(nil)
)

// Unfinished asks for one page after another.
func (s *S3) Unfinished(ctx context.Context) iter.Seq2[Unfinished, error] {
	return func(yield func(Unfinished, error) bool) {
		in := &s3.ListMultipartUploadsInput{Bucket: s.bucket(), Prefix: s.full("")}
		for {
			out, err := s.client.ListMultipartUploads(ctx, in)
			if err != nil {
				yield(Unfinished{}, s.fail("list the unfinished uploads", "", err))
				return
			}
			for _, u := range out.Uploads {
				key, ours := strings.CutPrefix(aws.ToString(u.Key), *in.Prefix)
				if !ours || CheckKey(key) != nil {
					continue // no key that a station makes
				}
				if !yield(Unfinished{Key: key, ID: aws.ToString(u.UploadId), Begun: aws.ToTime(u.Initiated).UTC()}, nil) {
					return
				}
			}
			if !aws.ToBool(out.IsTruncated) {
				return
			}
			k, id := aws.ToString(out.NextKeyMarker), aws.ToString(out.NextUploadIdMarker)
			if k == "" && id == "" || k == aws.ToString(in.KeyMarker) && id == aws.ToString(in.UploadIdMarker) {
				yield(Unfinished{}, s.fail("list the unfinished uploads", "", errors.New("the server says that there is more and does not say where")))
				return
			}
			in.KeyMarker, in.UploadIdMarker = &k, &id
		}
	}
}

// End has the server forget the upload's parts.
func (s *S3) End(ctx context.Context, u Unfinished) error {
	if err := CheckKey(u.Key); err != nil {
		return s.bad("end the upload of", "", err)
	}
	if u.ID == "" {
		return s.bad("end the upload of", u.Key, errors.New("it has no id"))
	}
	return (&s3Upload{s: s, key: u.Key, id: u.ID}).Abort(ctx)
}

// Unfinished reads the first line of every upload's journal.
func (d *Dir) Unfinished(ctx context.Context) iter.Seq2[Unfinished, error] {
	return func(yield func(Unfinished, error) bool) {
		r, err := d.enter(ctx)
		if err != nil {
			yield(Unfinished{}, err)
			return
		}
		defer r.Close()
		entries, err := r.readDir(uploadsDir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			yield(Unfinished{}, d.fail("list the unfinished uploads", "", err))
			return
		}
		for _, e := range entries {
			if err := ctx.Err(); err != nil {
				yield(Unfinished{}, err)
				return
			}
			u, err := r.unfinished(e.Name())
			if err != nil {
				continue // not whole at its birth, or none of ours: nobody knows whose it is
			}
			if !yield(u, nil) {
				return
			}
		}
	}
}

func (r *rooted) unfinished(name string) (u Unfinished, err error) {
	f, err := r.Open(uploadsDir + "/" + name + "/parts")
	if err != nil {
		return u, err
	}
	defer f.Close()
	line, err := bufio.NewReader(io.LimitReader(f, 4096)).ReadString('\n')
	if err != nil {
		return u, err
	}
	text, ok := strings.CutPrefix(line, journalVersion+" ")
	var p plan
	if _, err := fmt.Sscanf(text, "%d %d %s\n", &p.size, &p.part, &u.Key); !ok || err != nil || line != journalHeader(u.Key, p) || r.d.uploadName(u.Key, p) != name {
		return u, fmt.Errorf("upload %s: its journal is of another one", name)
	}
	info, err := f.Stat()
	if err != nil {
		return u, err
	}
	u.ID, u.Begun = name, info.ModTime().UTC()
	return u, CheckKey(u.Key)
}

// End removes the upload's folder.
func (d *Dir) End(ctx context.Context, u Unfinished) error {
	if err := CheckKey(u.Key); err != nil {
		return d.badKey("end the upload of", err)
	}
	r, err := d.enter(ctx)
	if err != nil {
		return err
	}
	defer r.Close()
	if len(u.ID) < 65 || filepath.Base(u.ID) != u.ID {
		return d.badKey("end the upload of "+u.Key, fmt.Errorf("%q is no upload", u.ID))
	}
	now, err := r.unfinished(u.ID)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil || now.Key != u.Key {
		return d.badKey("end the upload of "+u.Key, fmt.Errorf("%q is no upload of it", u.ID))
	}
	var p plan
	if _, err := fmt.Sscanf(u.ID[64:], "-%d-%d", &p.size, &p.part); err != nil {
		return d.badKey("end the upload of "+u.Key, err)
	}
	up := &dirUpload{d: d, key: u.Key, plan: p, folder: uploadsDir + "/" + u.ID}
	return up.abort(r)
}
