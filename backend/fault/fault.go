package fault

import (
	"errors"
	"maps"
)

// Kind says what sort of failure it is. Each kind has one HTTP status, given
// in the comment and mapped in package api.
type Kind uint8

const (
	Unknown         Kind = iota // 500
	NotFound                    // 404
	Invalid                     // 400
	Unauthenticated             // 401
	Denied                      // 403
	Waiting                     // 408: nothing happened within the time a long poll may take
	Conflict                    // 409
	Gone                        // 410
	Stale                       // 412: a precondition no longer holds
	TooLarge                    // 413
	Range                       // 416
	Misdirected                 // 421
	Limited                     // 429
	Unsupported                 // 501
	Upstream                    // 502
	Unavailable                 // 503
	Timeout                     // 504
	Full                        // 507
)

// Error is a failure with a kind, a stable code and a sentence for people.
type Error struct {
	Kind   Kind
	Code   string         // stable, snake_case, listed in the API's table of codes
	Msg    string         // a sentence for people; never paths of this PC, never secrets
	Fields map[string]any // merged into the answer's top level
	Err    error          // the cause, for the log only
}

// New returns a fault.
func New(k Kind, code, msg string) *Error { return &Error{Kind: k, Code: code, Msg: msg} }

// With returns a copy that carries one more field of the answer.
func (e *Error) With(key string, value any) *Error {
	c := *e
	c.Fields = maps.Clone(e.Fields)
	if c.Fields == nil {
		c.Fields = map[string]any{}
	}
	c.Fields[key] = value
	return &c
}

// Because returns a copy with the cause.
func (e *Error) Because(err error) *Error {
	c := *e
	c.Err = err
	return &c
}

func (e *Error) Error() string {
	if e.Err != nil {
		return e.Code + ": " + e.Msg + ": " + e.Err.Error()
	}
	return e.Code + ": " + e.Msg
}

func (e *Error) Unwrap() error { return e.Err }

// Is makes errors.Is compare by code, so that a package can publish a fault as
// a value and return copies of it with fields and causes.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code
}

// As returns the outermost fault in err's chain, or nil.
func As(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return nil
}

// KindOf is the kind of the outermost fault in err's chain, else Unknown.
func KindOf(err error) Kind {
	if e := As(err); e != nil {
		return e.Kind
	}
	return Unknown
}

// CodeOf is the code of the outermost fault in err's chain, else "internal_error".
func CodeOf(err error) string {
	if e := As(err); e != nil {
		return e.Code
	}
	return "internal_error"
}
