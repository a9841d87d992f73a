package scheme

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/windows/registry"
)

const classes = `Software\Classes\`

func (s *Scheme) key() string    { return classes + s.p.Scheme }
func (s *Scheme) notice() string { return classes + `AppUserModelId\` + s.p.Name }

// command opens a link.
func (s *Scheme) command() string {
	start := s.p.Entry
	start.Args = append(start.Args[:len(start.Args):len(start.Args)], "--")
	return start.CommandLine() + ` "%1"`
}

// Register writes what is missing or has changed.
func (s *Scheme) Register(context.Context) error {
	for _, v := range []struct{ key, name, value string }{
		{s.key(), "", "URL:" + s.p.Name},
		{s.key(), "URL Protocol", ""},
		{s.key() + `\DefaultIcon`, "", `"` + s.p.Exec + `",0`},
		{s.key() + `\shell\open\command`, "", s.command()},
		{s.notice(), "DisplayName", s.p.Name}, // without it Windows shows no notification of a program that has no shortcut
	} {
		if err := put(v.key, v.name, v.value); err != nil {
			return fmt.Errorf("register %s:// links: %w", s.p.Scheme, err)
		}
	}
	return nil
}

func put(key, name, value string) error {
	k, _, err := registry.CreateKey(registry.CURRENT_USER, key, registry.QUERY_VALUE|registry.SET_VALUE)
	if err != nil {
		return err
	}
	defer k.Close()
	if have, _, err := k.GetStringValue(name); err == nil && have == value {
		return nil
	}
	return k.SetStringValue(name, value)
}

// Remove takes back what Register wrote, if the links still open this program.
func (s *Scheme) Remove(context.Context) error {
	k, err := registry.OpenKey(registry.CURRENT_USER, s.key()+`\shell\open\command`, registry.QUERY_VALUE)
	if errors.Is(err, registry.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("take back %s:// links: %w", s.p.Scheme, err)
	}
	have, _, err := k.GetStringValue("")
	k.Close()
	if err != nil || !strings.HasPrefix(strings.ToLower(have), strings.ToLower(s.p.Entry.CommandLine())) {
		return nil // another program's
	}
	// A key goes only when it has no other below it.
	for _, key := range []string{s.key() + `\shell\open\command`, s.key() + `\shell\open`, s.key() + `\shell`, s.key() + `\DefaultIcon`, s.key(), s.notice()} {
		if err := registry.DeleteKey(registry.CURRENT_USER, key); err != nil && !errors.Is(err, registry.ErrNotExist) {
			return fmt.Errorf("take back %s:// links: %w", s.p.Scheme, err)
		}
	}
	return nil
}
