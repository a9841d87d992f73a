package api

import (
	"bytes"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strings"

	"github.com/dunglas/httpsfv"

	"pc2/backend/fault"
	"pc2/backend/files"
)

// write takes a file in four forms: raw bytes with ?path=, JSON, multipart with
// a text field, multipart with a file. prepareUpload has sorted them out.
func (s *Server) write(c *call) error {
	req := files.WriteRequest{Origin: c.mark(), Size: max(0, c.ContentLength)}
	body, whole, err := c.uploadBody(&req)
	if err != nil {
		return err
	}
	if err := c.writeOptions(&req); err != nil {
		return err
	}
	want, wanted, err := c.digests()
	if err != nil {
		return err
	}
	trailer := c.Trailer != nil && hasTrailer(c.Trailer, "Repr-Digest")
	req.Digest = want != nil || wanted || trailer
	sent := &sender{r: body}
	req.Verify = func(_ int64, sum []byte) error {
		if err := whole(); err != nil {
			return err
		}
		if trailer {
			if want, err = reprDigest(c.Trailer.Values("Repr-Digest")); err != nil {
				return err
			}
		}
		if want != nil && subtle.ConstantTimeCompare(want, sum) != 1 {
			return fault.New(fault.Invalid, "digest_mismatch", "What arrived is not what was sent. Nothing was changed; send it again.")
		}
		return nil
	}
	r, err := s.cfg.Files.Write(c.Context(), c.actor(), req, sent)
	if err != nil {
		if sent.err != nil {
			return bodyError(sent.err)
		}
		return err
	}
	if wanted {
		c.w.Header().Set("Repr-Digest", "sha-256=:"+base64.StdEncoding.EncodeToString(r.SHA256)+":")
	}
	c.w.Header().Set("ETag", `"`+r.Root+`"`)
	return c.entry(r.Entry, `"success":true`)
}

// sender remembers that reading the body failed, which is the client's fault and not the disk's.
type sender struct {
	r   io.Reader
	err error
}

func (s *sender) Read(b []byte) (int, error) {
	n, err := s.r.Read(b)
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err
}

// upload is how the body of /write arrives, known before anybody is signed in
// because the credential may be inside.
type upload struct {
	form *multipart.Reader
	file *multipart.Part // the first part with a file name
}

// prepareUpload reads what precedes the bytes: a JSON body, or the text fields of
// a form. A stranger gets less room and time than somebody with a credential
// outside, which is looked at first: with one that does not hold, two who send
// nothing would keep everybody else from the places for large bodies.
func (c *call) prepareUpload() error {
	kind, params, err := mime.ParseMediaType(c.Header.Get("Content-Type"))
	if err != nil {
		kind = "" // bytes of some sort
	}
	json := kind == "text/plain" && params["actually"] == "json"
	form := kind == "multipart/form-data"
	if c.fields.query.Has("path") && !json && !form && kind != "application/x-www-form-urlencoded" {
		return nil // raw
	}
	known, refused := c.authenticate()
	if !known || refused != nil {
		c.sent.hurry()
	}
	if form {
		return c.readParts()
	}
	if !known || refused != nil {
		err := c.readFields(maxFields)
		if refused != nil && errors.Is(err, errTooLarge) {
			return refused
		}
		return err
	}
	if c.ContentLength < 0 || c.ContentLength > maxFields { // held in memory: few at a time
		select {
		case c.s.big <- struct{}{}:
			c.leave = append(c.leave, func() { <-c.s.big })
		case <-c.Context().Done():
			return c.Context().Err()
		}
	}
	return c.readFields(maxBigFields)
}

const maxParts = 256

// readParts reads the text fields of a form up to the first file.
func (c *call) readParts() error {
	form, err := c.MultipartReader()
	if err != nil {
		return fault.New(fault.Invalid, "bad_request", "The form cannot be read.").Because(err)
	}
	c.upload.form = form
	c.fields.body = map[string]any{}
	room := int64(maxFields)
	for range maxParts {
		p, err := form.NextPart()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return bodyError(err)
		}
		if p.FileName() != "" || p.FormName() == "file" {
			c.upload.file = p
			return nil
		}
		b, err := io.ReadAll(io.LimitReader(p, room+1))
		if err != nil {
			return bodyError(err)
		}
		if room -= int64(len(b)); room < 0 {
			return errTooLarge
		}
		c.fields.body[p.FormName()] = string(b)
	}
	return errTooLarge
}

