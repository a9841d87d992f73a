package conf

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Prefix is a network, or one address.
type Prefix = netip.Prefix

// Limit is how much may be stored: automatic, unlimited or a size.
type Limit struct {
	Auto      bool
	Unlimited bool
	Bytes     int64
}

// A setter checks one JSON value and keeps it.
type setter func(json.RawMessage) error

// as decodes raw into a T; what names a T to people.
func as[T any](raw json.RawMessage, what string) (v T, err error) {
	if err := json.Unmarshal(raw, &v); err != nil || string(raw) == "null" {
		s := string(raw)
		if len(s) > 60 {
			s = s[:57] + "…"
		}
		return v, fmt.Errorf("%s is not %s", s, what)
	}
	return v, nil
}

// parsed is a setter for texts that parse understands.
func parsed[T any](to *T, parse func(string) (T, error)) setter {
	return func(raw json.RawMessage) error {
		s, err := as[string](raw, "a text")
		if err != nil {
			return err
		}
		v, err := parse(s)
		if err == nil {
			*to = v
		}
		return err
	}
}

// list is a setter for a list of texts that parse understands.
func list[T any](to *[]T, parse func(string) (T, error)) setter {
	return func(raw json.RawMessage) error {
		items, err := as[[]string](raw, "a list of texts")
		if err != nil {
			return err
		}
		out := make([]T, len(items))
		for i, s := range items {
			if out[i], err = parse(s); err != nil {
				return err
			}
		}
		*to = out
		return nil
	}
}

// or also takes one word, and keeps nothing then.
func or(word string, set setter) setter {
	return func(raw json.RawMessage) error {
		if string(raw) == strconv.Quote(word) {
			return nil
		}
		return set(raw)
	}
}

func integer(to *int, lo, hi int) setter {
	return func(raw json.RawMessage) error {
		n, err := as[int](raw, "a whole number")
		if err != nil {
			return err
		}
		if n < lo || n > hi {
			return fmt.Errorf("%d is not between %d and %d", n, lo, hi)
		}
		*to = n
		return nil
	}
}

func positive(raw json.RawMessage) error {
	n, err := as[float64](raw, "a number")
	if err == nil && n <= 0 {
		err = errors.New("not above 0")
	}
	return err
}

func boolean(to *bool) setter {
	return func(raw json.RawMessage) error {
		b, err := as[bool](raw, "true or false")
		*to = b
		return err
	}
}

func text(to *string, limit int) setter {
	return parsed(to, func(s string) (string, error) {
		if len(s) > limit || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			return "", fmt.Errorf("longer than %d bytes, or with control characters", limit)
		}
		return s, nil
	})
}

func anyText(s string) (string, error) { return s, nil }

func oneOf(words ...string) setter { return oneOfInto(new(string), words...) }

func oneOfInto(to *string, words ...string) setter {
	return parsed(to, func(s string) (string, error) {
		if !slices.Contains(words, s) {
			return "", fmt.Errorf("%q is none of %s", s, strings.Join(words, ", "))
		}
		return s, nil
	})
}

func prefixes(to *[]Prefix) setter {
	return list(to, func(s string) (Prefix, error) {
		if a, err := netip.ParseAddr(s); err == nil {
			return netip.PrefixFrom(a, a.BitLen()), nil
		}
		p, err := netip.ParsePrefix(s)
		if err != nil {
			return p, fmt.Errorf("%q is not a network such as 10.0.0.0/8", s)
		}
		return p, nil
	})
}

// parseOrigin takes scheme://host[:port] and nothing more.
func parseOrigin(s string) (string, error) {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil ||
		strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return "", fmt.Errorf("%q is not an address such as https://pc2.example", s)
	}
	return u.Scheme + "://" + strings.ToLower(u.Host), nil
}

func origin(to *string) setter { return parsed(to, parseOrigin) }

