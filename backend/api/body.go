package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"pc2/backend/fault"
)

const (
	maxFields    = 1 << 20  // JSON or form of most routes
	maxBigFields = 50 << 20 // JSON of /write, with a credential
)

var (
	errBadJSON  = fault.New(fault.Invalid, "client_bad_json", "The body is not valid JSON.")
	errTooLarge = fault.New(fault.TooLarge, "too_large", "The body is larger than this route takes.")
	errCut      = fault.New(fault.Invalid, "bad_request", "The body ended before it was complete.")
)

// fields are what a request says: its JSON or form body, then its query.
type fields struct {
	body  map[string]any // JSON values (json.Number for numbers), or strings of a form
	query url.Values
}

// readFields parses a JSON or form body of at most limit bytes. Other bodies are
// left for the handler.
func (c *call) readFields(limit int64) error {
	c.fields.query = c.URL.Query()
	if c.Body == nil || c.Body == http.NoBody {
		return nil
	}
	kind, params, _ := mime.ParseMediaType(c.Header.Get("Content-Type"))
	switch {
	case kind == "multipart/form-data" || kind == "application/octet-stream":
		return nil
	case kind == "application/x-www-form-urlencoded":
		return c.readForm(limit)
	}
	b, err := c.readAll(limit)
	if err != nil {
		return err
	}
	trimmed := bytes.TrimSpace(b)
	isJSON := kind == "application/json" || params["actually"] == "json" || strings.HasSuffix(kind, "+json")
	if !isJSON && (len(trimmed) == 0 || trimmed[0] != '{' && trimmed[0] != '[') {
		return nil
	}
	if len(trimmed) == 0 { // application/json and nothing: as the SDK sends for no arguments
		return nil
	}
	c.fields.body, err = decodeObject(trimmed)
	return err
}

// decodeObject reads one JSON object and nothing after it. An array is kept
// under the name "" for the routes that take one.
func decodeObject(b []byte) (map[string]any, error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, errBadJSON.Because(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errBadJSON
	}
	switch v := v.(type) {
	case map[string]any:
		return v, nil
	case []any:
		return map[string]any{"": v}, nil
	}
	return nil, errBadJSON
}

func (c *call) readForm(limit int64) error {
	b, err := c.readAll(limit)
	if err != nil {
		return err
	}
	v, err := url.ParseQuery(string(b))
	if err != nil {
		return fault.New(fault.Invalid, "bad_request", "The form cannot be read.").Because(err)
	}
	c.fields.body = map[string]any{}
	for k := range v {
		c.fields.body[k] = v.Get(k)
	}
	return nil
}

func (c *call) readAll(limit int64) ([]byte, error) {
	if c.ContentLength > limit {
		return nil, errTooLarge
	}
	b, err := io.ReadAll(http.MaxBytesReader(c.w, c.Body, limit))
	return b, bodyError(err)
}

// bodyError names what is wrong with a body that cannot be read.
func bodyError(err error) error {
	var large *http.MaxBytesError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &large):
		return errTooLarge
	}
	return errCut.Because(err)
}

func missing(key string) error {
	return fault.New(fault.Invalid, "field_missing", fmt.Sprintf("The field %q is missing.", key)).With("key", key)
}

func invalid(key, want string) error {
	return fault.New(fault.Invalid, "field_invalid", fmt.Sprintf("The field %q is not %s.", key, want)).With("key", key)
}

// has says whether one of the names is given and not null.
func (f fields) has(names ...string) bool {
	_, _, ok := f.find(names)
	return ok
}

func (f fields) find(names []string) (v any, name string, ok bool) {
	for _, n := range names {
		if v := f.body[n]; v != nil {
			return v, n, true
		}
	}
	for _, n := range names {
		if f.query.Has(n) {
			return f.query.Get(n), n, true
		}
	}
	return nil, "", false
}

// text is the first of the names that is given, or "".
func (f fields) text(names ...string) (string, error) {
	v, name, ok := f.find(names)
	if !ok {
		return "", nil
	}
	switch v := v.(type) {
	case string:
		return v, nil
	case json.Number:
		return v.String(), nil
	}
	return "", invalid(name, "a text")
}

// flag reads a boolean in all its spellings.
func (f fields) flag(otherwise bool, names ...string) (bool, error) {
	v, name, ok := f.find(names)
	if !ok {
		return otherwise, nil
	}
	switch v := v.(type) {
	case bool:
		return v, nil
	case json.Number:
		if s := v.String(); s == "0" || s == "1" {
			return s == "1", nil
		}
	case string:
		switch strings.ToLower(v) {
		case "1", "true", "yes", "on":
			return true, nil
		case "0", "false", "no", "off", "":
			return false, nil
		}
	}
	return false, invalid(name, "true or false")
}

// number reads a whole number, from JSON or from text.
func (f fields) number(otherwise int64, names ...string) (int64, error) {
	v, name, ok := f.find(names)
	if !ok {
		return otherwise, nil
	}
	s := ""
	switch v := v.(type) {
	case string:
		s = v
	case json.Number:
		s = v.String()
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0, invalid(name, "a whole number")
	}
	return n, nil
}
