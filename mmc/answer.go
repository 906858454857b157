package mmc

import (
	"fmt"

	"ripstation/disc"
)

// shortAnswer is the error of an answer that ends before what it must hold.
func shortAnswer(op string, n int) error {
	return badAnswer(op, fmt.Errorf("the drive answered with %d bytes, too few to mean anything", n))
}

// badAnswer is the error of an answer that makes no sense. It counts as the
// drive not having that answer: class refused.
func badAnswer(op string, err error) error {
	return &disc.ReadError{Op: op, Class: disc.ClassRefused, LBA: -1, Err: err}
}
