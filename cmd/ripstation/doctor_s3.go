package main

import (
	"ripstation/archive"
)

// abilities says of each capability of a bucket what to make of its absence. A
// lack that something else makes up for in full is no problem.
var abilities = []struct {
	names    []string
	what     string
	instead  string // when it is not there
	do       string // empty: there is nothing to be done about it
	relevant func(StoreConfig, archive.Checksums) (needed bool)
}{
	{[]string{archive.PutCRC64NVME, archive.PartCRC64NVME, archive.FullObjectCRC64NVME}, "CRC64NVME checksums", "Content-MD5 is used in their place", "set checksums = \"auto\"",
		func(_ StoreConfig, sums archive.Checksums) bool { return sums == archive.ChecksumCRC64NVME }},
	{[]string{archive.ContentMD5}, "Content-MD5", "the server takes wrong bytes without a word: only the read-back tells that they arrived", "use proof = \"read-back\" with it, and another server if you can",
		func(_ StoreConfig, sums archive.Checksums) bool { return sums == archive.ChecksumMD5 }},
	{[]string{archive.PutIfNoneMatch, archive.CompleteIfNoneMatch}, "conditional writes (If-None-Match)",
		"the server replaces objects when asked: a look comes first, which two writers at one moment can both pass",
		"let nothing else write below this prefix; turn versioning on, so that what is replaced is kept", func(StoreConfig, archive.Checksums) bool { return true }},
	{[]string{archive.ListUploads, archive.ListParts}, "uploads that are gone on with", "after a break every part is sent again", "", nil},
	{[]string{archive.Ranges}, "reading a part of an object", "ls, cat and extract do not work from this store", "use another store for these", func(StoreConfig, archive.Checksums) bool { return true }},
	{[]string{archive.ObjectAttributes}, "GetObjectAttributes", "HEAD is asked in its place", "", nil},
	{[]string{archive.Versioning}, "versioning", "repair cannot put a good copy over a damaged one", "", nil},
	{[]string{archive.ObjectLock}, "Object Lock", "retain and legal_hold need a bucket that was made with it", "make a bucket with Object Lock, or leave out retain and legal_hold",
		func(s StoreConfig, _ archive.Checksums) bool { return s.Retain != "" || s.LegalHold }},
}

// capabilities tells them one by one.
func (e *examiner) capabilities(about string, s StoreConfig, st *archive.S3, found *archive.Capabilities) {
	details := map[string]string{}
	for _, f := range found.Found {
		details[f.Name] = f.Detail
	}
	for _, a := range abilities {
		can, why := archive.Able, ""
		for _, name := range a.names {
			if c := found.Can(name); c != archive.Able && can != archive.Unable {
				can, why = c, details[name]
			}
		}
		needed := a.relevant != nil && a.relevant(s, st.Sums())
		switch {
		case can == archive.Able:
			e.line(about, a.what, fine, "yes", "")
		case can == archive.Untold:
			e.line(about, a.what, unseen, why, "let this access key ask for it: packaging/s3 has the policy")
		case needed:
			e.line(about, a.what, problem, why+"; "+a.instead, a.do)
		default:
			e.line(about, a.what, fine, "not there ("+why+"): "+a.instead, "")
		}
	}
}

// proof tells whether the proof that is set for the store can be given.
func (e *examiner) proof(about string, s StoreConfig, st *archive.S3) {
	if s.Proof != "store-checksum" {
		return
	}
	if why := st.Unvouched(); why != "" {
		e.line(about, "proof by the store's checksums", problem, why+": every copy is read back all the same before the spool lets go",
			"set proof = \"read-back\", or use another server; after a change at the server run `ripstation doctor` and start the station anew")
		return
	}
	e.line(about, "proof by the store's checksums", fine, "wrong ones are refused", "")
}
