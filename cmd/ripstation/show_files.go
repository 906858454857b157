package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"ripstation/catalog"
)

// showFiles prints a disc's files as they come: there may be a million.
func (a *app) showFiles(ctx context.Context, b books, id string) error {
	p := &filePrinter{a: a}
	list, file := p.text, p.textFile
	if a.json {
		list, file = p.json, p.jsonFile
	}
	bad := b.Files(ctx, id, list, file)
	if p.begun && a.json {
		_, err := fmt.Fprintln(a.out, "\n]}")
		bad = errors.Join(bad, err)
	}
	return bad
}

type filePrinter struct {
	a       *app
	list    catalog.ListView
	begun   bool
	n       int
	volume  int
	volumes bool // each is headed by its name
}

func (p *filePrinter) json(v catalog.ListView) error {
	b, err := safeJSON(v, "")
	if err != nil {
		return err
	}
	p.begun = true
	_, err = fmt.Fprintf(p.a.out, "%s,\"files\":[", bytes.TrimSuffix(b, []byte("}")))
	return err
}

func (p *filePrinter) jsonFile(f catalog.ListedFile) error {
	b, err := safeJSON(f, "")
	if err != nil {
		return err
	}
	sep := ","
	if p.n == 0 {
		sep = ""
	}
	p.n++
	_, err = fmt.Fprintf(p.a.out, "%s\n%s", sep, b)
	return err
}

func (p *filePrinter) text(v catalog.ListView) error {
	p.list, p.volume, p.volumes = v, -1, len(v.Volumes) > 1
	_, err := fmt.Fprintf(p.a.out, "%s, version %d: %s\n", one(v.CarrierID), v.Version, listWords(v))
	return err
}

func (p *filePrinter) textFile(f catalog.ListedFile) error {
	if p.volumes && f.Volume != p.volume && f.Volume < len(p.list.Volumes) {
		v := p.list.Volumes[f.Volume]
		if _, err := fmt.Fprintf(p.a.out, "%s, label %s:\n", one(v.View), orDash(&v.Label)); err != nil {
			return err
		}
		p.volume = f.Volume
	}
	when := "-"
	if f.Modified != nil {
		when = f.Modified.UTC().Format("2006-01-02 15:04")
	}
	_, err := fmt.Fprintf(p.a.out, "%14d  %-16s  %s\n", f.Size, when, pathWords(f))
	return err
}

// listWords says what a list of files holds.
func listWords(v catalog.ListView) string {
	text := fmt.Sprintf("%d files of %d bytes (%s), %d directories", v.Files, v.Bytes, size(v.Bytes), v.Directories)
	if v.Damaged > 0 {
		text += fmt.Sprintf("; %d DAMAGED", v.Damaged)
	}
	return text
}