// uploadBody sets where req goes and returns the bytes; whole is called when they
// have been read and says whether what follows them is in order.
func (c *call) uploadBody(req *files.WriteRequest) (body io.Reader, whole func() error, err error) {
	fine := func() error { return nil }
	path, err := c.fields.text("path")
	if err != nil {
		return nil, nil, err
	}
	if path == "" {
		return nil, nil, missing("path")
	}
	if req.To, err = c.target(path); err != nil {
		return nil, nil, err
	}
	req.Overwrite, req.CreateParents = true, true
	switch {
	case c.upload.file != nil:
		req.Size = 0 // the form is more than the file
		if n, err := c.fields.number(0, "size"); err == nil && n > 0 {
			req.Size = n
		}
		req.Overwrite, req.CreateParents = false, false
		return c.upload.file, c.formEnds, c.intoFolder(req)
	case c.fields.body != nil:
		text, ok := c.fields.body["content"].(string)
		if !ok {
			if c.fields.body["content"] != nil {
				return nil, nil, invalid("content", "a text")
			}
			return nil, nil, missing("content")
		}
		b, err := c.decodeContent(text)
		req.Size = int64(len(b))
		return bytes.NewReader(b), fine, err
	}
	return c.Body, fine, nil
}

// intoFolder: in the form with a file, path may be the folder.
func (c *call) intoFolder(req *files.WriteRequest) error {
	e, err := c.s.cfg.Files.Stat(c.Context(), c.actor(), req.To, files.StatOptions{})
	if errors.Is(err, files.ErrNotFound) || err == nil && !e.IsDir {
		return nil
	}
	if err != nil {
		return err
	}
	if req.Name, err = c.fields.text("name"); err != nil {
		return err
	}
	if req.Name == "" {
		req.Name = c.upload.file.FileName()
	}
	if req.Name == "" {
		return missing("name")
	}
	return nil
}

// formEnds says whether the form came to its end after the file.
func (c *call) formEnds() error {
	for range maxParts {
		p, err := c.upload.form.NextPart()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return bodyError(err)
		}
		if p.FileName() != "" {
			return fault.New(fault.Invalid, "bad_request", "One file at a time.")
		}
		if n, err := io.Copy(io.Discard, io.LimitReader(p, maxFields+1)); err != nil || n > maxFields {
			return errors.Join(bodyError(err), errTooLarge)
		}
	}
	return errTooLarge
}

func (c *call) decodeContent(text string) ([]byte, error) {
	encoding, err := c.fields.text("encoding")
	if err != nil {
		return nil, err
	}
	switch encoding {
	case "", "utf8", "utf-8":
		return []byte(text), nil
	case "base64":
		b, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return nil, invalid("content", "base64")
		}
		return b, nil
	}
	return nil, invalid("encoding", "utf8 or base64")
}

func (c *call) writeOptions(req *files.WriteRequest) (err error) {
	if req.Overwrite, err = c.fields.flag(req.Overwrite, "overwrite"); err != nil {
		return err
	}
	if req.DedupeName, err = c.fields.flag(false, "dedupe_name"); err != nil {
		return err
	}
	if req.DedupeName && !c.fields.has("overwrite") {
		req.Overwrite = false
	}
	if req.CreateParents, err = c.fields.flag(req.CreateParents, "create_missing_parents", "create_missing_ancestors"); err != nil {
		return err
	}
	if req.ExpectETag, err = c.fields.text("expect_etag"); err != nil {
		return err
	}
	if m := c.Header.Values("If-Match"); len(m) > 0 {
		req.ExpectETag = strings.Join(m, ", ")
	}
	if req.MIME, err = c.fields.text("mime_type"); err != nil {
		return err
	}
	req.Metadata, err = c.metadata("metadata")
	return err
}

// digests reads what the client says of the bytes (Repr-Digest) and whether it
// wants to be told (Want-Repr-Digest), RFC 9530.
func (c *call) digests() (want []byte, wanted bool, err error) {
	if want, err = reprDigest(c.Header.Values("Repr-Digest")); err != nil {
		return nil, false, err
	}
	d, err := httpsfv.UnmarshalDictionary(c.Header.Values("Want-Repr-Digest"))
	if err != nil {
		return want, false, nil // a wish that cannot be read is none
	}
	m, ok := d.Get("sha-256")
	if !ok {
		return want, false, nil
	}
	item, ok := m.(httpsfv.Item)
	n, isNumber := item.Value.(int64)
	return want, ok && isNumber && n > 0, nil
}

// reprDigest is the SHA-256 in a Repr-Digest, nil when there is none.
func reprDigest(values []string) ([]byte, error) {
	if len(values) == 0 {
		return nil, nil
	}
	bad := invalid("Repr-Digest", "a digest such as sha-256=:…:")
	d, err := httpsfv.UnmarshalDictionary(values)
	if err != nil {
		return nil, bad
	}
	m, ok := d.Get("sha-256")
	if !ok {
		return nil, nil // an algorithm that we do not know proves nothing to us
	}
	item, _ := m.(httpsfv.Item)
	sum, ok := item.Value.([]byte)
	if !ok || len(sum) != 32 {
		return nil, bad
	}
	return sum, nil
}

func hasTrailer(t http.Header, name string) bool { _, ok := t[name]; return ok }
