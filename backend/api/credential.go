package api

import (
	"net/http"
	"regexp"
	"strings"

	"pc2/backend/auth"
	"pc2/backend/fault"
)

var (
	errAPIKey     = fault.New(fault.Unauthenticated, "token_auth_failed", "Invalid API key").With("error", "Authentication failed")
	errTwoCookies = fault.New(fault.Invalid, "bad_request", "Two sign-in cookies of one name came with the request.")
	errTwoTokens  = fault.New(fault.Invalid, "bad_request", "Two Authorization headers came with the request.")
)

// tokenForm are the forms a bearer can have: session, app, access token, API key, device.
var tokenForm = regexp.MustCompile(`^(?:[0-9a-f]{64}|pc2[atd]?_[0-9A-Za-z]{32,64})$`)

// authenticate finds the credential and sets c.who. found is false when none
// was presented; one that is presented and does not hold is an error, and the
// next place is not tried.
func (c *call) authenticate() (found bool, err error) {
	token, err := c.credential()
	if err != nil || token == "" {
		return false, err
	}
	c.who, err = c.s.cfg.Auth.Authenticate(c.Context(), token, c.ip, c.UserAgent())
	if err != nil {
		if code := fault.CodeOf(err); code == "reauth_required" || code == "token_auth_failed" || code == "account_suspended" {
			c.forgetCookie() // else the browser presents it for ever
		}
		return true, err
	}
	c.token = token
	return true, nil
}

// credential is the first that is there: body, Authorization, X-API-Key, cookie.
// A token in the query counts only where browsers cannot send a header, and
// never a session's (a link must not carry one).
func (c *call) credential() (string, error) {
	for _, name := range []string{"auth_token", "token"} {
		if t, ok := c.fields.body[name].(string); ok && t != "" {
			return t, nil
		}
	}
	if h := c.Header.Values("Authorization"); len(h) > 1 {
		return "", errTwoTokens
	} else if len(h) == 1 && h[0] != "" {
		return bearer(h[0]), nil
	}
	if c.Header.Get("X-API-Key") != "" {
		return "", errAPIKey // none has been issued
	}
	return c.cookie()
}

// bearer takes the first of several bearers that has a known form. A header
// without one is a presented credential all the same: an unknown token.
func bearer(header string) string {
	first := ""
	for part := range strings.SplitSeq(header, ",") {
		scheme, t, _ := strings.Cut(strings.TrimSpace(part), " ")
		if !strings.EqualFold(scheme, "Bearer") {
			continue
		}
		if t = strings.TrimSpace(t); tokenForm.MatchString(t) {
			return t
		}
		if first == "" {
			first = t
		}
	}
	if first == "" {
		return "none"
	}
	return first
}

// cookie is the sign-in cookie, if the request comes from the node's own page.
func (c *call) cookie() (string, error) {
	if !c.ownPage() {
		return "", nil
	}
	var found []string
	for _, k := range c.Cookies() {
		if k.Name == c.cookieName() {
			found = append(found, k.Value)
		}
	}
	if len(found) > 1 {
		return "", errTwoCookies
	}
	if len(found) == 1 {
		return found[0], nil
	}
	return "", nil
}

func (c *call) https() bool { return strings.HasPrefix(c.origin, "https:") }

// cookieName differs between nodes: cookies ignore the port, so that two nodes
// on one host would else sign each other out.
func (c *call) cookieName() string {
	if c.https() {
		return "__Host-pc2_" + c.s.cookieID
	}
	return "pc2_" + c.s.cookieID
}

func (c *call) setCookie(token auth.Token, maxAge int) {
	http.SetCookie(c.w, &http.Cookie{Name: c.cookieName(), Value: token.Reveal(), Path: "/", HttpOnly: true, Secure: c.https(), SameSite: http.SameSiteStrictMode, MaxAge: maxAge})
}

func (c *call) forgetCookie() {
	http.SetCookie(c.w, &http.Cookie{Name: c.cookieName(), Path: "/", HttpOnly: true, Secure: c.https(), SameSite: http.SameSiteStrictMode, MaxAge: -1})
}
