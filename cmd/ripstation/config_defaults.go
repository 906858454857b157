package main

import (
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"time"

	"ripstation/internal/discname"
)

// homes are the folders that the defaults lie in.
type homes struct {
	state   string // spool, catalog, store
	runtime string // socket
}

// places picks the folders: those that systemd hands to the service, the
// service's own for whoever uses its configuration, else the person's.
func places(configPath string) homes {
	h := homes{state: first(os.Getenv("STATE_DIRECTORY")), runtime: first(os.Getenv("RUNTIME_DIRECTORY"))}
	service := h.state != "" || configPath == systemConfig
	if h.state == "" {
		h.state = "/var/lib/ripstation"
		if !service {
			h.state = filepath.Join(personal("XDG_STATE_HOME", ".local/state"), "ripstation")
		}
	}
	if h.runtime == "" {
		switch own := os.Getenv("XDG_RUNTIME_DIR"); {
		case service:
			h.runtime = "/run/ripstation"
		case filepath.IsAbs(own):
			h.runtime = filepath.Join(own, "ripstation")
		default:
			h.runtime = h.state
		}
	}
	return h
}

// first is the first of systemd's colon-separated folders.
func first(list string) string {
	dir, _, _ := strings.Cut(list, ":")
	return dir
}

// personal is a folder of the XDG base directory specification.
func personal(variable, below string) string {
	if dir := os.Getenv(variable); filepath.IsAbs(dir) {
		return dir
	}
	home, err := os.UserHomeDir()
	if u, known := user.Current(); err != nil && known == nil {
		home = u.HomeDir // a job of cron or ssh may have no $HOME; a catalog in /tmp would be gone after a boot
	}
	return filepath.Join("/", home, below)
}

const serviceGroup = "ripstation"

// defaults is the configuration of a station that nobody configured.
func defaults(h homes) *Config {
	yes := true
	return &Config{
		Station: StationConfig{
			Operator:    "",
			Spool:       filepath.Join(h.state, "spool"),
			Reserve:     1e9,
			Catalog:     filepath.Join(h.state, "catalog.db"),
			Socket:      filepath.Join(h.runtime, "ripstation.sock"),
			SocketGroup: serviceGroup,
		},
		Start:  StartConfig{Disc: "rip"},
		Drives: DrivesConfig{Include: []string{"*"}, Exclude: []string{}, Poll: Duration(5 * time.Second), Names: map[string]string{}, Failures: 3},
		Read:   ReadConfig{Retries: 3, Chunk: 1 << 20, Protected: "hold"},
		Eject: EjectConfig{When: "stored", Retry: Duration(30 * time.Second), WhenStoreDark: "hold", DarkAfter: Duration(10 * time.Minute),
			Done: "eject", Incomplete: "eject", Refused: "eject", Already: "eject", NeedsYou: "eject", Failed: "hold"},
		Names:    NamesConfig{Template: discname.Default},
		Identity: IdentityConfig{Hold: Duration(2 * time.Minute), Settle: Duration(15 * time.Second), SameOtherItem: "hold", Recordable: "compare"},
		Stores:   []StoreConfig{{Name: "local", Type: "directory", Required: &yes, Proof: "read-back", Limit: []string{}, Path: filepath.Join(h.state, "store")}},
		Log:      LogConfig{Level: "info", Format: "auto"},
	}
}

// complete fills what a [[store]] leaves out.
func (s *StoreConfig) complete() {
	if s.Required == nil {
		yes := true
		s.Required = &yes
	}
	if s.Proof == "" {
		s.Proof = "read-back"
	}
	if s.Type == "s3" {
		if s.Region == "" {
			s.Region = "us-east-1"
		}
		if s.Checksums == "" {
			s.Checksums = "auto"
		}
	}
}
