// Package isoimage writes ISO 9660 images (ECMA-119) of any size that cost
// almost no memory: the headers are held, the files are made as they are read.
// The same options give the same bytes on every machine.
//
// It makes what the simulated drive holds in demonstrations and tests, so that
// other programs (a kernel, xorriso) can mount and list it.
package isoimage
