package mmc

import (
	"context"
	"encoding/binary"
)

// Requested type of GET CONFIGURATION (MMC-6, 6.6.2.2).
const (
	allFeatures = 0x00
	oneFeature  = 0x02
)

// Features that are looked at (MMC-6, 5.3).
const (
	featureProfileList = 0x0000
	featureCSS         = 0x0106
	featureSerial      = 0x0108
	featureAACS        = 0x010D
)

// configRoom holds the features of every drive: there are fewer than 60, most
// of 4 to 12 bytes.
const configRoom = 4096

// GET CONFIGURATION (MMC-6, 6.6).
func cdbGetConfiguration(requested byte, first uint16, size uint16) []byte {
	b := cdb(opGetConfiguration, 10)
	b[1] = requested
	binary.BigEndian.PutUint16(b[2:], first)
	binary.BigEndian.PutUint16(b[7:], size)
	return b
}

// Feature is one feature descriptor.
type Feature struct {
	Code       uint16
	Version    byte
	Persistent bool // always active
	Current    bool // active for the medium in the drive
	Data       []byte
}

// Configuration is the answer to GET CONFIGURATION.
type Configuration struct {
	Profile  uint16 // the current profile, 0 for none
	Features []Feature
}

// Feature finds a feature by its code.
func (c Configuration) Feature(code uint16) (Feature, bool) {
	for _, f := range c.Features {
		if f.Code == code {
			return f, true
		}
	}
	return Feature{}, false
}

func parseConfiguration(b []byte) (Configuration, error) {
	if len(b) < 8 {
		return Configuration{}, shortAnswer("GET CONFIGURATION", len(b))
	}
	c := Configuration{Profile: uint16(be16(b[6:]))}
	// DATA LENGTH counts from behind itself.
	end := min(int64(len(b)), 4+int64(be32(b)))
	if end < 8 {
		return c, nil
	}
	for rest := b[8:end]; len(rest) >= 4; {
		n := 4 + int(rest[3])
		if n > len(rest) {
			break
		}
		c.Features = append(c.Features, Feature{
			Code: uint16(be16(rest)), Version: rest[2] >> 2 & 0x0F,
			Persistent: rest[2]&0x02 != 0, Current: rest[2]&0x01 != 0, Data: rest[4:n:n],
		})
		rest = rest[n:]
	}
	return c, nil
}

// configuration asks for features: all, or one.
func (d *Drive) configuration(ctx context.Context, requested byte, first uint16) (Configuration, error) {
	a, err := d.do(ctx, cdbGetConfiguration(requested, first, configRoom), make([]byte, configRoom), noAddress)
	if err != nil {
		return Configuration{}, err
	}
	return parseConfiguration(a.data)
}

// Configuration asks for the current profile and all features.
func (d *Drive) Configuration(ctx context.Context) (Configuration, error) {
	return d.configuration(ctx, allFeatures, featureProfileList)
}
