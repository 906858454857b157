package iscsi

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// key is one key=value pair of a login or text exchange (RFC 7143, 6).
type key struct{ name, value string }

// parseKeys splits a text segment into its pairs, in order. An empty segment
// has none.
func parseKeys(seg []byte) ([]key, error) {
	var keys []key
	for part := range bytes.SplitSeq(seg, []byte{0}) {
		if len(part) == 0 {
			continue
		}
		name, value, ok := strings.Cut(string(part), "=")
		if !ok || name == "" || len(name) > 63 {
			return nil, fmt.Errorf("parse text segment: %.64q is not a key=value pair", part)
		}
		keys = append(keys, key{name, value})
	}
	return keys, nil
}

func encodeKeys(keys []key) []byte {
	var b []byte
	for _, k := range keys {
		b = append(b, k.name...)
		b = append(b, '=')
		b = append(b, k.value...)
		b = append(b, 0)
	}
	return b
}

func lookup(keys []key, name string) string {
	for _, k := range keys {
		if k.name == name {
			return k.value
		}
	}
	return ""
}

// params are the operational values that matter to this target, at the
// standard's defaults until negotiated (RFC 7143, 13).
type params struct {
	sendSegment int // the initiator's MaxRecvDataSegmentLength
	firstBurst  int
	maxBurst    int
	immediate   bool
	told        bool // our own MaxRecvDataSegmentLength was declared
}

func defaultParams() params {
	return params{sendSegment: loginMaxSeg, firstBurst: 64 << 10, maxBurst: 256 << 10, immediate: true}
}

// negotiate answers the operational keys of one request and takes over what
// they settle. Keys that ask for nothing get no answer; unknown keys get
// NotUnderstood, as the standard demands.
func (p *params) negotiate(keys []key) ([]key, error) {
	var out []key
	answer := func(name, value string) { out = append(out, key{name, value}) }
	for _, k := range keys {
		switch k.name {
		case "HeaderDigest", "DataDigest":
			answer(k.name, pick(k.value, "None"))
		case "MaxRecvDataSegmentLength":
			n, err := bounded(k, 512, 1<<24-1)
			if err != nil {
				return nil, err
			}
			p.sendSegment = min(n, maxSegment)
		case "FirstBurstLength", "MaxBurstLength":
			n, err := bounded(k, 512, 1<<24-1)
			if err != nil {
				return nil, err
			}
			if k.name == "FirstBurstLength" {
				p.firstBurst = min(n, p.firstBurst)
				answer(k.name, strconv.Itoa(p.firstBurst))
			} else {
				p.maxBurst = min(n, p.maxBurst)
				answer(k.name, strconv.Itoa(p.maxBurst))
			}
		case "ImmediateData":
			p.immediate = k.value == "Yes"
			answer(k.name, yesNo(p.immediate))
		case "InitialR2T", "DataPDUInOrder", "DataSequenceInOrder":
			answer(k.name, "Yes")
		case "IFMarker", "OFMarker":
			answer(k.name, "No")
		case "MaxConnections", "MaxOutstandingR2T":
			answer(k.name, "1")
		case "ErrorRecoveryLevel", "DefaultTime2Retain":
			answer(k.name, "0")
		case "DefaultTime2Wait":
			n, err := bounded(k, 0, 3600)
			if err != nil {
				return nil, err
			}
			answer(k.name, strconv.Itoa(n))
		case "InitiatorName", "InitiatorAlias", "TargetName", "SessionType", "AuthMethod":
		default:
			if !strings.HasPrefix(k.value, "NotUnderstood") {
				answer(k.name, "NotUnderstood")
			}
		}
	}
	if !p.told {
		p.told = true
		answer("MaxRecvDataSegmentLength", strconv.Itoa(maxSegment))
	}
	return out, nil
}

// pick answers a list offered in order of preference: the wanted value if it
// is among them, else Reject.
func pick(list, want string) string {
	for v := range strings.SplitSeq(list, ",") {
		if v == want {
			return want
		}
	}
	return "Reject"
}

func yesNo(b bool) string {
	if b {
		return "Yes"
	}
	return "No"
}

func bounded(k key, low, high int) (int, error) {
	n, err := strconv.ParseInt(k.value, 0, 64)
	if err != nil || n < int64(low) || n > int64(high) {
		return 0, fmt.Errorf("negotiate %s: %.32q is not a number from %d to %d", k.name, k.value, low, high)
	}
	return int(n), nil
}