var hostName = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9.-]{0,253}[A-Za-z0-9])?$`)

func parseHost(s string) (string, error) {
	if _, err := netip.ParseAddr(s); err != nil && !hostName.MatchString(s) {
		return "", fmt.Errorf("%q is not a host name", s)
	}
	return strings.ToLower(s), nil
}

// parseListen takes host:port, where the host may be missing.
func parseListen(s string) (string, error) {
	if s == "" || s == "off" {
		return s, nil
	}
	host, port, err := net.SplitHostPort(s)
	if err == nil && host != "" {
		_, err = parseHost(host)
	}
	if n, bad := strconv.ParseUint(port, 10, 16); err != nil || bad != nil || n > 65535 {
		return "", fmt.Errorf("%q is neither off nor host:port such as 0.0.0.0:4201", s)
	}
	return s, nil
}

var address = regexp.MustCompile(`^0x[0-9a-fA-F]{40}$`)

func parseWallet(s string) (string, error) {
	if !address.MatchString(s) {
		return "", fmt.Errorf("%q is not 0x and 40 hex digits", s)
	}
	return strings.ToLower(s), nil
}

// wallet also takes null, the documented default.
func wallet(to *string) setter {
	set := parsed(to, parseWallet)
	return func(raw json.RawMessage) error {
		if string(raw) == "null" {
			return nil
		}
		return set(raw)
	}
}

// classes are the names under limits (API specification §2.6).
var classes = strings.Fields("auth gate mnemonic stat readdir fsread fswrite batch mutate search df sign kv drivers public execute admin register proxy")

func limits(to map[string]int) func(string, json.RawMessage) error {
	return func(class string, raw json.RawMessage) error {
		if !slices.Contains(classes, class) {
			return errors.New("there is no such class")
		}
		n := 0
		if err := integer(&n, 0, math.MaxInt32)(raw); err != nil {
			return err
		}
		to[class] = n
		return nil
	}
}

func parseLink(s string) (string, error) {
	if u, err := url.Parse(s); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return "", fmt.Errorf("%q is not an http address", s)
	}
	return s, nil
}

func urls(chain string, raw json.RawMessage) error {
	if n, err := strconv.Atoi(chain); err != nil || n < 1 {
		return fmt.Errorf("%q is not a chain ID", chain)
	}
	return parsed(new(string), parseLink)(raw)
}

func provider(part string, raw json.RawMessage) error {
	switch part {
	case "enabled":
		return boolean(new(bool))(raw)
	case "baseUrl":
		return parsed(new(string), parseLink)(raw)
	case "defaultModel":
		return text(new(string), 256)(raw)
	case "apiKey":
		if text(new(string), 4096)(raw) != nil {
			return errors.New("not a text of at most 4096 bytes") // the value itself is a secret
		}
		return nil
	}
	return errors.New("there is no such setting")
}

var sizeForm = regexp.MustCompile(`(?i)^([0-9]{1,18}(?:\.[0-9]{1,6})?) ?(B|KB|MB|GB|TB)$`)

// ParseSize reads <number><B|KB|MB|GB|TB>, 1024-based, in any case.
func ParseSize(s string) (int64, error) {
	m := sizeForm.FindStringSubmatch(s)
	if m == nil {
		return 0, fmt.Errorf("%q is not a size such as 10GB", s)
	}
	n, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		return 0, err
	}
	n *= math.Pow(1024, float64(strings.Index("BKMGT", strings.ToUpper(m[2][:1]))))
	if n >= math.MaxInt64 {
		return 0, fmt.Errorf("%q is too large", s)
	}
	return int64(n), nil
}

func bytesize(to *int64) setter { return parsed(to, ParseSize) }

func limit(to *Limit) setter {
	return parsed(to, func(s string) (Limit, error) {
		switch s {
		case "auto":
			return Limit{Auto: true}, nil
		case "unlimited":
			return Limit{Unlimited: true}, nil
		}
		n, err := ParseSize(s)
		return Limit{Bytes: n}, err
	})
}
