package node

import (
	"fmt"
	"path/filepath"

	"pc2/backend/identity"
)

// Flags are the command line that the node's programs share. The tags are for
// the parser that package cmd uses.
type Flags struct {
	Data              string `help:"Data directory. Default: where the operating system keeps programs' data." type:"path" placeholder:"DIR"`
	Listen            string `help:"Address to listen on; port 0 = any free one. Default: 127.0.0.1 and server.port, 4200." placeholder:"HOST:PORT"`
	Profile           string `help:"Network: local, ela.city or a file." default:"${profile}" placeholder:"NAME|FILE"`
	Name              string `help:"Name that this PC2 would like to have." placeholder:"NAME"`
	ReadyFile         string `help:"File to write when everything answers." type:"path" placeholder:"FILE"`
	RestorePhraseFile string `help:"File with the 24 words to restore from." type:"path" placeholder:"FILE"`
}

// DefaultProfile is the network of a program that is not told another.
const DefaultProfile = "ela.city"

// Config is what the flags ask for. UI and Log are the caller's to set.
func (f Flags) Config() (Config, error) {
	cfg := Config{Dir: f.Data, Listen: f.Listen, WantedName: f.Name, ReadyFile: f.ReadyFile}
	var err error
	if cfg.Dir == "" {
		if cfg.Dir, err = DefaultDir(); err != nil {
			return Config{}, err
		}
	}
	if cfg.Dir, err = filepath.Abs(cfg.Dir); err != nil {
		return Config{}, err
	}
	if f.Profile == "" {
		f.Profile = DefaultProfile
	}
	if cfg.Profile, err = LoadProfile(f.Profile); err != nil {
		return Config{}, err
	}
	if f.RestorePhraseFile != "" {
		if cfg.RestorePhrase, err = identity.ReadPhrase(f.RestorePhraseFile); err != nil {
			return Config{}, fmt.Errorf("--restore-phrase-file: %w", err)
		}
	}
	return cfg, nil
}
